"""Every setting of a denoising run, declared once.

The command-line options, the ``#@`` lines of the Fiji scripts, the macro keys, the reference page and the sidecar are
generated from this one model, so that a name, a bound or a help text is changed in a single place. A setting with the
name of a fit parameter overrides it, with the bounds and the description of `autodip_ij.calibration.parameters`.
"""

from __future__ import annotations

import json
import logging
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from autodip_ij._support.fields import explain
from autodip_ij.calibration.parameters import STORED, declared
from autodip_ij.classical import method_names
from autodip_ij.errors import BadInput, UnreadableFile

AUTO = "auto"

RENAMED = {"seeds": "n_fits", "noise": "input_noise", "weights": "lpips_weights"}
"""Former names of settings, accepted with a warning until the next release."""
REPLACED = {"effort": {"best": "standard"}}
"""Former values of settings and what is taken instead, with a warning, until the next release."""

_log = logging.getLogger(__name__)


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


def overriding(name: str, description: str = "", *, default: str = "by default", **bounds: float) -> Any:
    """Return the declaration of a setting that overrides a fit parameter.

    Parameters
    ----------
    name
        The parameter, whose bounds and description the setting has.
    description
        Instead of that of the parameter.
    default
        What stands for the value of the group in the help.
    bounds
        ``ge``, ``le``, ... where they differ from those of the parameter.
    """
    info = declared()[name]
    own = {key: getattr(item, key) for item in info.metadata for key in ("ge", "gt", "le", "lt") if hasattr(item, key)}
    about = f"{description or info.description}; {default} the group's"
    return Field(description=about, **{**own, **bounds})


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
        Literal["fast", "standard"],
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
            description="Channels: index from 0 (Fiji's dialogs count from 1), range 0-2, name, list 0,DAPI; "
            "all if empty"
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
        overriding("iterations", "Optimisation steps of each fit", le=20_000),
        Shown("Iterations (0 = from group)", unit="steps"),
    ] = None
    depth: Annotated[int | None, overriding("depth"), Shown("Depth", fiji=False)] = None
    width: Annotated[
        int | str | None,
        overriding(
            "width",
            "Feature maps per level (1 to 1024), asc_to512, or those of each level (16,32,64,128, which sets the depth "
            "too)",
        ),
        Shown("Width", fiji=False),
    ] = None
    skip: Annotated[int | None, overriding("skip"), Shown("Skip", fiji=False)] = None
    averaging: Annotated[float | None, overriding("averaging"), Shown("Averaging", fiji=False)] = None
    input_noise: Annotated[float | None, overriding("input_noise", le=1), Shown("Input noise", fiji=False)] = None
    loss: Annotated[
        Literal["mse", "noise-aware"] | None,
        overriding(
            "loss",
            "Loss: mse, or noise-aware (variance-stabilised where the plane has shot noise, else mse)",
        ),
        Shown("Loss", fiji=False),
    ] = None
    classical: Annotated[
        str | None,
        overriding(
            "classical",
            "Classical estimate blended into the result, as in gaussian sigma_px=1: "
            f"{', '.join(method_names(quick=True))}; the mean of several joined by +",
        ),
        Shown("Classical estimate", fiji=False),
    ] = None
    classical_weight: Annotated[
        float | None, overriding("classical_weight"), Shown("Share of the classical estimate", fiji=False)
    ] = None
    guides: Annotated[
        str | None,
        overriding(
            "guides",
            "Classical estimates that the fit starts from, as in vst-nlm + vst-wavelet; fits of an ensemble "
            "alternate between those separated by a vertical bar; none for a random input",
        ),
        Shown("Guides of the fit", fiji=False),
    ] = None
    negative_slope: Annotated[float | None, overriding("negative_slope"), Shown("Slope of LeakyReLU", fiji=False)] = (
        None
    )
    guard: Annotated[
        Literal["warn", "stop", "off"],
        Field(
            description="What to do when a fit overfits (removes less than 60 % of the variance of the noise): warn, "
            "or end it there"
        ),
        Shown("Guard", fiji=False),
    ] = "warn"
    n_fits: Annotated[
        int, overriding("n_fits", ge=0, le=64, default="0 for"), Shown("Fits averaged (0 = from group)", fiji=False)
    ] = 0
    uncertainty: Annotated[
        bool,
        Field(
            description="Also write OUTPUT.uncertainty.ome.tif: standard deviation between the averaged fits, in grey "
            "values"
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
        Field(ge=0, le=2**31 - 1, description="Seed of the random numbers"),
        Shown("Seed", fiji=False),
    ] = 1
    device: Annotated[
        Literal["auto", "cuda", "mps", "cpu"],
        Field(description="Where to compute"),
        Shown("Device", persist=True),
    ] = "auto"
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        Field(description="Number format of the network; auto: bfloat16 where it is faster"),
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
        Field(ge=32, le=8192, description="Side of the tiles of larger planes"),
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
            description="Outlier pixels (hot, dead) and offsets of rows or columns: remove them, or put them back "
            "into the result"
        ),
        Shown("Outlier pixels and stripes", fiji=False),
    ] = "remove"
    series: Annotated[
        Literal["independent", "warm", "back-and-forth"],
        Field(
            description="Time series: fit every frame on its own, start from the network of the previous frame (warm), "
            "or do that to the last frame and back"
        ),
        Shown("Series", fiji=False),
    ] = "independent"
    neighbours: Annotated[
        Literal["auto", "off", "t", "z"],
        Field(
            description="Neighbouring planes used for each plane: time points (t), slices (z), the axis along which "
            "they help more, if they do (auto), or none"
        ),
        Shown("Neighbouring planes", fiji=False),
    ] = "auto"
    reach: Annotated[
        int,
        Field(ge=1, le=8, description="Neighbouring planes used on each side"),
        Shown("Neighbours on each side", "planes", fiji=False),
    ] = 2
    vocabulary: Annotated[
        str,
        Field(description="Vocabulary file added to the shipped ones"),
        Shown("Vocabulary", fiji=False),
    ] = ""
    lpips_weights: Annotated[
        str,
        Field(description="Folder of LPIPS backbone weights"),
        Shown("LPIPS weights", persist=True),
    ] = ""

    @model_validator(mode="before")
    @classmethod
    def _understand_former_names(cls, values: Any) -> Any:
        return current_names(values) if isinstance(values, Mapping) else values

    @field_validator(*REPLACED, mode="before")
    @classmethod
    def _understand_former_values(cls, value: Any, info: ValidationInfo) -> Any:
        return current_value(info.field_name or "", value)

    @field_validator("channel", "time", "z", "scene", mode="before")
    @classmethod
    def _selection_of_any_form(cls, value: Any, info: ValidationInfo) -> str:
        from autodip_ij.images.selection import selection_text

        return selection_text(value, info.field_name or "")

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
        from autodip_ij.classical.estimates import alternating_texts

        if not (value or "").strip():
            return None
        alternating_texts("" if value == "none" else value or "")
        return value

    @classmethod
    def parse(cls, /, **values: Any) -> DenoiseSettings:
        """Make settings from texts or typed values; the message of an error names the setting and the remedy.

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

    def but(self, values: Mapping[str, Any]) -> DenoiseSettings:
        """Return these settings with others of the given values, by present or former names; errors as in `parse`."""
        return DenoiseSettings.parse(**self.model_dump(exclude_unset=True) | current_names(values))

    @classmethod
    def load(cls, path: str | Path, /, **given: Any) -> Self:
        """Read settings from a TOML file, or those of a run from its sidecar (``.autodip.json``).

        Parameters
        ----------
        path
            The file.
        given
            Settings that take precedence over those of the file.

        Raises
        ------
        autodip_ij.errors.UnreadableFile
            If it cannot be read as such a file.
        autodip_ij.errors.BadInput
            As `parse`, with the name of the file.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8-sig")
            stored = tomllib.loads(text) if path.suffix.lower() != ".json" else json.loads(text)["settings"]
            # A sidecar has every setting; one that is at its default counts as not given.
            if path.suffix.lower() == ".json":
                usual = {name: field.default for name, field in cls.model_fields.items()}
                stored = {name: value for name, value in stored.items() if name not in usual or value != usual[name]}
        except OSError as error:
            raise UnreadableFile(f"{path}: {error.strerror or 'cannot be read'}; give a settings file") from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            reason = " ".join(str(error).split())
            raise UnreadableFile(f"{path}: neither settings in TOML nor a sidecar of autodip ({reason})") from error
        try:
            return cls.model_validate({**current_names(stored), **given})
        except ValidationError as error:
            raise BadInput(f"{path}: {explain(cls, error)}") from None
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from None

    @property
    def enlargement(self) -> int:
        """Pixels that one pixel becomes along X and Y: 1, but for `autodip_ij.denoising.superresolution`."""
        return 1


