"""The mixed test set of FMD: four captures of field 19 of each of the twelve image types, at every noise level.

Folders ``raw``, ``avg2``, ``avg4``, ``avg8``, ``avg16`` and ``gt`` with 48 files each of equal names::

    test_mix/raw/TwoPhoton_BPAE_G_1.png    test_mix/gt/TwoPhoton_BPAE_G_1.png

The number counts files, it is neither the field nor the capture index.
"""

from __future__ import annotations

import re
from pathlib import Path

from autodip_ij.evaluation.datasets import fmd
from autodip_ij.evaluation.datasets.model import Dataset, ImageRecipe, Pair, safe_name

NAME = "fmd_test_mix"
FILES_PER_TYPE = 4

_FILE = re.compile(rf"({'|'.join(fmd.IMAGE_TYPES)})_(\d+)")


def recognise(root: Path) -> bool:
    """Whether the folder holds the mixed test set."""
    raw = root / "raw"
    return (root / "gt").is_dir() and raw.is_dir() and any(_FILE.fullmatch(path.stem) for path in raw.glob("*.png"))


def find(root: Path) -> Dataset:
    """Return the pairs of a ``test_mix`` folder."""
    pairs, missing = [], []
    for level in fmd.LEVELS:
        folder = root / level
        if not folder.is_dir():
            missing.append(f"folder {level}")
            continue
        found = 0
        for path in sorted(folder.glob("*.png")):
            match = _FILE.fullmatch(path.stem)
            if match is None:
                continue
            found += 1
            clean = root / "gt" / path.name
            if clean.is_file():
                pairs.append(_pair(match[1], int(match[2]), level, path, clean))
            else:
                missing.append(f"ground truth gt/{path.name}")
        expected = FILES_PER_TYPE * len(fmd.IMAGE_TYPES)
        if found < expected:
            missing.append(f"{expected - found} of {expected} images of level {level}")
    return Dataset(NAME, root, tuple(pairs), tuple(dict.fromkeys(missing)))


def _pair(image_type: str, number: int, level: str, noisy: Path, clean: Path) -> Pair:
    microscope, subject, specimen = fmd.describe(image_type)
    return Pair(
        name=safe_name(NAME, microscope, subject, level, number),
        dataset=NAME,
        noisy=ImageRecipe((noisy,)),
        clean=ImageRecipe((clean,)),
        subject=subject,
        microscope=microscope,
        specimen=specimen,
        field=str(fmd.TEST_FIELD),
        level=level,
        value_range=fmd.VALUE_RANGE,
        split="test",
    )
