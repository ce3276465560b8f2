"""Hagen et al. 2021, low- and high-exposure pairs (GigaScience 10, giab032; doi 10.5524/100888, CC0).

Multi-page TIFF files, one page a field of view, in one folder or one folder a series::

    actin-20x-noise1-lowsnr.tif      actin-20x-noise1-highsnr.tif      widefield, 20x and 60x, noise 1 and 2
    mito-confocal-lowsnr.tif         mito-confocal-highsnr.tif         confocal
    nucleus-lowsnr.tif               membrane-lowsnr.tif               widefield, 100x

The published test images are the last tenth of the pages of each file. Low- and high-exposure images differ in
intensity and can be displaced; both must be corrected before a comparison.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from autodip_ij.errors import UnreadableFile
from autodip_ij.evaluation.datasets.files import count_planes
from autodip_ij.evaluation.datasets.model import Dataset, ImageRecipe, Pair, safe_name, specimen_of

NAME = "hagen"
SERIES = (
    "actin-confocal",
    "mito-confocal",
    "actin-20x-noise1",
    "mito-20x-noise1",
    "actin-60x-noise1",
    "mito-60x-noise1",
    "actin-60x-noise2",
    "mito-60x-noise2",
    "membrane",
    "nucleus",
)
"""Series of the published test (Table II); other series in the folder are read too."""

_FILE = re.compile(
    r"(?P<subject>[a-z]+)(-(?P<confocal>confocal))?(-(?P<magnification>\d+)x)?(-(?P<noise>noise\d+))?"
    r"-(?P<exposure>low|high)snr",
    re.IGNORECASE,
)


def recognise(root: Path) -> bool:
    """Whether the folder or a subfolder holds files with these names."""
    return next(_files(root), None) is not None


def find(root: Path) -> Dataset:
    """Return the pairs of a folder."""
    low: dict[str, Path] = {}
    high: dict[str, Path] = {}
    for path in sorted(_files(root)):
        series = path.stem.lower().rsplit("-", 1)[0]
        (low if path.stem.lower().endswith("lowsnr") else high)[series] = path
    missing = [f"{series}-lowsnr.tif and {series}-highsnr.tif" for series in SERIES if not {series} & {*low, *high}]
    missing += [f"{series}-highsnr.tif" for series in low if series not in high]
    missing += [f"{series}-lowsnr.tif" for series in high if series not in low]
    pairs: list[Pair] = []
    for series in sorted(set(low) & set(high)):
        pages, other = count_planes(low[series]), count_planes(high[series])
        if pages != other:
            missing.append(f"{series}: {pages} noisy and {other} clean pages")
        first_test = int(0.9 * pages)
        pairs += [
            _pair(series, low[series], high[series], page, page >= first_test) for page in range(min(pages, other))
        ]
    return Dataset(NAME, root, tuple(pairs), tuple(missing))


def _pair(series: str, noisy: Path, clean: Path, page: int, test: bool) -> Pair:
    match = _FILE.fullmatch(f"{series}-lowsnr")
    if match is None:  # `_files` lets nothing else through
        raise UnreadableFile(f"{noisy.name} is not named like the files of Hagen et al.")
    magnification = f"{match['magnification']}x" if match["magnification"] else ""
    return Pair(
        name=safe_name(NAME, series, f"i{page:04d}"),
        dataset=NAME,
        noisy=ImageRecipe((noisy,), (page,)),
        clean=ImageRecipe((clean,), (page,)),
        subject=" ".join(part for part in (match["subject"], magnification) if part),
        microscope="confocal" if match["confocal"] else "widefield",
        specimen=specimen_of(match["subject"]),
        field=str(page),
        level=match["noise"] or "low",
        split="test" if test else "train",
        shifted=True,
        rescaled=True,
    )


def _files(root: Path) -> Iterator[Path]:
    # Not deeper: any folder is inspected to recognise its layout.
    return (path for pattern in ("*.tif", "*/*.tif") for path in root.glob(pattern) if _FILE.fullmatch(path.stem))
