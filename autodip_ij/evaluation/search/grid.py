"""Define a grid search: networks, options of the fit, and the iterations at which each run is scored."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Mapping
from dataclasses import field, replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, model_validator
from pydantic.dataclasses import dataclass

from autodip_ij._support.fields import explain
from autodip_ij.calibration.parameters import STORED, Parameters, by_plain_name, declared
from autodip_ij.classical.estimates import alternating_texts, parse_estimates
from autodip_ij.dip.architecture import ASCENDING, levels_of
from autodip_ij.errors import BadInput, UnreadableFile, nearest

_log = logging.getLogger(__name__)
Positive = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Configuration(Parameters):
    """One run of the search: `Parameters` whose number of iterations is left open, since one run visits all stops."""

    iterations: int = field(default=1, init=False)

    @property
    def name(self) -> str:
        """Short name; what is off is omitted. That of a fit (nothing blended in) is usable as a file name.

        Examples
        --------
        >>> Configuration(5, 128, 4).name, Configuration(8, "asc_to512", 0, averaging=0.99).name
        ('d5_w128_s4', 'd8_wasc_s0_averaging0.99')
        """
        width = "asc" if self.width == ASCENDING else self.width
        extras = [
            f"{name.replace('_', '-')}{value}".replace("|", "or").replace(" ", ",")
            for name, value in self.changed().items()
            if name not in ("depth", "width", "skip", "iterations") and not name.startswith("classical")
        ]
        if self.classical:
            extras.append(f"blend {self.classical_weight:g} {self.classical}")
        return "_".join([f"d{self.depth}", f"w{width}", f"s{self.skip}", *extras])

    def blended(self, blend: str) -> Configuration:
        """Return this fit with a share of a classical estimate, written as in a grid: ``0.3 vst-nlm``; empty for none.

        Raises
        ------
        autodip_ij.errors.BadInput
            If the share is not a number from 0 to 1, or the method is unknown.
        """
        if not blend:
            return self
        share, _, classical = blend.strip().partition(" ")
        try:
            weight = float(share)
        except ValueError:
            weight = -1.0
        if not 0 < weight <= 1:
            raise BadInput(f"blend: '{blend}' does not begin with a share above 0, up to 1, as in '0.3 vst-nlm'")
        parse_estimates(classical)
        return replace(self, classical=classical, classical_weight=weight)

    def parameters(self, iterations: int) -> Parameters:
        """Return the parameters of a run that stops after `iterations`."""
        return Parameters.parse({**self.record(), "iterations": iterations})

    def job_argument(self) -> dict[str, Any]:
        """Return what the fingerprint of a job holds of it; see `autodip_ij.batch.jobs.fingerprint`.

        Parameters added after the first stored results count only if they differ from their default. Stored results
        therefore stay valid when a parameter is added.
        """
        changed = self.changed()
        return {name: value for name, value in self.columns().items() if name in _FROM_THE_FIRST or name in changed}

    def columns(self) -> dict[str, Any]:
        """Return the values that a table of results holds of it."""
        return {name: value for name, value in self.record().items() if name != "iterations"}


_FROM_THE_FIRST = (
    *("depth", "width", "skip", "averaging", "input_noise", "loss", "activation", "binning", "seeds"),
    *("classical", "classical_weight"),
)
_SEARCHED = tuple(name for name in STORED if name != "iterations" and not name.startswith("classical"))
_PAPER: dict[str, tuple[Any, ...]] = {
    "depth": (4, 5, 6, 7, 8),
    "width": (16, 32, 64, 128, 256, 512, "asc_to512"),
    "skip": (4, 0),
}


def _axis(name: str) -> Any:
    """Return type and declaration of an axis: values of a parameter, by default the paper's or its own default."""
    info = declared()[name]
    value: Any = Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
    return tuple[value, ...], Field(_PAPER.get(name, (info.default,)), alias=info.alias, description=info.description)


_AXES: dict[str, Any] = {name: _axis(name) for name in _SEARCHED}
_Axes: Any = create_model("_Axes", __config__=ConfigDict(extra="forbid", frozen=True, populate_by_name=True), **_AXES)