OVERRIDES = tuple(name for name in DenoiseSettings.model_fields if name in STORED)
"""Settings that override a fit parameter of the same name."""


SECTIONS: dict[str, tuple[str, ...]] = {
    "What": ("channel", "time", "z", "scene"),
    "Quality": ("group", "calibration", "method", "neighbours", "strength", "artefacts", "uncertainty", "dtype"),
    "Speed": ("effort", "device", "precision"),
    "Enlargement": ("scale", "kernel"),
    "Expert": (
        *dict.fromkeys((*OVERRIDES, "n_fits")),
        *("guard", "seed", "series", "reach", "tile", "overlap", "vocabulary", "lpips_weights"),
    ),
}
"""Every setting, those of enlargement included, in the sections in which the help of a command shows them."""


def current_names(values: Mapping[str, Any], *, warn: bool = True) -> dict[str, Any]:
    """Return settings by their present names, whatever names of `RENAMED` they come by.

    Parameters
    ----------
    values
        Settings by name.
    warn
        Whether a former name is worth a warning (once a process); not in records of earlier versions.

    Raises
    ------
    autodip_ij.errors.BadInput
        For a setting that is given by both names.

    Examples
    --------
    >>> current_names({"seeds": 2, "seed": 1}, warn=False)
    {'n_fits': 2, 'seed': 1}
    """
    for old in RENAMED.keys() & values.keys():
        if RENAMED[old] in values:
            raise BadInput(f"{RENAMED[old]} is given twice, also by its former name {old}; omit {old}")
        if warn:
            _warn_of_former_name(old)
    return {RENAMED.get(name, name): value for name, value in values.items()}


