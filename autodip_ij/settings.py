"""Every setting of a denoising run, declared once.

The command-line options, the ``#@`` lines of the Fiji scripts, the macro keys, the reference page and the sidecar are
made from this one model, so that a name, a bound or a help text is changed in a single place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from autodip_ij._support.fields import explain
from autodip_ij.classical import method_names
from autodip_ij.errors import BadInput

AUTO = "auto"


@dataclass(frozen=True)
class Shown:
    """How a setting is shown outside Python.

    Attributes
    ----------
    label
        Text before the field of a Fiji dialog.
    unit
        Physical or technical unit, shown in help; empty for none.
    fiji
        Whether the setting is a field of the Fiji dialogs; the others are typed into their field *More settings*.
    persist
        Whether Fiji may remember it between runs; never for scientific parameters.
    """

    label: str
    unit: str = ""
    fiji: bool = True
    persist: bool = False


class DenoiseSettings(BaseModel):
    """Settings of one run; the defaults are what a user gets who types nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    group: Annotated[
        str,
        Field(description="Calibration group: auto (from the metadata), confocal/actin, confocal, actin, ... or all"),
        Shown("Group"),
    ] = AUTO
    calibration: Annotated[
        str,
        Field(description="Calibration: paper (published AUTO-DIP), autodip, or the path of a calibration pack"),
        Shown("Calibration", persist=True),
    ] = "autodip"
    effort: Annotated[
        Literal["fast", "standard", "best"],
        Field(description="How much computing to spend, where the calibration knows efforts"),
        Shown("Effort", persist=True),
    ] = "standard"
    method: Annotated[
        str,
        Field(description=f"dip, or a comparison method: {', '.join(method_names())}"),
        Shown("Method", fiji=False),
    ] = "dip"
    channel: Annotated[
        str,
        Field(
            description="Channels to denoise: index from 0 (Fiji's dialogs count from 1), range 0-2, name, list "
            "0,DAPI; all if empty"
        ),
        Shown("Channels"),
    ] = ""
    time: Annotated[
        str,
        Field(description="Time points: index from 0, range 0-9, list; all if empty"),
        Shown("Time points", fiji=False),
    ] = ""
    z: Annotated[
        str,
        Field(description="Z slices: index from 0, range 0-9, list; all if empty"),
        Shown("Z slices", fiji=False),
    ] = ""
    scene: Annotated[
        str, Field(description="Scene: index from 0 or name; the first if empty"), Shown("Scene", fiji=False)
    ] = ""
    iterations: Annotated[
        int | None,
        Field(ge=1, le=20_000, description="Optimisation steps of each fit instead of the group's"),
        Shown("Iterations (0 = from group)", unit="steps"),
    ] = None
    depth: Annotated[
        int | None,
        Field(ge=1, le=10, description="Levels of the network instead of the group's"),
        Shown("Depth", fiji=False),
    ] = None
    width: Annotated[
        int | str | None,
        Field(
            description="Feature maps a level (1 to 1024), asc_to512, or those of each level (16,32,64,128, which sets "
            "the depth too), instead of the group's"
        ),
        Shown("Width", fiji=False),
    ] = None
    skip: Annotated[
        int | None,
        Field(ge=0, le=64, description="Skip channels instead of the group's; 0 for none"),
        Shown("Skip", fiji=False),
    ] = None
    averaging: Annotated[
        float | None,
        Field(
            ge=0,
            lt=1,
            description="Weight of the running average of outputs instead of the calibration's; 0 is off",
        ),
        Shown("Averaging", fiji=False),
    ] = None
    noise: Annotated[
        float | None,
        Field(
            ge=0,
            le=1,
            description="Standard deviation of the noise added to the network input instead of the calibration's",
        ),
        Shown("Input noise", fiji=False),
    ] = None
    loss: Annotated[
        Literal["mse", "noise-aware"] | None,
        Field(
            description="Loss instead of the group's: mse, or noise-aware (variance-stabilised where the noise "
            "estimated from the plane is shot noise, else mse)"
        ),
        Shown("Loss", fiji=False),
    ] = None
    classical: Annotated[
        str | None,
        Field(
            description="Classical estimate blended into the result instead of the group's, as in gaussian sigma_px=1: "
            f"{', '.join(method_names(quick=True))}; of several, joined by +, the mean"
        ),
        Shown("Classical estimate", fiji=False),
    ] = None
    classical_weight: Annotated[
        float | None,
        Field(ge=0, le=1, description="Share of the classical estimate in the result instead of the group's; 0 is off"),
        Shown("Share of the classical estimate", fiji=False),
    ] = None
    guides: Annotated[
        str | None,
        Field(
            description="Classical estimates that the fit starts from instead of the group's, as in "
            "vst-nlm + vst-wavelet; of those set apart by a vertical bar, the fits of several seeds take one each in "
            "turn; none for a random input"
        ),
        Shown("Guides of the fit", fiji=False),
    ] = None
    guard: Annotated[
        Literal["warn", "stop", "off"],
        Field(
            description="What to do when a fit takes up the noise before its last iteration (less removed than 60 % of "
            "the variance of the noise): say so, or end that fit there"
        ),
        Shown("Guard", fiji=False),
    ] = "warn"
    seeds: Annotated[
        int,
        Field(ge=0, le=64, description="Independent fits averaged instead of the group's number; 0 is the group's"),
        Shown("Fits averaged (0 = from group)", fiji=False),
    ] = 0
    uncertainty: Annotated[
        bool,
        Field(
            description="Also write OUTPUT.uncertainty.ome.tif, the standard deviation between the fits averaged, "
            "in grey values"
        ),
        Shown("Uncertainty map", fiji=False),
    ] = False
    strength: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Share of the denoised image in the result: input + strength * (denoised - input)",
        ),
        Shown("Strength", fiji=False),
    ] = 1.0
    seed: Annotated[
        int,
        Field(ge=0, le=2**31 - 1, description="Seed of the random numbers; the same seed gives the same result"),
        Shown("Seed", fiji=False),
    ] = 1
    device: Annotated[
        Literal["auto", "cuda", "mps", "cpu"],
        Field(description="Where to compute"),
        Shown("Device", persist=True),
    ] = "auto"
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        Field(description="Number format of the network; auto takes bfloat16 where the hardware has it"),
        Shown("Precision", fiji=False),
    ] = "auto"
    dtype: Annotated[
        Literal["float32", "same"],
        Field(
            description="Data type of the result: float32, or same as the input (rounded and clipped, never rescaled)"
        ),
        Shown("Result type"),
    ] = "float32"
    tile: Annotated[
        int,
        Field(ge=32, le=8192, description="Side of the square tiles that larger planes are cut into"),
        Shown("Tile", "px", fiji=False),
    ] = 512
    overlap: Annotated[
        int,
        Field(ge=0, le=4096, description="Overlap of neighbouring tiles"),
        Shown("Overlap", "px", fiji=False),
    ] = 128
    artefacts: Annotated[
        Literal["remove", "keep"],
        Field(
            description="Outlier pixels (hot, dead) and offsets of whole rows or columns, which take no part in the "
            "fit: remove them, or put them back into the result"
        ),
        Shown("Outlier pixels and stripes", fiji=False),
    ] = "remove"
    series: Annotated[
        Literal["independent", "warm", "back-and-forth"],
        Field(
            description="Time series: fit every frame on its own, start from the network of the frame before (warm), "
            "or do that to the last frame and back"
        ),
        Shown("Series", fiji=False),
    ] = "independent"
    vocabulary: Annotated[
        str,
        Field(description="Path of a vocabulary file added to the shipped ones for group inference"),
        Shown("Vocabulary", fiji=False),
    ] = ""
    weights: Annotated[
        str,
        Field(description="Folder of LPIPS backbone weights for machines without a network"),
        Shown("LPIPS weights", persist=True),
    ] = ""

    @field_validator("group")
    @classmethod
    def _known_group(cls, value: str) -> str:
        from autodip_ij.groups.model import group_name, split_group

        return AUTO if value.strip().lower().startswith(AUTO) else group_name(*split_group(value))

    @field_validator("width", mode="before")
    @classmethod
    def _known_width(cls, value: Any) -> int | str | None:
        from autodip_ij.dip.architecture import width_of

        return None if value is None or value == "" else width_of(value)

    @field_validator("classical")
    @classmethod
    def _known_classical(cls, value: str | None) -> str | None:
        from autodip_ij.classical.estimates import parse_estimates

        if not (value or "").strip():
            return None
        parse_estimates(value or "")
        return value

    @field_validator("guides")
    @classmethod
    def _known_guides(cls, value: str | None) -> str | None:
        from autodip_ij.classical.estimates import texts_in_turn

        if not (value or "").strip():
            return None
        texts_in_turn("" if value == "none" else value or "")
        return value

    @classmethod
    def parse(cls, /, **values: Any) -> DenoiseSettings:
        """Make settings from texts or typed values; the message of an error names the setting and the way out.

        Raises
        ------
        autodip_ij.errors.BadInput
            For an unknown setting or a value out of bounds, with the nearest valid one.

        Examples
        --------
        >>> DenoiseSettings.parse(group="Confocal/Actin", iterations="300").group
        'confocal/actin'
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise BadInput(explain(cls, error)) from None


def shown(model: type[BaseModel], name: str) -> Shown:
    """Return how setting `name` is shown."""
    return next(item for item in model.model_fields[name].metadata if isinstance(item, Shown))
