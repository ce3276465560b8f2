"""Data sets as data: images and how they are averaged, pairs of noisy and clean ones, selections of them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput, UnreadableFile, nearest
from autodip_ij.evaluation.datasets.files import read_planes
from autodip_ij.groups.model import GroupDecision, group_name, split_group


@dataclass(frozen=True)
class Selection:
    """Which images are used; an empty condition admits all.

    Attributes
    ----------
    dataset
        Data set, i.e. layout of the data folder, e.g. fmd-test-mix; auto recognises it.
    levels
        Noise levels, e.g. raw avg2; all by default.
    groups
        Groups, e.g. widefield/actin; all by default.
    fields
        Fields of view; all by default.
    split
        test, train, calibration or validation, where the data set has such a division.
    per_group
        Largest number of images of each microscope, subject and level, spread evenly over them.
    crop
        Side of the central square that is used, in pixels; whole images if omitted.
    """

    dataset: str = "auto"
    levels: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    split: str = ""
    per_group: int | None = None
    crop: int | None = None

    def apply(self, pairs: Sequence[Pair]) -> tuple[Pair, ...]:
        """Return the pairs that meet the conditions, in their order.

        Raises
        ------
        autodip_ij.errors.BadInput
            If none does, or a condition names a value that no pair has; the message suggests the nearest.
        """
        _check(self.levels, "level", [pair.level for pair in pairs])
        _check(self.fields, "field", [pair.field for pair in pairs])
        _check([self.split] if self.split else [], "split", [pair.split for pair in pairs])
        wanted = [split_group(group) for group in self.groups]
        chosen = [
            pair
            for pair in pairs
            if (not self.levels or pair.level in self.levels)
            and (not self.fields or pair.field in self.fields)
            and (not self.split or pair.split == self.split)
            and (not wanted or any(_is_in(pair, *group) for group in wanted))
        ]
        if not chosen:
            raise BadInput("no pair of this data set meets all the conditions")
        return tuple(chosen) if self.per_group is None else _spread(chosen, self.per_group)


def _is_in(pair: Pair, microscope: str | None, specimen: str | None) -> bool:
    return microscope in (None, pair.microscope) and specimen in (None, pair.specimen)


def _check(wanted: Sequence[str], what: str, known: Sequence[str]) -> None:
    there = list(dict.fromkeys(known))
    for value in wanted:
        if value not in there:
            raise BadInput(f"no {what} '{value}' in this data set{nearest(value, there)}")


def _spread(pairs: Sequence[Pair], count: int) -> tuple[Pair, ...]:
    if count < 1:
        raise BadInput(f"pairs per group is {count}; expected at least 1")
    members: defaultdict[tuple[str, ...], list[Pair]] = defaultdict(list)
    for pair in pairs:
        members[pair.dataset, pair.microscope or "", pair.subject, pair.level].append(pair)
    chosen: set[str] = set()
    for group in members.values():
        step = max(len(group) / count, 1.0)
        chosen.update(group[int((index + 0.5) * step)].name for index in range(min(count, len(group))))
    return tuple(pair for pair in pairs if pair.name in chosen)


Plane = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ImageRecipe:
    """The files of an image and how they are combined; plain data that can be sent to a worker.

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
            If a file is missing or damaged, lacks a frame, or the files differ in size.
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
        """The files that do not exist."""
        return tuple(path for path in self.files if not path.exists())

    def _planes(self) -> Iterator[npt.NDArray[Any]]:
        for path in self.files:
            yield from read_planes(path, self.frames, self.channel)


_SPECIMENS = {
    "nucleus": "nucleus",
    "nuclei": "nucleus",
    "actin": "actin",
    "f-actin": "actin",
    "mito": "mito",
    "mitochondria": "mito",
}


@dataclass(frozen=True)
class Pair:
    """A noisy image and its clean counterpart.

    Attributes
    ----------
    name
        Unique within its data set, usable as a file name.
    dataset
        Name of the data set.
    noisy, clean
        How the two images are computed; ``.read()`` returns (Y, X) float32.
    subject
        Specimen as the data set names it (``actin``, ``fish``, ``CCPs``, ...).
    microscope, specimen
        The group as the paper defines it; None for specimens outside its groups.
    field
        Field of view, as text; empty where the data set has none.
    level
        Noise level as the data set names it (``raw``, ``avg2``, ``noise1``, ``level1``, ...).
    capture
        Index of the first capture, where captures are numbered.
    value_range
        Width of the fixed grey-value scale on which PSNR is published (255 for 8-bit data); None if there is none.
    split
        ``test``, ``train`` or empty.
    shifted
        Whether noisy and clean image may be displaced and should be registered.
    rescaled
        Whether their grey values differ by a gain and an offset.
    scale
        Pixels of the clean image per pixel of the noisy one; above 1 for super-resolution.
    metadata
        Whether a method may know the group; without it the image is treated like a file that says nothing.
    """

    name: str
    dataset: str
    noisy: ImageRecipe
    clean: ImageRecipe
    subject: str
    microscope: str | None = None
    specimen: str | None = None
    field: str = ""
    level: str = ""
    capture: int | None = None
    value_range: float | None = None
    split: str = ""
    shifted: bool = False
    rescaled: bool = False
    scale: int = 1
    metadata: bool = True

    @property
    def group(self) -> str:
        """Group name: ``confocal/actin``, ``widefield``, ``all``, ..."""
        return group_name(self.microscope, self.specimen)

    @property
    def subset(self) -> str:
        """Row of a table that this pair belongs to: microscope and subject, whether or not the groups include it."""
        return " ".join(part for part in (self.microscope, self.subject) if part)

    def decision(self) -> GroupDecision:
        """Return what a method may know of the group, for `autodip_ij.denoising.api.denoise_image`."""
        if not self.metadata:
            return GroupDecision(0, "", None, None, 0.0, reason="withheld")
        return GroupDecision(0, self.subject, self.microscope, self.specimen, 1.0, reason=f"known from {self.dataset}")


@dataclass(frozen=True)
class Dataset:
    """The pairs found in a folder.

    Attributes
    ----------
    name
        Name of the layout.
    root
        The folder.
    pairs
        The complete pairs.
    missing
        What this copy lacks, one line each.
    """

    name: str
    root: Path
    pairs: tuple[Pair, ...]
    missing: tuple[str, ...] = ()


def specimen_of(word: str) -> str | None:
    """Return the specimen group that a data set's name stands for, or None.

    Examples
    --------
    >>> specimen_of("F-actin"), specimen_of("Nuclei"), specimen_of("CCPs")
    ('actin', 'nucleus', None)
    """
    return _SPECIMENS.get(word.strip().lower())


def safe_name(*parts: object) -> str:
    """Join the parts to a text that is a valid file name on every system.

    Examples
    --------
    >>> safe_name("fmd", "confocal", "F-actin", "field 3/4")
    'fmd_confocal_F-actin_field-3-4'
    """
    texts = (re.sub(r"[^A-Za-z0-9.+=_-]+", "-", str(part)).strip("-._") for part in parts if part not in ("", None))
    return "_".join(text for text in texts if text)