@cache
def _warn_of_former_name(name: str) -> None:
    _log.warning(
        "the setting '%s' is called '%s' now; the next release will not accept '%s'", name, RENAMED[name], name
    )


def current_value(name: str, value: Any) -> Any:
    """Return the value of a setting, or what is taken instead of one of `REPLACED`, with a warning once a process.

    Examples
    --------
    >>> current_value("effort", "fast"), current_value("seed", "best")
    ('fast', 'best')
    """
    if not isinstance(value, str) or value not in REPLACED.get(name, {}):
        return value
    _warn_of_former_value(name, value)
    return REPLACED[name][value]


@cache
def _warn_of_former_value(name: str, value: str) -> None:
    _log.warning(
        "%s '%s' no longer exists, so '%s' is taken; the next release will not accept '%s'",
        *(name, value, REPLACED[name][value], value),
    )


def current_options(arguments: Sequence[str]) -> list[str]:
    """Return the words of a command line with the present names and values of options.

    Examples
    --------
    >>> current_options(["best", "--n-fits=2", "--effort", "fast"])
    ['best', '--n-fits=2', '--effort', 'fast']
    """
    words: list[str] = []
    for before, argument in zip(["", *arguments], arguments, strict=False):
        option, equals, value = argument.partition("=")
        name = option.removeprefix("--")
        if name == option:
            words.append(current_value(before.removeprefix("--"), argument) if before.startswith("--") else argument)
            continue
        if name in RENAMED:
            _warn_of_former_name(name)
            option = f"--{RENAMED[name].replace('_', '-')}"
        words.append(f"{option}{equals}{current_value(name, value)}")
    return words


def shown(model: type[BaseModel], name: str) -> Shown:
    """Return how setting `name` is shown."""
    return next(item for item in model.model_fields[name].metadata if isinstance(item, Shown))
