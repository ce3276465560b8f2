"""W2S, Widefield2SIM (Zhou et al., arXiv 2003.05961): 120 fields, three channels, 400 widefield shots each.

Two layouts are read::

    raw/Image116/wf_channel0.npy            (400, 512, 512) uint16, all shots
    normalized/avg1/116_0.npy               (512, 512) float, ready-made averages avg1 .. avg16 and avg400

Noisy images are means of the first 1, 2, 4, 8 and 16 shots, the clean image is the mean of 400. From the raw shots
they are clipped at percentiles as the published AUTO-DIP code does. Fields 81 to 120 are the test set. The labels of
the channels are not part of the data, so no channel has a specimen group.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from autodip_ij.evaluation.datasets.model import Dataset, ImageRecipe, Pair, safe_name

NAME = "w2s"
SHOTS = 400
AVERAGES = (1, 2, 4, 8, 16)
CHANNELS = (0, 1, 2)
FIRST_TEST_FIELD = 81
CLIPPED = (0.01, 99.9)

_FIELD = re.compile(r"Image(\d+)")
_AVERAGED = re.compile(r"(\d+)_([012])")


def recognise(root: Path) -> bool:
    """Whether the folder holds raw shots or averaged images of W2S."""
    return bool(_field_folders(root)) or _averaged_folder(root) is not None


def find(root: Path) -> Dataset:
    """Return the pairs of a W2S folder, from the raw shots if present, else from the averaged images."""
    fields = _field_folders(root)
    missing: list[str] = []
    pairs = list(_from_shots(fields, missing))
    if not fields and (folder := _averaged_folder(root)) is not None:
        pairs = list(_from_averages(folder, missing))
    return Dataset(NAME, root, tuple(pairs), tuple(missing))


def _from_shots(fields: dict[int, Path], missing: list[str]) -> Iterator[Pair]:
    for number, folder in fields.items():
        for channel in CHANNELS:
            path = folder / f"wf_channel{channel}.npy"
            if not path.is_file():
                missing.append(f"{folder.name}/{path.name}")
                continue
            clean = ImageRecipe((path,), tuple(range(SHOTS)), clip_percentiles=CLIPPED)
            for count in AVERAGES:
                noisy = ImageRecipe((path,), tuple(range(count)), clip_percentiles=CLIPPED)
                yield _pair(number, channel, count, noisy, clean, rescaled=False)


def _from_averages(folder: Path, missing: list[str]) -> Iterator[Pair]:
    for count in AVERAGES:
        for path in sorted((folder / f"avg{count}").glob("*.npy")):
            match = _AVERAGED.fullmatch(path.stem)
            if match is None:
                continue
            clean = folder / f"avg{SHOTS}" / path.name
            if clean.is_file():
                recipes = ImageRecipe((path,)), ImageRecipe((clean,))
                # Averaged images are standardised, some of them image by image.
                yield _pair(int(match[1]), int(match[2]), count, *recipes, rescaled=True)
            else:
                missing.append(f"avg{SHOTS}/{path.name}")


def _pair(number: int, channel: int, count: int, noisy: ImageRecipe, clean: ImageRecipe, *, rescaled: bool) -> Pair:
    return Pair(
        name=safe_name(NAME, f"ch{channel}", f"f{number:03d}", f"avg{count}"),
        dataset=NAME,
        noisy=noisy,
        clean=clean,
        subject=f"human cells ch{channel}",
        microscope="widefield",
        field=str(number),
        level=f"avg{count}",
        split="test" if number >= FIRST_TEST_FIELD else "train",
        rescaled=rescaled,
    )


def _field_folders(root: Path) -> dict[int, Path]:
    for parent in (root / "raw", root):
        matches = ((_FIELD.fullmatch(path.name), path) for path in parent.glob("Image*"))
        found = {int(match[1]): path for match, path in matches if match and path.is_dir()}
        if found:
            return dict(sorted(found.items()))
    return {}


def _averaged_folder(root: Path) -> Path | None:
    for folder in (root, root / "normalized", root / "data" / "normalized"):
        if (folder / f"avg{SHOTS}").is_dir():
            return folder
    return None
