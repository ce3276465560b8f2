"""The user's own data: a table of files, ``pairs.csv`` or ``index.csv``, one pair per row.

Required are the columns ``noisy`` and ``clean`` (also ``noisy_file`` and ``gt_file``), paths relative to the folder of
the table. All others are optional::

    name         name of the pair; derived from the others by default
    dataset      name of the data set
    microscope   confocal, twophoton or widefield
    specimen     nucleus, actin or mito; other words become the subject
    field        field of view; by default the number after "fov" in the name of the noisy file
    level        noise level (also noise_level)
    noisy_plane, clean_plane   index of the plane of a multi-plane file; the mean of all planes by default
    value_range  width of the grey-value scale that PSNR refers to, e.g. 255; 255 where the column dtype says uint8
    split        train or test
    shifted      yes if the two images may be displaced
    rescaled     yes if their grey values differ by gain and offset (also if the note says: not radiometrically matched)
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from autodip_ij.errors import UnreadableFile
from autodip_ij.evaluation.datasets.model import Dataset, ImageRecipe, Pair, safe_name, specimen_of
from autodip_ij.groups.model import MICROSCOPES

NAME = "pairs"
TABLES = ("pairs.csv", "index.csv")

_ALIASES = {"noisy_file": "noisy", "gt_file": "clean", "clean_file": "clean", "gt": "clean", "noise_level": "level"}
_FIELD = re.compile(r"fov[-_]?0*(\d+)", re.IGNORECASE)
_TRUE = {"yes", "true", "1"}


def recognise(root: Path) -> bool:
    """Whether the path is, or the folder has, a table with the required columns."""
    table = _table(root)
    return table is not None and {"noisy", "clean"} <= set(_columns(table))


def find(root: Path) -> Dataset:
    """Return the pairs of a table.

    Parameters
    ----------
    root
        The table, or its folder.

    Raises
    ------
    autodip_ij.errors.UnreadableFile
        If the table or a column is missing, or a value is invalid.
    """
    table = _table(root)
    if table is None:
        raise UnreadableFile(f"{root} has neither {' nor '.join(TABLES)}")
    absent = {"noisy", "clean"} - set(_columns(table))
    if absent:
        raise UnreadableFile(f"{table} has no column '{sorted(absent)[0]}'; it needs 'noisy' and 'clean'")
    pairs, missing = [], []
    with table.open(encoding="utf-8-sig", newline="") as stream:
        for line, row in enumerate(csv.DictReader(stream), start=2):
            pair = _pair(table, line, {_ALIASES.get(key, key): (value or "").strip() for key, value in row.items()})
            lacking = (*pair.noisy.missing, *pair.clean.missing)
            missing += [str(path) for path in lacking]
            if not lacking:
                pairs.append(pair)
    return Dataset(NAME, table.parent, tuple(_unique(pairs)), tuple(dict.fromkeys(missing)))


def _pair(table: Path, line: int, row: Mapping[str, str]) -> Pair:
    microscope = row.get("microscope", "").lower().replace("-", "").replace(" ", "") or None
    specimen = row.get("specimen", "")
    if microscope is not None and microscope not in MICROSCOPES:
        microscope = None
    stem = Path(row["noisy"]).stem.removesuffix("_noisy")
    dataset = row.get("dataset", "") or NAME
    return Pair(
        name=safe_name(row.get("name") or f"{dataset.lower()}_{stem}"),
        dataset=dataset.lower(),
        noisy=_recipe(table, line, row, "noisy"),
        clean=_recipe(table, line, row, "clean"),
        subject=row.get("subject", "") or specimen,
        microscope=microscope,
        specimen=specimen_of(specimen),
        field=row.get("field", "") or (found[1] if (found := _FIELD.search(stem)) else ""),
        level=row.get("level", ""),
        value_range=_value_range(table, line, row),
        split=row.get("split", ""),
        shifted=row.get("shifted", "").lower() in _TRUE,
        rescaled=row.get("rescaled", "").lower() in _TRUE
        or "not radiometrically matched" in row.get("note", "").lower(),
    )


def _recipe(table: Path, line: int, row: Mapping[str, str], kind: str) -> ImageRecipe:
    if not row[kind]:
        raise UnreadableFile(f"{table} line {line}: the column '{kind}' is empty")
    plane = row.get(f"{kind}_plane", "")
    if plane and not plane.isdigit():
        raise UnreadableFile(f"{table} line {line}: {kind}_plane '{plane}' is not an index, counted from 0")
    return ImageRecipe((table.parent / row[kind],), (int(plane),) if plane else None)


def _value_range(table: Path, line: int, row: Mapping[str, str]) -> float | None:
    text = row.get("value_range", "")
    if not text:
        return 255.0 if row.get("dtype") == "uint8" else None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not value > 0:
        raise UnreadableFile(f"{table} line {line}: value_range '{text}' is not a positive number")
    return value


def _unique(pairs: list[Pair]) -> list[Pair]:
    from dataclasses import replace

    twice = {name for name, count in Counter(pair.name for pair in pairs).items() if count > 1}
    seen: Counter[str] = Counter()
    named = []
    for pair in pairs:
        if pair.name in twice:
            seen[pair.name] += 1
            pair = replace(pair, name=f"{pair.name}_{seen[pair.name]}")
        named.append(pair)
    return named


def _table(root: Path) -> Path | None:
    if root.is_file():
        return root if root.suffix.lower() == ".csv" else None
    return next((root / name for name in TABLES if (root / name).is_file()), None)


def _columns(table: Path) -> list[str]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            return [_ALIASES.get(column, column) for column in next(csv.reader(stream), [])]
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{table} is not a table ({error})") from error
