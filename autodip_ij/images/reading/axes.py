"""Map the axes of a file to scenes, time points, channels and slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

SCENE = "scene"

_ROLES = {
    "T": "T",
    "C": "C",
    "Z": "Z",
    "S": "C",  # colour samples
    "λ": "C",  # emission wavelength of a spectral scan
    "Λ": "C",  # excitation wavelength of a spectral scan
    "L": "C",  # the same in Olympus and TIFF files
}


@dataclass(frozen=True)
class AxisPlan:
    """Assignment of the leading axes of a file to scenes, time points, channels and slices.

    Spectral axes and colour samples multiply the channels. All other axes (positions, views, angles, phases,
    unstitched mosaic tiles) become scenes.

    Attributes
    ----------
    axes
        Letter and length of every axis but Y and X, slowest first.
    roles
        For each letter ``T``, ``C``, ``Z`` or `SCENE`.
    """

    axes: tuple[tuple[str, int], ...]
    roles: Mapping[str, str]

    def length(self, role: str) -> int:
        """Return the number of indices along `role`."""
        return prod(length for _, length in self._of(role))

    def index(self, scene: int, t: int, c: int, z: int) -> dict[str, int]:
        """Return the index along every axis of the file."""
        found: dict[str, int] = {}
        for role, position in ((SCENE, scene), ("T", t), ("C", c), ("Z", z)):
            letters = self._of(role)
            if letters:
                indices = np.unravel_index(position, [length for _, length in letters])
                found.update({letter: int(i) for (letter, _), i in zip(letters, indices, strict=True)})
        return found

    def flat_index(self, index: Mapping[str, int]) -> int:
        """Return the number of the plane in the order of the file, counted over the axes of `index`."""
        lengths = [(letter, length) for letter, length in self.axes if letter in index]
        if not lengths:
            return 0
        return int(np.ravel_multi_index([index[letter] for letter, _ in lengths], [length for _, length in lengths]))

    def scene_label(self, scene: int) -> str:
        """Return e.g. ``P=3``; empty if there is only one scene."""
        index = self.index(scene, 0, 0, 0)
        return " ".join(f"{letter}={index[letter]}" for letter, length in self._of(SCENE) if length > 1)

    def letters(self) -> str:
        """Return the axes that the file has, in the order of ``TCZYX``."""
        present = {self.roles[letter] for letter, _ in self.axes}
        return "".join(role for role in "TCZ" if role in present) + "YX"

    def _of(self, role: str) -> list[tuple[str, int]]:
        return [(letter, length) for letter, length in self.axes if self.roles[letter] == role]


def plan_axes(axes: Sequence[tuple[str, int]], unnamed: str = "") -> AxisPlan:
    """Assign the axes of a file to scenes, time points, channels and slices.

    Parameters
    ----------
    axes
        Letter and length of every axis but Y and X, slowest first.
    unnamed
        Letters without a meaning of their own; each becomes the first of Z, T, C that the file lacks: unnamed pages are
        slices, as in ImageJ.

    Examples
    --------
    >>> plan = plan_axes([("P", 2), ("T", 3), ("λ", 4)])
    >>> plan.length("scene"), plan.length("T"), plan.length("C"), plan.length("Z")
    (2, 3, 4, 1)
    >>> plan.index(scene=1, t=2, c=3, z=0)
    {'P': 1, 'T': 2, 'λ': 3}
    """
    roles = {letter: _ROLES.get(letter, SCENE) for letter, _ in axes if letter not in unnamed}
    for letter, _ in axes:
        if letter in unnamed:
            roles[letter] = next((role for role in "ZTC" if role not in roles.values()), SCENE)
    return AxisPlan(tuple(axes), roles)
