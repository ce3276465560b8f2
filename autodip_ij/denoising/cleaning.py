"""Convert recorded grey values to a plane that can be fitted, and back: pixels that are not measurements are excluded.

==============================  =========================  =============================================
in the input                    for window, fit, checks    in the result
==============================  =========================  =============================================
NaN, inf; gaps of exactly one   mirrored from their edge   as in the input
extreme value
outlier pixels (hot, dead)      mirrored from their edge   denoised; ``artefacts=keep``: as in the input
offsets of rows or columns      taken off                  taken off; ``artefacts=keep``: put back
a plane far brighter than all   a wider window of its own  its own grey values (not where it is cut into regions)
==============================  =========================  =============================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autodip_ij.denoising.regions import RegionReader, Regions, loaded
from autodip_ij.denoising.survey import Survey, sample, survey
from autodip_ij.errors import BadInput
from autodip_ij.images.image import read_lazy
from autodip_ij.images.window import Window, cast
from autodip_ij.noise.defects import edge_of_gaps, fill, find_gaps
from autodip_ij.noise.outliers import find_outliers
from autodip_ij.noise.stripes import Stripes, find_stripes

if TYPE_CHECKING:
    import dask.array as da

    from autodip_ij.noise.estimate import NoiseModel

Plane = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_NOISE_SIDE = 512
_ODD_SHARE = 0.05
_ODD_TIMES = 4.0
_FEWEST_PLANES = 3
_ROUNDING = float(12**-0.5)


@dataclass(frozen=True)
class Findings:
    """The pixels of a plane (Y, X) that are not measurements.

    Attributes
    ----------
    kept
        Pixels that the result takes over from the input.
    outliers
        Pixels that differ from their neighbours as neither noise nor light does.
    stripes
        Offsets taken off, in grey values.
    """

    kept: Mask
    outliers: Mask
    stripes: Stripes

    @property
    def empty(self) -> bool:
        """Whether nothing was measured: the result is the input."""
        return bool(self.kept.all())


@dataclass(frozen=True)
class CleanPlane(Findings):
    """A plane (Y, X) ready to be fitted.

    Attributes
    ----------
    unit
        float32 in [0, 1], finite.
    source
        Grey values as recorded.
    window
        Grey values that became 0 and 1.
    """

    unit: Plane
    source: npt.NDArray[Any]
    window: Window

    @property
    def valid(self) -> Mask:
        """Pixels that were measured."""
        return ~(self.kept | self.outliers)

    def in_words(self, *, kept: bool) -> dict[str, str]:
        """Return what the user should know about the plane, one line per subject; `kept` if artefacts are put back."""
        lines = {}
        if count := int(np.count_nonzero(self.outliers)):
            what = "outlier pixel (hot, dead, or hit by a cosmic ray) was" if count == 1 else "outlier pixels were"
            done = "returned as in the input" if kept else "replaced in the result"
            lines["outliers"] = f"{count} {what} excluded from the fit and {done}"
        if self.stripes:
            after = ", added again after it" if kept else ""
            lines["stripes"] = f"{self.stripes.in_words}: subtracted before the fit{after}"
        return lines

    def restore(self, unit: npt.NDArray[Any], dtype: npt.DTypeLike, *, artefacts: bool = False) -> npt.NDArray[Any]:
        """Return a result in [0, 1] as grey values.

        Parameters
        ----------
        unit
            (Y, X).
        dtype
            Type of the result.
        artefacts
            Put outliers and offsets back.
        """
        if artefacts and self.stripes:
            result = cast(self.window.restore(unit, dtype=np.float64) + self.stripes.image, dtype)
        else:
            result = self.window.restore(unit, dtype=dtype, source=self.source)
        back = self.kept | self.outliers if artefacts else self.kept
        if back.any():
            result[back] = cast(self.source[back], dtype)
        return result


@dataclass(frozen=True)
class Scale:
    """Scales the planes of a channel to [0, 1].

    Attributes
    ----------
    window
        Grey values that become 0 and 1: the extremes of the channel over the selection, without values that are not
        measurements, and without the few planes that are far brighter than all others.
    noise
        Noise of the channel in its grey values, to detect outliers; None where it is unknown.
    sample
        Parts (Y, X) of one of its planes, side by side, that tell most about the noise of all; None where planes are
        processed whole and have each their own.
    telling
        Row and column of the first of these parts.
    """

    window: Window
    noise: NoiseModel | None = None
    sample: npt.NDArray[Any] | None = None
    telling: tuple[int, int] = (0, 0)
    only: _Searched | None = field(default=None, compare=False, repr=False)
    """The only plane of the channel, already searched for pixels that are not measurements."""

    def untouched(self, source: npt.NDArray[Any]) -> CleanPlane:
        """Return a plane of the channel (Y, X) of which nothing is fitted."""
        none = np.zeros(source.shape, bool)
        unit = np.zeros(source.shape, np.float32)
        return CleanPlane(~none, none, Stripes.none(source.shape), unit, source, self.window)

    def clean(self, source: npt.NDArray[Any]) -> CleanPlane:
        """Return a plane of the channel (Y, X) ready to be fitted; the only plane of it is searched once."""
        if self.only is not None and self.only.is_of(source):
            return self._only_clean
        return self._cleaned(source, _measured(source, self.noise, find_stripes))

    @cached_property
    def _only_clean(self) -> CleanPlane:
        assert self.only is not None
        return self._cleaned(self.only.source, self.only.with_stripes(self.noise))

    def _cleaned(self, source: npt.NDArray[Any], found: _Measured) -> CleanPlane:
        window = self.window
        if found.empty or window.constant:
            return CleanPlane(found.kept, found.outliers, found.stripes, window.normalise(source), source, window)
        low, high = found.ends(source) if self.sample is None else (window.low, window.high)
        if low < window.low or high > window.high:
            window = replace(window, low=min(window.low, low), high=max(window.high, high))
        unit = window.normalise(found.values if found.touched else source)
        return CleanPlane(found.kept, found.outliers, found.stripes, unit, source, window)


def measure_scale(channel: da.Array | npt.NDArray[Any]) -> Scale:
    """Measure the scale of a channel (T, Z, Y, X); each plane is read once, one at a time.

    Planes larger than a region are read block by block; their regions share one window, that of the channel.

    Examples
    --------
    >>> frames = np.random.default_rng(0).normal(100, 5, (3, 1, 40, 40))
    >>> hot = frames.copy()
    >>> hot[1, 0, 20, 20] = 65535.0
    >>> measure_scale(hot).window.high < 130
    True
    """
    length_t, length_z = channel.shape[:2]
    if len(regions := Regions(channel.shape[2:])) > 1:
        return _scale_of_regions(channel, regions)
    if (length_t, length_z) == (1, 1) and not isinstance(channel, np.ndarray):
        channel = read_lazy(channel)
    noise = _noise_of(channel)
    if (length_t, length_z) == (1, 1):
        only = _Searched(channel[0, 0], _measured(channel[0, 0], noise))
        return Scale(_window(*_range([only.extremes()]), channel.dtype), noise, only=only)
    planes = [channel[t, z] for t in range(length_t) for z in range(length_z)]
    if isinstance(channel, np.ndarray):
        found = [_extremes(plane, noise) for plane in planes]
    else:
        from dask.base import compute
        from dask.delayed import delayed
        from dask.threaded import get

        found = list(compute(*(delayed(_extremes)(plane, noise) for plane in planes), scheduler=get))
    return Scale(_window(*_range(found), channel.dtype), noise)


def _window(low: float, high: float, dtype: np.dtype[Any]) -> Window:
    return Window(math.floor(low), math.ceil(high), dtype) if dtype.kind in "biu" else Window(low, high, dtype)


def _scale_of_regions(channel: da.Array | npt.NDArray[Any], regions: Regions) -> Scale:
    """Return the scale of a channel (T, Z, Y, X) whose planes are processed in these regions."""
    read = RegionReader(channel, regions)
    seen = [survey(read, place, channel.shape[2:]) for place in np.ndindex(channel.shape[:2])]
    most = max(seen, key=lambda one: one.telling[0].spread)
    part = sample(read, most)
    noise = _noise_of(part[None, None])
    found = [ends for one in seen for ends in _ends_of_regions(read, one, regions, noise)]
    known = [one for one in found if one.measured] or found
    low = min((one.low for one in known), default=0)
    high = max((one.high for one in known), default=0)
    first = most.telling[0].cut
    return Scale(_window(low, high, channel.dtype), noise, part, (first.y, first.x))


def _ends_of_regions(
    read: RegionReader, surveyed: Survey, regions: Regions, noise: NoiseModel | None
) -> Iterable[_Extremes]:
    """Return the extremes of those regions of a plane that may have the smallest or largest value of it."""
    found: dict[int, _Extremes | None] = {}
    for brightest in (True, False):
        best: float | None = None
        for number, bound in surveyed.likely(regions, brightest=brightest):
            # What is not a measurement is replaced by what is there: no value lies beyond those that are read.
            if best is not None and (bound <= best if brightest else bound >= best):
                break
            if number not in found:
                found[number] = _extremes(read.region(surveyed.place, number), noise)
            ends = found[number]
            if ends is not None and ends.measured:
                own = ends.high if brightest else ends.low
                best = own if best is None else max(best, own) if brightest else min(best, own)
    return [ends for ends in found.values() if ends is not None]


@dataclass(frozen=True)
class _Measured(Findings):
    """A plane (Y, X) as float64 with pixels that are not measurements filled and stripes subtracted, and where."""

    values: npt.NDArray[np.float64]

    @property
    def touched(self) -> bool:
        return bool(self.kept.any() or self.outliers.any() or self.stripes)

    def ends(self, source: npt.NDArray[Any]) -> tuple[float, float]:
        """Return the smallest and largest value; as they were read, if so: float64 cuts digits off 64-bit integers."""
        values = self.values if self.touched else source
        return values.min().item() + 0, values.max().item() + 0


@dataclass(frozen=True)
class _Extremes:
    """Smallest and largest value of a plane; `measured` is false where all of it has one value or none at all."""

    low: float
    high: float
    measured: bool


@dataclass(frozen=True)
class _Searched:
    """A plane (Y, X) as recorded, and what was found in it without looking for stripes."""

    source: npt.NDArray[Any]
    found: _Measured

    def extremes(self) -> _Extremes | None:
        """Return the extremes of the plane; None where no value is finite."""
        if not self.found.empty:
            return _Extremes(*self.found.ends(self.source), measured=True)
        finite = self.source[np.isfinite(self.found.values)]
        return _Extremes(finite.min().item(), finite.max().item(), measured=False) if finite.size else None

    def is_of(self, source: npt.NDArray[Any]) -> bool:
        """Whether `source` is this plane."""
        if source is self.source:
            return True
        same = source.dtype == self.source.dtype and source.shape == self.source.shape
        return same and np.array_equal(source, self.source, equal_nan=source.dtype.kind == "f")

    def with_stripes(self, noise: NoiseModel | None) -> _Measured:
        """Return what is found when stripes are looked for too: the same, unless there are some."""
        if self.source.dtype.kind == "b" or self.found.empty:
            return self.found
        stripes = find_stripes(_filled(self.source)[0])
        # Under stripes other pixels are outliers.
        return _measured(self.source, noise, lambda _: stripes) if stripes else self.found


def _extremes(plane: Any, noise: NoiseModel | None) -> _Extremes | None:
    """Return the extremes of a plane (Y, X); None where no value is finite."""
    source = np.asarray(plane)
    return _Searched(source, _measured(source, noise)).extremes()


def _range(found: Sequence[_Extremes | None]) -> tuple[float, float]:
    """Return the window of a channel from the extremes of its planes: their range, without a few odd bright ones."""
    known = [plane for plane in found if plane is not None]
    if not known:
        return 0, 0
    known = [plane for plane in known if plane.measured] or known
    low = min(plane.low for plane in known)
    highs = sorted(plane.high for plane in known)
    dark = float(np.median([plane.low for plane in known]))
    for odd in range(max(1, int(_ODD_SHARE * len(highs))), 0, -1):
        if len(highs) >= _FEWEST_PLANES and highs[-odd] - dark > _ODD_TIMES * (highs[-odd - 1] - dark) > 0:
            return low, highs[-odd - 1]
    return low, highs[-1]


def _measured(
    source: npt.NDArray[Any],
    noise: NoiseModel | None,
    seek: Callable[[npt.NDArray[np.float64]], Stripes] | None = None,
) -> _Measured:
    """Return a plane (Y, X) without what is not a measurement; `seek` finds its stripes, None leaves them in."""
    values, kept = _filled(source)
    none, even = np.zeros(source.shape, bool), Stripes.none(source.shape)
    if source.dtype.kind == "b" or kept.all():
        return _Measured(kept, none, even, values)
    stripes = seek(values) if seek else even
    if stripes:
        values = values - stripes.image
    if noise is None:
        return _Measured(kept, none, stripes, values)
    least = _ROUNDING if source.dtype.kind in "iu" else 0.0
    kept |= edge_of_gaps(source, values, kept, noise, least)
    outliers = find_outliers(values, noise, least) & ~kept
    return _Measured(kept, outliers, stripes, fill(values, kept | outliers))


def _filled(source: npt.NDArray[Any]) -> tuple[npt.NDArray[np.float64], Mask]:
    """Return a plane (Y, X) as float64 with its gaps filled, if it is not one gap, and where they are."""
    values = source.astype(np.float64)
    if source.dtype.kind == "b":
        return values, np.zeros(source.shape, bool)
    kept = find_gaps(source) | ~np.isfinite(values)
    return (values if kept.all() else fill(values, kept)), kept


def _noise_of(channel: da.Array | npt.NDArray[Any]) -> NoiseModel | None:
    """Return the noise of a channel (T, Z, Y, X), from the middle of a plane near its middle; None if it is unknown.

    Not the estimate that the fits use: it is needed before outliers and window are known, in the grey values recorded,
    once for all planes of the channel, and with a precision that the middle of one plane gives.
    """
    from autodip_ij.noise.estimate import estimate_noise

    if channel.dtype.kind == "b":
        return None
    frames, slices, *sides = channel.shape
    middle = tuple(slice((side - min(side, _NOISE_SIDE)) // 2, (side + min(side, _NOISE_SIDE)) // 2) for side in sides)
    for t, z in {(frames // 2, slices // 2), (frames // 3, slices // 3), (0, 0), (frames - 1, slices - 1)}:
        found = _measured(loaded(channel[(t, z, *middle)]), None, find_stripes)
        if not found.empty:
            try:
                return estimate_noise(found.values).model
            except BadInput:
                continue
    return None
