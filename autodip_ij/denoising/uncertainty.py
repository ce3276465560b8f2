"""The map of how far independent fits lie apart, plane by plane, in grey values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from autodip_ij.denoising.output import new_array
from autodip_ij.denoising.recipe import Plane, PlaneRecipe
from autodip_ij.images.image import Image

if TYPE_CHECKING:
    from autodip_ij.images.window import Window

ONE_FIT = (
    "no uncertainty map: it is the standard deviation between fits, and there is one fit a tile; set seeds=2 or more"
)


def has_uncertainty(recipes: Iterable[PlaneRecipe | None]) -> bool:
    """Whether any of `recipes` averages several fits."""
    return any(recipe and recipe.parameters and recipe.parameters.seeds > 1 for recipe in recipes)


class UncertaintyMap:
    """Collects the uncertainty of planes; NaN where there is none.

    Parameters
    ----------
    like
        The result's image: shape (T, C, Z, Y, X) and metadata.
    """

    def __init__(self, like: Image) -> None:
        self._like = like
        self._pixels = new_array(like.shape, np.dtype(np.float32))
        self._pixels[...] = np.nan

    def note(self, place: tuple[int, int, int], found: Plane | None, window: Window, strength: float) -> None:
        """Keep the uncertainty `found`, in the scale of the fit, of the plane at `place` (T, C, Z)."""
        if found is not None:
            span = float(window.high) - float(window.low)
            self._pixels[place] = found.astype(np.float64) * span * strength

    def image(self) -> Image:
        """Return the map as an image; the display ranges of the input mean nothing to it."""
        plain: Any = tuple(replace(channel, display_range=None) for channel in self._like.channels)
        return replace(self._like.with_data(self._pixels), channels=plain)
