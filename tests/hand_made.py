"""Calibrations made by hand, in which the nearest image is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from autodip_ij.calibration import Calibration, CalibrationImage, Parameters
from autodip_ij.calibration.descriptors import describe
from autodip_ij.calibration.transfer import pool_of

Plane = npt.NDArray[np.float32]
GROUPS = tuple((microscope, specimen) for microscope in ("confocal", "widefield") for specimen in ("actin", "nucleus"))
KNOWN = {"microscope": "confocal", "specimen": "actin"}
"""What is known of the query."""


def texture(seed: int, sigma: float = 3.0, side: int = 64) -> Plane:
    """Smooth random structure, in [0, 1]."""
    smooth = gaussian_filter(np.random.default_rng(seed).random((side, side)), sigma, mode="wrap")
    return ((smooth - smooth.min()) / np.ptp(smooth)).astype(np.float32)


def noisy(plane: Plane, sigma: float, seed: int = 7) -> Plane:
    return (plane + np.random.default_rng(seed).normal(0, sigma, plane.shape)).astype(np.float32)


def query() -> Plane:
    return noisy(texture(1), 0.05)


def entry(name: str, group: tuple[str, str], plane: Plane, *, shipped: bool = True, weights: Path | None = None):
    """A calibration image whose best iteration count is a fingerprint of its name."""
    return CalibrationImage(
        name=name,
        microscope=group[0],
        specimen=group[1],
        parameters={None: Parameters(4, 16, 4, 1 + sum(name.encode()))},
        read=(lambda: plane) if shipped else None,
        descriptor=None if shipped else describe(plane, weights=weights, with_features=weights is not None),
    )


def with_known_nearest(pool: str, *, shipped: bool = True, weights: Path | None = None) -> Calibration:
    """One image much like the query within `pool`, the query itself where `pool` does not look, others everywhere."""
    images: list[CalibrationImage] = []

    def add(name: str, group: tuple[str, str], plane: Plane) -> None:
        images.append(entry(name, group, plane, shipped=shipped, weights=weights))

    inside = {"microscope+specimen": 0, "microscope": 1, "specimen": 2, "all": 3}[pool]
    for number, group in enumerate(GROUPS):
        for k in range(3):
            add(f"other-{number}-{k}", group, noisy(texture(10 + 3 * number + k, 0.8 + 0.3 * k), 0.3, seed=k))
    add("near", GROUPS[inside], noisy(query(), 0.02, seed=3))
    probes = [entry(str(group), group, query()) for group in GROUPS]
    looked_at = {image.name for image in pool_of(probes, pool, **KNOWN)}
    for group in GROUPS:
        if str(group) not in looked_at:
            add(f"identical-{'-'.join(group)}", group, query())
    return calibration_of(images)


def calibration_of(images: Sequence[CalibrationImage]) -> Calibration:
    groups = ["/".join(group) for group in GROUPS] + ["confocal", "actin", "all"]
    table = {(group, None): Parameters(5, 32, 4, 100 + index) for index, group in enumerate(groups)}
    return Calibration("by hand", "psnr", "a test", table, tuple(images))
