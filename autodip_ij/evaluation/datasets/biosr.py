"""BioSR (Qiao et al., Nat. Methods 18, 194, 2021; doi 10.6084/m9.figshare.13264793, CC BY 4.0).

Structured-illumination raw stacks of rising signal, in MRC files; a folder a cell::

    CCPs/Cell_001/RawSIMData_level_01.mrc .. _09.mrc     nine (nonlinear: 25) raw frames, noisy to clean
    CCPs/Cell_001/RawSIMData_gt.mrc, SIM_gt.mrc          raw and reconstructed reference
    ER/Cell_001/RawSIMData/RawSIMData_level_01.mrc       one folder a kind; six levels,
    ER/Cell_001/GTSIM/GTSIM_level_01.mrc                 each with its own reconstruction
    F-actin_Nonlinear/Cell_001/SIM_gt_a.mrc              three times finer than the raw frames; _b is not used

Three ways to use it: single raw frames against the same frame of a high level (as AUTO-DIP did), widefield images
(the mean of all raw frames), and widefield images against the reconstruction, for super-resolution.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from autodip_ij.evaluation.datasets.model import Dataset, ImageRecipe, Pair, safe_name, specimen_of

NAME = "biosr"
STRUCTURES = ("CCPs", "ER", "F-actin", "F-actin_Nonlinear", "Microtubules")
CLEAN_LEVEL = {"ER": 6}
"""Level that serves as the clean image, as in the published selection; 9 for the other structures."""
CLIPPED = (0.01, 99.9)
"""Percentiles at which the published code clips SIM data."""

View = Literal["frame", "widefield", "sim"]

_LEVEL = re.compile(r"RawSIMData_level_(\d+)\.mrc")
_CELL = re.compile(r"Cell_(\d+)")


def recognise(root: Path) -> bool:
    """Whether the folder holds structures of BioSR."""
    return any(next((root / name).glob("Cell_*"), None) is not None for name in STRUCTURES if (root / name).is_dir())


def find(root: Path, view: View = "frame") -> Dataset:
    """Return the pairs of a BioSR folder.

    Parameters
    ----------
    root
        Folder that holds ``CCPs`` and so on.
    view
        ``frame``: first raw frame against that of the clean level, clipped as published. ``widefield``: mean of the
        raw frames against the mean at the clean level. ``sim``: mean of the raw frames against the reconstruction.
    """
    pairs: list[Pair] = []
    missing: list[str] = []
    for structure in STRUCTURES:
        cells = sorted(path for path in (root / structure).glob("Cell_*") if _CELL.fullmatch(path.name))
        if not cells:
            missing.append(f"structure {structure}")
        for cell in cells:
            levels = _levels(cell)
            found = list(_cell_pairs(structure, cell, levels, view))
            if not found:
                missing.append(f"{structure}/{cell.name}: {'reconstruction' if view == 'sim' else 'clean level'}")
            pairs += found
    return Dataset(NAME, root, tuple(pairs), tuple(missing))


def _cell_pairs(structure: str, cell: Path, levels: dict[int, Path], view: View) -> Iterator[Pair]:
    last = CLEAN_LEVEL.get(structure, 9)
    for level, path in levels.items():
        if view == "sim":
            reference = _reconstruction(cell, level)
            if reference is not None:
                scale = 3 if structure.endswith("Nonlinear") else 2
                yield _pair(structure, cell, level, _recipe(path, view), ImageRecipe((reference,)), view, scale)
        elif level < last and last in levels:
            yield _pair(structure, cell, level, _recipe(path, view), _recipe(levels[last], view), view, 1)


def _recipe(path: Path, view: View) -> ImageRecipe:
    return ImageRecipe((path,), (0,), clip_percentiles=CLIPPED) if view == "frame" else ImageRecipe((path,))


def _pair(
    structure: str, cell: Path, level: int, noisy: ImageRecipe, clean: ImageRecipe, view: View, scale: int
) -> Pair:
    number = int(cell.name.split("_")[1])
    return Pair(
        name=safe_name(NAME if view == "frame" else f"{NAME}-{view}", structure, f"cell{number:03d}", f"level{level}"),
        dataset=NAME,
        noisy=noisy,
        clean=clean,
        subject=structure,
        microscope="widefield",
        specimen=specimen_of(structure.removesuffix("_Nonlinear")),
        field=str(number),
        level=f"level{level}",
        shifted=scale == 1,  # the paper registers this set (section II-E)
        rescaled=True,
        scale=scale,
    )


def _levels(cell: Path) -> dict[int, Path]:
    folder = cell / "RawSIMData" if (cell / "RawSIMData").is_dir() else cell
    found = ((_LEVEL.fullmatch(path.name), path) for path in folder.glob("*.mrc"))
    return dict(sorted((int(match[1]), path) for match, path in found if match))


def _reconstruction(cell: Path, level: int) -> Path | None:
    candidates = (cell / "SIM_gt.mrc", cell / "SIM_gt_a.mrc", cell / "GTSIM" / f"GTSIM_level_{level:02d}.mrc")
    return next((path for path in candidates if path.is_file()), None)
