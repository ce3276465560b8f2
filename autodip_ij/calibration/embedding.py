"""UMAP: images as points of a plane, close together where the images are similar."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput, failed_import

Vector = npt.NDArray[np.float64]

FEWEST_IMAGES = 5
"""UMAP needs a neighbourhood of some images to place anything."""

NEIGHBOURS = 15
"""UMAP's default; fewer where there are fewer images."""


@dataclass(frozen=True)
class _Rows:
    """Rows identified by their content, so that the next image to be placed reuses the layout."""

    digest: str
    values: npt.NDArray[np.float32] = field(compare=False)


def embed(rows: npt.NDArray[np.floating], *, seed: int = 0, new: npt.NDArray[np.floating] | None = None) -> Vector:
    """Return the two UMAP coordinates of every row, and of the rows in `new` placed among them.

    The authors' reducer is not published in readable form, so it is fitted to the given images. The same images and
    seed give the same coordinates on the same machine with the same versions and number of threads; elsewhere rounding
    may lead to another layout. In every layout an image lies among those of its kind, but which of them is its nearest
    neighbour may differ.

    Parameters
    ----------
    rows
        (images, values): flattened pixels, as published, or descriptors.
    seed
        Seed of the layout.
    new
        (images, values) to be placed after the fit, without moving the others.

    Returns
    -------
    numpy.ndarray
        (images, 2), those of `new` last.

    Raises
    ------
    autodip_ij.errors.BadInput
        For fewer than five images.
    autodip_ij.errors.EnvironmentProblem
        If umap-learn, of the extra ``evaluation``, is not installed.
    """
    if len(rows) < FEWEST_IMAGES:
        raise BadInput(f"UMAP needs at least {FEWEST_IMAGES} images, got {len(rows)}")
    values = np.ascontiguousarray(rows, np.float32)
    with warnings.catch_warnings():
        # UMAP announces that a seed means one thread, and numba its own deprecations: neither is the user's concern.
        warnings.simplefilter("ignore")
        reducer = _fitted(_Rows(hashlib.sha256(values.tobytes()).hexdigest(), values), seed)
        points = reducer.embedding_
        if new is not None:
            points = np.vstack([points, reducer.transform(np.asarray(new, np.float32))])
    return np.asarray(points, np.float64)


@lru_cache(maxsize=2)
def _fitted(rows: _Rows, seed: int) -> Any:
    try:
        from umap import UMAP
    except ModuleNotFoundError as error:
        raise failed_import(error) or error from error

    count = min(NEIGHBOURS, len(rows.values) - 1)
    return UMAP(n_components=2, n_neighbors=count, random_state=seed, init="pca").fit(rows.values)
