"""ISBI 2012 challenge: serial-section electron microscopy of fly brain.

Arganda-Carreras et al., doi 10.3389/fnana.2015.00142. Stacks of 30 slices, 512 x 512, 8 bit: ``train-volume.tif``
and ``test-volume.tif``. The set has no noisy captures: its slices serve as clean images, to which white Gaussian
noise is added here, with a standard deviation of 25 of 255 grey values, as in the earlier report (section 5.2.1). Its
figures (24.91 dB, and 25.78 dB for the best variant) are means of 24 images; which ones is unknown.
"""

from __future__ import annotations

from pathlib import Path

from autodip_ij.evaluation.datasets.files import count_planes
from autodip_ij.evaluation.datasets.model import Dataset, ImageRecipe, Pair, safe_name

NAME = "isbi2012"
VALUE_RANGE = 255.0
SIGMA = 25.0
"""Standard deviation of the noise, in grey values of 255."""
STACKS = {"train": "train-volume.tif", "test": "test-volume.tif"}
"""File names by split."""


def recognise(root: Path) -> bool:
    """Whether one of the two stacks is in the folder."""
    return any((root / name).is_file() for name in STACKS.values())


def find(root: Path, sigma: float = SIGMA) -> Dataset:
    """Return one pair per slice.

    Parameters
    ----------
    root
        Folder with the two stacks.
    sigma
        Standard deviation of the added noise, in grey values; the seed is the index of the slice.
    """
    pairs: list[Pair] = []
    missing = []
    for split, name in STACKS.items():
        path = root / name
        if not path.is_file():
            missing.append(name)
            continue
        pairs += [_pair(path, split, index, sigma) for index in range(count_planes(path))]
    return Dataset(NAME, root, tuple(pairs), tuple(missing))


def _pair(path: Path, split: str, index: int, sigma: float) -> Pair:
    return Pair(
        name=safe_name(NAME, split, f"z{index:02d}"),
        dataset=NAME,
        noisy=ImageRecipe((path,), (index,), noise_sigma=sigma, noise_seed=index),
        clean=ImageRecipe((path,), (index,)),
        subject="fly brain, electron microscopy",
        field=str(index),
        level=f"sigma{sigma:g}",
        value_range=VALUE_RANGE,
        split=split,
    )
