"""How one image of a data set is made from its files: read, averaged, rounded, clipped, made noisy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import UnreadableFile
from autodip_ij.evaluation.datasets.files import read_planes

Plane = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ImageRecipe:
    """What to read and what to do with it; plain data, so that it can travel to a worker.

    Attributes
    ----------
    files
        Files whose planes are averaged.
    frames
        Indices of the planes of each file that are averaged, in file order (T, C, Z flattened); all of them if None.
    channel
        Channel of each file that is used, before planes are counted; all of them if None.
    round_half_up
        Round the mean to whole grey values, halves up, as the averaged files of FMD are.
    clip_percentiles
        Percentiles at which the image is clipped, as the published AUTO-DIP code does with SIM data.
    noise_sigma, noise_seed
        Standard deviation, in grey values, and seed of white Gaussian noise added to it; 0 adds none.
    """

    files: tuple[Path, ...]
    frames: tuple[int, ...] | None = None
    channel: int | None = None
    round_half_up: bool = False
    clip_percentiles: tuple[float, float] | None = None
    noise_sigma: float = 0.0
    noise_seed: int = 0

    def read(self) -> Plane:
        """Return the image (Y, X), float32, in the grey values of its files.

        Raises
        ------
        autodip_ij.errors.UnreadableFile
            If a file is missing or damaged, has no such frame, or the files differ in size.
        autodip_ij.errors.EnvironmentProblem
            If the package that reads the format is not installed.
        """
        total: npt.NDArray[np.float64] | None = None
        count = 0
        for plane in self._planes():
            if total is None:
                total = np.zeros(plane.shape, np.float64)
            elif total.shape != plane.shape:
                raise UnreadableFile(
                    f"{self.files[0]}: images to be averaged have sizes {total.shape} and {plane.shape}"
                )
            total += plane
            count += 1
        if total is None:
            raise UnreadableFile(f"{self.files[0] if self.files else 'recipe'}: nothing to read")
        image = total / count
        if self.round_half_up:
            image = np.floor(image + 0.5)
        if self.clip_percentiles is not None:
            image = np.clip(image, *np.percentile(image, self.clip_percentiles))
        if self.noise_sigma > 0:
            image += np.random.default_rng(self.noise_seed).normal(0.0, self.noise_sigma, image.shape)
        return image.astype(np.float32)

    @property
    def missing(self) -> tuple[Path, ...]:
        """The files that are not there."""
        return tuple(path for path in self.files if not path.exists())

    def _planes(self) -> Iterator[npt.NDArray[Any]]:
        for path in self.files:
            yield from read_planes(path, self.frames, self.channel)
