"""Select calibration images: few, equally many of every group, and as diverse as possible.

As in the paper, the images are embedded by UMAP, the groups are balanced, and samples are chosen that cover the
embedding. How it was covered the paper does not say; here by greedy k-centres: first the image nearest to the middle of
its group, then always the one farthest from those chosen. No image is farther from a chosen one than twice the least
possible (Gonzalez, Theor. Comput. Sci. 38, 293, 1985).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput

if TYPE_CHECKING:
    from autodip_ij.evaluation.datasets import Pair

Plane = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]

EMBEDDED_SIDE = 128
"""Images are averaged to at most this side before they are embedded: thousands of them have to fit into memory."""

CALIBRATION, VALIDATION = "calibration", "validation"


@dataclass(frozen=True)
class Candidate:
    """An image that may be selected.

    Attributes
    ----------
    name
        Its name.
    group
        Images of equal group are balanced against each other.
    field
        Field of view; validation images are taken from fields without calibration images. Empty if unknown.
    read
        Reads the noisy image (Y, X).
    """

    name: str
    group: str
    field: str
    read: Callable[[], Plane]


@dataclass(frozen=True)
class Selected:
    """Position of a candidate in the embedding, and the reason for its selection, if selected."""

    name: str
    group: str
    field: str
    role: str | None
    umap_1: float
    umap_2: float


def select_images(
    candidates: Sequence[Candidate],
    per_group: int,
    *,
    validation: int = 0,
    share_fields: bool = False,
    seed: int = 0,
) -> list[Selected]:
    """Select calibration and validation images.

    Parameters
    ----------
    candidates
        All images, at least five.
    per_group
        Calibration images of each group; all of a group that has fewer.
    validation
        Validation images of each group.
    share_fields
        Take validation images from fields with calibration images too, as published: their figures flatter.
    seed
        Seed of the embedding; the same candidates and seed give the same selection.

    Returns
    -------
    list of Selected
        One per candidate, in order.

    Raises
    ------
    autodip_ij.errors.BadInput
        For fewer than five candidates, or numbers that are not positive.
    """
    if per_group < 1 or validation < 0:
        raise BadInput(f"cannot select {per_group} calibration and {validation} validation images of each group")
    points = embed_images([candidate.read for candidate in candidates], seed=seed)
    roles: dict[int, str] = {}
    members: defaultdict[str, list[int]] = defaultdict(list)
    for index, candidate in enumerate(candidates):
        members[candidate.group].append(index)
    for group in members.values():
        chosen = cover(points, group, per_group)
        roles.update(dict.fromkeys(chosen, CALIBRATION))
        used = {_field(candidates[index]) for index in chosen}
        rest = [
            index for index in group if index not in roles and (share_fields or _field(candidates[index]) not in used)
        ]
        roles.update(dict.fromkeys(cover(points, rest, validation), VALIDATION))
    return [
        Selected(one.name, one.group, one.field, roles.get(index), float(points[index, 0]), float(points[index, 1]))
        for index, one in enumerate(candidates)
    ]


def cover(points: Points, members: Sequence[int], count: int) -> list[int]:
    """Return `count` of `members` (indices into `points`) that cover them: greedy k-centres, ties to the first."""
    if count < 1 or not members:
        return []
    if len(members) <= count:
        return list(members)
    places = points[list(members)]
    chosen = [int(np.linalg.norm(places - places.mean(axis=0), axis=1).argmin())]
    distance = np.linalg.norm(places - places[chosen[0]], axis=1)
    while len(chosen) < count:
        distance[chosen] = -1.0
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(places - places[chosen[-1]], axis=1))
    return [members[index] for index in chosen]


def embed_images(readers: Sequence[Callable[[], Plane]], *, seed: int = 0) -> Points:
    """Return the UMAP coordinates (images, 2) of noisy images: of their pixels, on equal crops, scaled to [0, 1]."""
    from skimage.measure import block_reduce

    from autodip_ij.calibration.descriptors import central_crop, unit_scaled
    from autodip_ij.calibration.embedding import embed

    if not readers:
        raise BadInput("there are no images to select from")
    shapes = [reader().shape for reader in readers]
    height, width = (min(shape[axis] for shape in shapes) for axis in (0, 1))
    side = ceil(max(height, width) / EMBEDDED_SIDE)
    inside = (height // side * side, width // side * side)
    rows = (block_reduce(central_crop(unit_scaled(read()), inside), side, np.mean).ravel() for read in readers)
    return embed(np.stack([row.astype(np.float32) for row in rows]), seed=seed)


def _field(candidate: Candidate) -> Hashable:
    """Return what a calibration and a validation image must not share; an unknown field is shared with nobody."""
    return candidate.field or candidate.name


def select_pairs(
    pairs: Sequence[Pair], per_group: int, *, validation: int = 0, share_fields: bool = False, seed: int = 0
) -> tuple[list[Pair], list[Selected]]:
    """Select the pairs to calibrate on, and record which were set aside for validation.

    Parameters
    ----------
    pairs
        All pairs; balanced over microscope and specimen, or what is shown where the groups do not cover it.
    per_group, validation, share_fields, seed
        See `select_images`.

    Returns
    -------
    pairs
        Those to calibrate on, in order.
    selection
        One entry per pair.
    """
    candidates = [Candidate(pair.name, _balanced_group(pair), pair.field, pair.noisy.read) for pair in pairs]
    selection = select_images(candidates, per_group, validation=validation, share_fields=share_fields, seed=seed)
    chosen = {image.name for image in selection if image.role == CALIBRATION}
    return [pair for pair in pairs if pair.name in chosen], selection


def _balanced_group(pair: Pair) -> str:
    return pair.group if pair.specimen else pair.subset or pair.group
