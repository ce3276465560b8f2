"""Shah et al. 2021, raw SIM frames of tubulin (Photonics Res. 9, B168), the third data set of that publication.

One multi-page TIFF file a field and time point, in two folders::

    DataSet3/Noisy_ImageStacks/<...>_FOV_85_Timestamp_176_number_2100.tif
    DataSet3/Reference_Images/<...>_FOV_85_Timestamp_176_number_2100.tif

As in the published AUTO-DIP code, the noisy images are means of the first 1, 2, 3, 4 and 6 frames of a noisy stack
and the clean image is the mean of its first nine, all clipped at percentiles. The reference images are
reconstructions of another size, and are not used. The folder ``Noisy_ImageStacks`` may lie up to two folders deep.
"""

from __future__ import annotations

import re
from pathlib import Path

from autodip_ij.evaluation.datasets.model import Dataset, ImageRecipe, Pair, safe_name

NAME = "shah"
AVERAGES = (1, 2, 3, 4, 6)
CLEAN_AVERAGE = 9
CLIPPED = (0.01, 99.9)
NOISY_FOLDER = "Noisy_ImageStacks"

_FILE = re.compile(r".*_FOV_(\d+)_Timestamp_(\d+)_number_(\d+)")


def recognise(root: Path) -> bool:
    """Whether the folder holds noisy stacks with these names."""
    return bool(_stacks(root))


def find(root: Path) -> Dataset:
    """Return the pairs of a folder, five averages per stack."""
    stacks = _stacks(root)
    missing = () if stacks else (f"stacks named ..._FOV_<n>_Timestamp_<n>_number_<n>.tif in {NOISY_FOLDER}",)
    return Dataset(NAME, root, tuple(pair for path in stacks for pair in _stack_pairs(path)), missing)


def _stack_pairs(path: Path) -> list[Pair]:
    match = _FILE.fullmatch(path.stem)
    field, timestamp, number = match.groups() if match else ("", "", "")
    return [
        Pair(
            name=safe_name(NAME, f"f{field}", f"t{timestamp}", f"n{number}", f"avg{count}"),
            dataset=NAME,
            noisy=_recipe(path, count),
            clean=_recipe(path, CLEAN_AVERAGE),
            subject="tubulin",
            microscope="widefield",
            field=field,
            level=f"avg{count}",
        )
        for count in AVERAGES
    ]


def _recipe(path: Path, count: int) -> ImageRecipe:
    return ImageRecipe((path,), tuple(range(count)), channel=0, clip_percentiles=CLIPPED)


def _stacks(root: Path) -> list[Path]:
    folders = [root] if root.name == NOISY_FOLDER else []
    folders += [folder for level in ("", "*/", "*/*/") for folder in root.glob(f"{level}{NOISY_FOLDER}")]
    return sorted(path for folder in folders for path in folder.glob("*.tif") if _FILE.fullmatch(path.stem))
