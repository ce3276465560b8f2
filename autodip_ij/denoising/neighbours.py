"""Neighbouring planes of a time series or z-stack: which axis is worth using, and the planes along it.

What neighbouring planes show too is denoised from all of them (`autodip_ij.classical.neighbours`). That estimate takes
the place of the classical estimate of the plane alone, in the blend and as the guide of fits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from threading import Lock
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from autodip_ij.calibration.parameters import blend_of
from autodip_ij.denoising.cleaning import CleanPlane, Scale, measure_scale
from autodip_ij.denoising.regions import Regions
from autodip_ij.errors import BadInput
from autodip_ij.images.window import Window
from autodip_ij.noise.plane import NoisyPlane

if TYPE_CHECKING:
    from autodip_ij.classical.neighbours import SeriesEstimates
    from autodip_ij.denoising.recipe import PlaneRecipe
    from autodip_ij.denoising.tasks import Place, Plane
    from autodip_ij.images.image import Image
    from autodip_ij.settings import DenoiseSettings

Axis = Literal["t", "z"]

ALONG: Mapping[Axis, str] = {"t": "time points", "z": "slices"}
"""The axes along which planes can be neighbours, and what lies along them."""
_AT: Mapping[Axis, int] = {"t": 0, "z": 2}
_MEASURED_SIDE = 512
_BRIGHTER = 2.0
"""A plane whose own window is so much wider than that of its channel (a flash) is denoised alone."""


class Neighbours(BaseModel):
    """How the planes of a channel use their neighbours."""

    model_config = ConfigDict(frozen=True)

    axis: Axis | None = Field(None, description="Axis along which they lie; null where every plane is denoised alone")
    reach: int = Field(0, description="Planes used on each side")
    reason: str = Field("there is one plane", description="Why")
    worth: dict[Axis, float] = Field({}, description="What those along each axis measured are worth, 0 to 1")
    shared_noise: bool = Field(False, description="Whether neighbouring pixels of a plane share noise")

    @property
    def in_words(self) -> str:
        """The decision as text.

        Examples
        --------
        >>> Neighbours(axis="t", reach=2, reason="as set").in_words
        'every plane is denoised with 2 neighbouring time points on each side: as set'
        >>> Neighbours().in_words
        'every plane is denoised alone: there is one plane'
        """
        if self.axis is None:
            return f"every plane is denoised alone: {self.reason}"
        return f"every plane is denoised with {self.reach} neighbouring {ALONG[self.axis]} on each side: {self.reason}"


ALONE = Neighbours()
"""Of planes that have no neighbours."""


def check_neighbours(settings: DenoiseSettings, shape: Sequence[int]) -> None:
    """Refuse neighbours that a selection of `shape` (T, C, Z, Y, X) does not have.

    Raises
    ------
    autodip_ij.errors.BadInput
        With the remedy.
    """
    axis = settings.neighbours
    if axis == "auto" or axis == "off":
        return
    if shape[_AT[axis]] == 1:
        other = next((other for other in ALONG if shape[_AT[other]] > 1), "off")
        raise BadInput(f"neighbours={axis} needs several {ALONG[axis]}, but there is one; use neighbours={other}")
    if axis == "z" and settings.series != "independent":
        raise BadInput(
            f"neighbours=z cannot be used with series={settings.series}, which follows the frames of each slice; use "
            "neighbours=t or series=independent"
        )


def neighbours_of(
    image: Image, position: int, recipe: PlaneRecipe, settings: DenoiseSettings, noisy: NoisyPlane | None
) -> Neighbours:
    """Decide how the planes of the channel at `position` of `image` use their neighbours.

    Runs and ``inspect`` both call this. Where the axis is chosen automatically, a few planes are read, of larger ones
    the middle.

    Parameters
    ----------
    image
        What is processed, reduced to the selected planes.
    position
        Index of the channel in it.
    recipe
        How its planes are processed otherwise.
    settings
        `DenoiseSettings.neighbours` and `reach`.
    noisy
        A plane of the channel whose noise is known; None to look for one.
    """
    asked = settings.neighbours
    axes: list[Axis] = [axis for axis in ALONG if image.shape[_AT[axis]] > 1]
    if not axes:
        return ALONE
    if asked == "off":
        return Neighbours(reason="as set")
    if settings.enlargement == 1 and len(Regions((image.shape[3], image.shape[4]))) > 1:
        return Neighbours(reason="planes as large as these are processed in regions, each by itself")
    if recipe.method != "dip":
        return Neighbours(reason=f"the method {recipe.method} knows single planes only")
    if not (blend_of(recipe.network) or (recipe.fitted and recipe.network.guides)):
        return Neighbours(reason="these parameters have no classical estimate, which is what neighbours improve")
    middle = _Middle.of(image, position, recipe.shared_noise, noisy)
    if middle is None:
        return Neighbours(reason="the planes examined have one grey value")
    if asked != "auto":
        return Neighbours(axis=asked, reach=settings.reach, reason="as set", shared_noise=middle.shares_noise)
    if settings.classical or settings.guides:
        return Neighbours(reason="the classical estimate was chosen")
    if recipe.series != "independent":
        axes = [axis for axis in axes if axis == "t"]
    return _best(middle, axes, settings.reach)


def _best(middle: _Middle, axes: Sequence[Axis], reach: int) -> Neighbours:
    """Return the axis whose neighbours are worth most, the first of equal ones; none if they are worth too little."""
    from autodip_ij.classical.neighbours import HELPFUL, worth

    if not axes:
        return Neighbours(reason="the series follows the frames of each slice, and there is one")
    shared = middle.shares_noise
    try:
        found = {axis: worth(middle.along(axis), middle.image.shape[_AT[axis]], correlated=shared) for axis in axes}
    except BadInput as problem:
        return Neighbours(reason=f"what neighbours are worth cannot be measured: {problem}")
    best = max(axes, key=lambda axis: found[axis])
    # Rounded down, or 0.149 would read as enough.
    measured = " and ".join(f"{int(100 * value + 1e-9) / 100:.2f} along {axis}" for axis, value in found.items())
    if found[best] < HELPFUL:
        return Neighbours(reason=f"neighbours are worth {measured}, and help from {HELPFUL:g}", worth=found)
    reason = f"they are worth {measured}"
    return Neighbours(axis=best, reach=reach, reason=reason, worth=found, shared_noise=shared)


@dataclass(frozen=True)
class _Middle:
    """The middle of the planes of one channel, and one of them in whose scale they are."""

    image: Image
    place: Place
    scale: Scale
    noisy: NoisyPlane

    @classmethod
    def of(cls, image: Image, position: int, shared: bool | None, noisy: NoisyPlane | None) -> _Middle | None:
        """Look for a plane to measure at, the middle one first; None where those looked at have one value only."""
        length_t, _, length_z, *sides = image.shape
        margins = [max(0, side - _MEASURED_SIDE) // 2 for side in sides]
        cut = tuple(slice(margin, margin + _MEASURED_SIDE) for margin in margins)
        # Cut before it is read: of a tiled file only the tiles in the middle are.
        part = replace(image, data=image.data[..., *cut])
        times, slices = ([length // 2, length // 4, 3 * length // 4] for length in (length_t, length_z))
        for t, z in dict.fromkeys(product(times, slices)):
            pixels = part.plane(t, position, z)
            scale = measure_scale(pixels[None, None])
            clean = scale.clean(pixels)
            if not (clean.empty or scale.window.constant):
                return cls(part, (t, position, z), scale, noisy or NoisyPlane(clean.unit, shared))
        return None

    @property
    def shares_noise(self) -> bool:
        return self.noisy.kind() == "correlated"

    def along(self, axis: Axis) -> _Line:
        return _Line(self.image, self.scale, self.place, axis, self.noisy.shared)


class _Line:
    """The planes of a channel along an axis through a place, each read and cleaned once while it is near.

    Parameters
    ----------
    image
        Where they are read.
    scale
        Scale of the channel.
    place
        One of them.
    axis
        Along which they lie.
    shared_noise
        As in `autodip_ij.denoising.recipe.PlaneRecipe`.
    """

    def __init__(self, image: Image, scale: Scale, place: Place, axis: Axis, shared_noise: bool | None) -> None:
        self._image = image
        self._scale = scale
        self._place = place
        self._at = _AT[axis]
        self._shared = shared_noise
        self._held: dict[int, tuple[CleanPlane, NoisyPlane | None]] = {}
        self._reading = Lock()

    def has(self, place: Place) -> bool:
        """Whether a place lies on the line."""
        return all(place[at] == own for at, own in enumerate(self._place) if at != self._at)

    def __call__(self, index: int) -> NoisyPlane | None:
        """Return a plane with its noise, in the scale of the channel; None for one that tells nothing about others.

        It has no measured pixels, or is far brighter than all others.
        """
        return self._both(index)[1]

    def clean(self, index: int) -> CleanPlane:
        """Return a plane ready to be fitted."""
        return self._both(index)[0]

    def forget_beyond(self, reach: int, index: int) -> None:
        """Keep only the planes up to `reach` before and after one."""
        with self._reading:
            self._held = {at: planes for at, planes in self._held.items() if abs(at - index) <= reach}

    def _both(self, index: int) -> tuple[CleanPlane, NoisyPlane | None]:
        with self._reading:
            if index not in self._held:
                t, c, z = (index if at == self._at else own for at, own in enumerate(self._place))
                clean = self._scale.clean(self._image.plane(t, c, z))
                self._held[index] = clean, self._noisy(clean)
            return self._held[index]

    def _noisy(self, clean: CleanPlane) -> NoisyPlane | None:
        if clean.empty or clean.window.constant:
            return None
        gain, offset = _conversion(clean.window, self._scale.window)
        return NoisyPlane(_scaled(clean.unit, gain, offset), self._shared) if gain <= _BRIGHTER else None


def _conversion(source: Window, target: Window) -> tuple[float, float]:
    """Return gain and offset that take values in [0, 1] of one window to those of another."""
    if source == target:
        return 1.0, 0.0
    span = float(target.high - target.low)
    return float(source.high - source.low) / span, float(source.low - target.low) / span


def _scaled(plane: Plane, gain: float, offset: float) -> Plane:
    return plane if (gain, offset) == (1, 0) else plane * np.float32(gain) + np.float32(offset)


class NeighbourPlanes:
    """The planes of a channel and their estimates from several of them, asked for in their order along the axis.

    Parameters
    ----------
    image
        What is processed, reduced to the selected planes.
    scale
        Scale of the channel.
    recipe
        How its planes are processed, with neighbours.
    """

    def __init__(self, image: Image, scale: Scale, recipe: PlaneRecipe) -> None:
        self._image = image
        self._scale = scale
        self._shared = recipe.shared_noise
        self._neighbours = recipe.neighbours
        self._line: _Line | None = None
        self._series: SeriesEstimates | None = None

    def plane(self, place: Place) -> tuple[CleanPlane, NoisyPlane | None]:
        """Return a plane ready to be fitted, and with its noise in the scale of the channel, if it is like others."""
        line, index, _ = self._at(place)
        return line.clean(index), line(index)

    def estimate(self, place: Place) -> Plane | None:
        """Return the estimate (Y, X) of a plane from itself and its neighbours, in its own scale.

        None where the plane cannot be compared with others.

        Raises
        ------
        autodip_ij.errors.BadInput
            If the noise of the planes cannot be estimated.
        """
        line, index, series = self._at(place)
        if line(index) is None:
            return None
        made = series.estimate(index)
        clean = line.clean(index)
        line.forget_beyond(2 * self._neighbours.reach, index)
        return _scaled(made, *_conversion(self._scale.window, clean.window))

    def _at(self, place: Place) -> tuple[_Line, int, SeriesEstimates]:
        """Return the line of a place, where it is on it, and the estimates along it; those of other lines are gone."""
        from autodip_ij.classical.neighbours import SeriesEstimates

        neighbours = self._neighbours
        assert neighbours.axis is not None, "made for channels with neighbours"
        at = _AT[neighbours.axis]
        if self._line is None or self._series is None or not self._line.has(place):
            self._line = _Line(self._image, self._scale, place, neighbours.axis, self._shared)
            count = self._image.shape[at]
            self._series = SeriesEstimates(self._line, count, neighbours.reach, correlated=neighbours.shared_noise)
        return self._line, place[at], self._series
