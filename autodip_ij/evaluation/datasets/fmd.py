"""FMD, the Fluorescence Microscopy Denoising data set (Zhang et al., CVPR 2019; doi 10.7274/r0-ed2r-4052).

Twelve image types of 20 fields of view with 50 captures each, 8 bit, 512 x 512::

    Confocal_BPAE_B/raw/1/HV110_P0500510000.png      capture 0 of field 1; the last two digits count the captures
    Confocal_BPAE_B/avg2/1/HV110_P0500510000.png     mean of captures 0 and 1; avg4, avg8, avg16 likewise
    Confocal_BPAE_B/gt/1/avg50.png                   mean of all 50

Averaged file i is the mean of captures i .. i+N-1, continued at 0 after 49, rounded half up; where the files of a
level are missing, they are computed from the raw captures by that rule. The ground truth contains the noisy capture.

The mixed test set holds four captures of field 19 of each image type at every noise level: folders ``raw``, ``avg2``,
``avg4``, ``avg8``, ``avg16`` and ``gt`` with 48 files each of equal names::

    test_mix/raw/TwoPhoton_BPAE_G_1.png    test_mix/gt/TwoPhoton_BPAE_G_1.png

The number counts files; it is neither the field nor the capture index.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from autodip_ij.evaluation.datasets.model import Dataset, ImageRecipe, Pair, safe_name

NAME = "fmd"
MIXED = "fmd_test_mix"
"""Name of the mixed test set."""
MIXED_FOLDER = "test_mix"
"""Its folder, beside those of the image types."""
CAPTURES = 50
FIELDS = tuple(range(1, 21))
TEST_FIELD = 19
VALUE_RANGE = 255.0
LEVELS = {"raw": 1, "avg2": 2, "avg4": 4, "avg8": 8, "avg16": 16}
"""Captures averaged, by level."""

_MICROSCOPES = {"Confocal": "confocal", "TwoPhoton": "twophoton", "WideField": "widefield"}
_SUBJECTS = {
    "BPAE_B": ("nucleus", "nucleus"),
    "BPAE_G": ("actin", "actin"),
    "BPAE_R": ("mito", "mito"),
    "FISH": ("fish", None),
    "MICE": ("mice", None),
}
IMAGE_TYPES = (
    *(f"{microscope}_{subject}" for microscope in _MICROSCOPES for subject in ("BPAE_B", "BPAE_G", "BPAE_R")),
    "Confocal_FISH",
    "Confocal_MICE",
    "TwoPhoton_MICE",
)
"""Folder names of the twelve image types."""

FILES_PER_TYPE = 4
"""Captures of each image type in the mixed test set."""

_CAPTURE = re.compile(r"(\d\d)$")
_MIXED_FILE = re.compile(rf"({'|'.join(IMAGE_TYPES)})_(\d+)")


def recognise(root: Path) -> bool:
    """Whether the folder holds image types of FMD."""
    return any((root / name).is_dir() for name in IMAGE_TYPES)


def find(root: Path, levels: Sequence[str] = tuple(LEVELS)) -> Dataset:
    """Return the pairs of an FMD folder.

    Parameters
    ----------
    root
        Folder that holds ``Confocal_BPAE_B`` and so on.
    levels
        Noise levels wanted.
    """
    pairs: list[Pair] = []
    missing: list[str] = []
    for image_type in IMAGE_TYPES:
        folder = root / image_type
        if not folder.is_dir():
            missing.append(f"image type {image_type}")
            continue
        absent = [field for field in FIELDS if not (folder / "raw" / str(field)).is_dir()]
        if absent:
            missing.append(f"{image_type}: raw captures of fields {_runs(absent)}")
        for field in FIELDS:
            pairs += _field_pairs(folder, field, levels, missing)
    return Dataset(NAME, root, tuple(pairs), tuple(missing))


def recognise_mixed(root: Path) -> bool:
    """Whether the folder holds the mixed test set."""
    raw = root / "raw"
    return (
        (root / "gt").is_dir() and raw.is_dir() and any(_MIXED_FILE.fullmatch(path.stem) for path in raw.glob("*.png"))
    )


def find_mixed(root: Path) -> Dataset:
    """Return the pairs of a ``test_mix`` folder, or of the one inside an FMD folder."""
    root = root / MIXED_FOLDER if recognise_mixed(root / MIXED_FOLDER) else root
    pairs, missing = [], []
    for level in LEVELS:
        folder = root / level
        if not folder.is_dir():
            missing.append(f"folder {level}")
            continue
        found = 0
        for path in sorted(folder.glob("*.png")):
            match = _MIXED_FILE.fullmatch(path.stem)
            if match is None:
                continue
            found += 1
            clean = root / "gt" / path.name
            if clean.is_file():
                pairs.append(_mixed_pair(match[1], int(match[2]), level, path, clean))
            else:
                missing.append(f"ground truth gt/{path.name}")
        expected = FILES_PER_TYPE * len(IMAGE_TYPES)
        if found < expected:
            missing.append(f"{expected - found} of {expected} images of level {level}")
    return Dataset(MIXED, root, tuple(pairs), tuple(dict.fromkeys(missing)))


def describe(image_type: str) -> tuple[str, str, str | None]:
    """Return (microscope, subject, specimen group) of an image type such as ``Confocal_BPAE_B``."""
    microscope, _, subject = image_type.partition("_")
    word, specimen = _SUBJECTS[subject]
    return _MICROSCOPES[microscope], word, specimen


def averaged(captures: Sequence[Path], first: int, count: int) -> ImageRecipe:
    """Return the recipe of the averaged image that begins at a capture, by FMD's own rule.

    Parameters
    ----------
    captures
        Files of all captures of a field, in order.
    first
        Index of the first capture.
    count
        Number of captures averaged; continues at 0 after the last.
    """
    files = tuple(captures[(first + step) % len(captures)] for step in range(count))
    return ImageRecipe(files, round_half_up=count > 1)


def _field_pairs(folder: Path, field: int, levels: Sequence[str], missing: list[str]) -> Iterator[Pair]:
    captures = _captures(folder / "raw" / str(field))
    complete = sorted(captures) == list(range(CAPTURES))
    in_order = [captures[index] for index in sorted(captures)]
    if captures and not complete:
        missing.append(f"{folder.name}: {CAPTURES - len(captures)} raw captures of field {field}")
    clean = _ground_truth(folder / "gt" / str(field), in_order if complete else [])
    if clean is None:
        if captures:
            missing.append(f"{folder.name}: ground truth of field {field}")
        return
    for level in levels:
        files = _captures(folder / level / str(field))
        makeable = set(range(CAPTURES)) if complete else set()
        for capture in sorted(makeable | set(files)):
            recipe = ImageRecipe((files[capture],)) if capture in files else averaged(in_order, capture, LEVELS[level])
            yield _pair(folder.name, field, level, capture, recipe, clean)


def _pair(image_type: str, field: int, level: str, capture: int, noisy: ImageRecipe, clean: ImageRecipe) -> Pair:
    microscope, subject, specimen = describe(image_type)
    return Pair(
        name=safe_name(NAME, microscope, subject, level, f"f{field:02d}", f"c{capture:02d}"),
        dataset=NAME,
        noisy=noisy,
        clean=clean,
        subject=subject,
        microscope=microscope,
        specimen=specimen,
        field=str(field),
        level=level,
        capture=capture,
        value_range=VALUE_RANGE,
        split="test" if field == TEST_FIELD else "train",
    )


def _mixed_pair(image_type: str, number: int, level: str, noisy: Path, clean: Path) -> Pair:
    microscope, subject, specimen = describe(image_type)
    return Pair(
        name=safe_name(MIXED, microscope, subject, level, number),
        dataset=MIXED,
        noisy=ImageRecipe((noisy,)),
        clean=ImageRecipe((clean,)),
        subject=subject,
        microscope=microscope,
        specimen=specimen,
        field=str(TEST_FIELD),
        level=level,
        value_range=VALUE_RANGE,
        split="test",
    )


def _captures(folder: Path) -> dict[int, Path]:
    """Return the files of a field by capture index."""
    found = {}
    for path in folder.glob("*.png") if folder.is_dir() else ():
        if match := _CAPTURE.search(path.stem):
            found[int(match[1])] = path
    return found


def _ground_truth(folder: Path, captures: Sequence[Path]) -> ImageRecipe | None:
    files = sorted(folder.glob("*.png")) if folder.is_dir() else []
    if files:
        return ImageRecipe((files[0],))
    return averaged(captures, 0, len(captures)) if captures else None


def _runs(numbers: Sequence[int]) -> str:
    return f"{numbers[0]} to {numbers[-1]}" if len(numbers) == len(FIELDS) else ", ".join(map(str, numbers))