class Iterations(BaseModel):
    """The stops: from `start` to `stop`, both included, in steps of `step`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: Positive = 100
    stop: Positive = 3000
    step: Positive = 100

    @model_validator(mode="after")
    def _in_order(self) -> Iterations:
        if self.stop < self.start:
            raise ValueError(f"stop {self.stop} lies before start {self.start}")
        return self


class Tolerance(BaseModel):
    """Tolerated loss of quality of a cheaper setting."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    psnr_db: Annotated[float, Field(ge=0)]
    lpips: Annotated[float, Field(ge=0)]


class Rung(BaseModel):
    """One rung of a search by successive halving: how much of the images its fits see, and how many of them go on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    crop: Annotated[int, Field(ge=16, description="Longest side of the images, px")]
    images: Annotated[int, Field(ge=1, description="Images of each microscope and kind of noise")]
    keep: Annotated[float, Field(gt=0, lt=1, description="Share of the fits that go on")]


@dataclass(frozen=True)
class Trial:
    """What is done with one fit of a grid.

    Attributes
    ----------
    stops
        Iterations at which it is scored, ascending.
    blends
        Shares of classical estimates that are tried on its results.
    noise
        Kinds of noise it is for; empty for any.
    """

    stops: tuple[int, ...]
    blends: tuple[str, ...]
    noise: frozenset[str]

    def joined(self, other: Trial) -> Trial:
        """Return what is done with a fit that two parts of a grid contain."""
        return Trial(
            tuple(sorted({*self.stops, *other.stops})),
            tuple(dict.fromkeys([*self.blends, *other.blends])),
            self.noise | other.noise if self.noise and other.noise else frozenset(),
        )

    def suits(self, noise: str) -> bool:
        """Whether it is for images with that kind of noise; those whose kind is not known get every fit."""
        return not self.noise or not noise or noise in self.noise


class Grid(_Axes):
    """A search; the defaults are the paper's: 70 networks, 30 stops.

    Every parameter of a fit but those of the blend is an axis (`autodip_ij.calibration.parameters.Parameters`), whose
    key in a grid file is its stored name. A grid file is TOML with any of these keys; lists are combined with one
    another::

        depth = [4, 5, 8]
        width = [16, 32, "asc_to512", [16, 32, 64, 128]]    # the last has its own depth, 4
        skip = [4]
        fewest_images = 3   # smaller groups get the parameters of wider ones
        [iterations]
        start = 50
        stop = 600
        step = 50
        [standard]          # effort: the cheapest setting so near to the best
        psnr_db = 0.02
        lpips = 0.002

    `guides` names classical estimates that fits start from (``"vst-nlm + vst-wavelet"``, empty for none). `blend` names
    shares of classical estimates (``"0.3 vst-nlm"``, empty for none): they are tried on the results of the same fits,
    so that they cost next to nothing. A search that is not one block has ``parts``: each replaces lists, or the
    iterations, of the grid by its own, and all their fits are computed::

        [[parts]]
        binning = [2]
        [[parts]]
        guides = ["vst-nlm + vst-wavelet"]
        noise = "white"
        iterations = {start = 50, stop = 300, step = 50}

    With `discrepancy` fits end where they reach that part of the noise variance, and a stop is the most iterations.
    A part with ``noise`` is for the images with that kind of noise alone, ``white`` or ``correlated``.

    ``rungs`` make it a search by successive halving (`autodip_ij.evaluation.search.halving`): before the search proper,
    all fits are tried on few small images, and a share of them goes on to the next rung, the last to the search::

        [[rungs]]
        crop = 192      # px
        images = 1      # of each microscope and kind of noise
        keep = 0.25     # of the fits

    `fewest_images` counts the images of one kind of noise too where there are several; `all` always has parameters.
    `cost` is what "cheap" is counted in: floating-point operations, the same on every machine, or measured seconds.
    """

    blend: tuple[str, ...] = ("",)
    fewest_images: Positive = 1
    iterations: Iterations = Iterations()
    noise: Literal["", "white", "correlated"] = ""
    parts: tuple[dict[str, Any], ...] = ()
    rungs: tuple[Rung, ...] = ()
    standard: Tolerance = Tolerance(psnr_db=0.02, lpips=0.002)
    fast: Tolerance = Tolerance(psnr_db=0.5, lpips=0.025)
    cost: Literal["operations", "seconds"] = "operations"

    @model_validator(mode="before")
    @classmethod
    def _without_former_keys(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or "best_seeds" not in values:
            return values
        _log.warning("the key best_seeds has no effect, since there is no effort 'best' any more; remove it")
        return {name: value for name, value in values.items() if name != "best_seeds"}

    @model_validator(mode="after")
    def _nothing_empty(self) -> Grid:
        for name in (*_SEARCHED, "blend"):
            values = getattr(self, name)
            if not values:
                raise ValueError(f"{name} is empty")
            if len(set(values)) < len(values):
                raise ValueError(f"{name} names a value twice")
        try:
            for part in self._blocks():
                for guides in part.guides:
                    alternating_texts(guides)
            self.configurations()
        except BadInput as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def stops(self) -> tuple[int, ...]:
        """All iterations at which some run is scored."""
        return tuple(sorted({stop for part in self._blocks() for stop in part._own_stops()}))

    def trials(self) -> dict[Configuration, Trial]:
        """Return all fits and what is done with each."""
        found: dict[Configuration, Trial] = {}
        for part in self._blocks():
            trial = Trial(part._own_stops(), part.blend, frozenset({part.noise} - {""}))
            for fit in part._own_fits():
                found[fit] = found[fit].joined(trial) if fit in found else trial
        return found

    def stops_of(self, configuration: Configuration) -> tuple[int, ...]:
        """Return the iterations at which the runs of a configuration, blended or not, are scored."""
        return self.trials()[replace(configuration, classical="", classical_weight=0.0)].stops

    def fits(self, noise: str = "") -> list[Configuration]:
        """Return the fits that an image with that kind of noise gets; all of them where the kind is not known.

        Examples
        --------
        >>> len(Grid().fits()), len(Grid().stops)
        (70, 30)
        """
        return [fit for fit, trial in self.trials().items() if trial.suits(noise)]

    def configurations(self) -> list[Configuration]:
        """Return the configurations to compare: every fit with every share of a classical estimate.

        Examples
        --------
        >>> len(Grid(blend=("", "0.3 vst-nlm")).configurations())
        140
        """
        return [fit.blended(blend) for fit, trial in self.trials().items() for blend in trial.blends]

    def blends_of(self, fit: Configuration) -> tuple[str, ...]:
        """Return the shares of classical estimates that are tried on the results of a fit."""
        return self.trials()[fit].blends

    def _own_fits(self) -> list[Configuration]:
        combined = product(*(getattr(self, name) for name in _SEARCHED))
        found = (Configuration(**dict(zip(_SEARCHED, values, strict=True))) for values in combined)
        # Feature maps named level by level are of one depth, whatever depths the others are tried with.
        return list(dict.fromkeys(replace(one, depth=len(levels_of(one.width)) or one.depth) for one in found))

    def _own_stops(self) -> tuple[int, ...]:
        return tuple(range(self.iterations.start, self.iterations.stop + 1, self.iterations.step))

    def _blocks(self) -> list[Grid]:
        """Return the parts as grids of their own; the grid itself if it has none."""
        if not self.parts:
            return [self]
        common = self.model_dump(exclude={"parts", "rungs"})
        return [Grid.model_validate({**common, **by_plain_name(_allowed(part))}) for part in self.parts]


def _allowed(part: dict[str, Any]) -> dict[str, Any]:
    possible = (*_SEARCHED, *(STORED[name] for name in _SEARCHED), "iterations", "noise", "blend")
    for key in part:
        if key not in possible:
            raise BadInput(f"parts: '{key}' cannot differ between parts{nearest(key, possible)}")
    return part


def read_grid(path: str | Path) -> Grid:
    """Return the grid of a TOML file.

    Raises
    ------
    autodip_ij.errors.UnreadableFile
        If the file is missing or no TOML.
    autodip_ij.errors.BadInput
        For an unknown key (the message names the nearest) or a value out of bounds.
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"cannot read the grid {path} ({error})") from error
    except tomllib.TOMLDecodeError as error:
        raise UnreadableFile(f"{path} is not a TOML file ({error})") from error
    try:
        return parse_grid(content)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None


def parse_grid(values: Mapping[str, Any]) -> Grid:
    """Return the grid of these axes and options; the message of an error names the nearest valid key or value.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown key, or a value out of bounds.
    """
    try:
        return Grid.model_validate(values)
    except ValidationError as error:
        raise BadInput(explain(Grid, error, "key")) from None
