"""Rebuild the published calibration as a pack from an FMD folder: its 110 images with their best parameters.

The authors' images and their fitted UMAP reducer are not part of this software. The images are read from the user's
FMD folder by the published list. The UMAP layout is refitted to them whenever a transfer needs it, so the
neighbours may differ from the published ones; the published coordinates are in ``umap_published.csv``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autodip_ij._support.files import write_bytes
from autodip_ij.calibration.parameters import Parameters
from autodip_ij.errors import UnreadableFile, require
from autodip_ij.evaluation.datasets import fmd
from autodip_ij.evaluation.datasets.model import Pair
from autodip_ij.evaluation.paper.published import PublishedImage, published_images
from autodip_ij.progress import Progress, Silent

PACK, PAIRS = "pack", "pairs"
CRITERION = "lpips_psnr"
SOURCE = (
    "AUTO-DIP (arXiv 2601.12055): published parameters and image lists (MIT licence); images from FMD "
    "(doi 10.7274/r0-ed2r-4052, CC BY-SA 4.0), read from the user's copy; UMAP refitted"
)


@dataclass(frozen=True)
class Rebuilt:
    """The files written.

    Attributes
    ----------
    pack
        The calibration pack.
    pairs
        Folder with ``pairs.csv``: noisy and clean images of both sets, for evaluation; the column ``split`` says
        ``calibration`` or ``validation``.
    calibration, validation
        Number of images of each set.
    missing
        Names of published images that the FMD folder lacks.
    """

    pack: Path
    pairs: Path
    calibration: int
    validation: int
    missing: tuple[str, ...]


def rebuild(
    fmd_folder: str | Path,
    target: str | Path,
    *,
    weights: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Rebuilt:
    """Rebuild the published calibration and validation sets from an FMD folder.

    Parameters
    ----------
    fmd_folder
        Folder that holds ``Confocal_BPAE_B`` and so on; raw captures suffice.
    target
        Folder to create; the pack is written to its subfolder ``pack``, the pairs to ``pairs``.
    weights
        Folder of LPIPS weights; if available, the descriptors of the images include LPIPS features.
    overwrite
        Replace an existing pack and pairs.
    progress
        Progress reporter, advanced once per image; may request cancellation.

    Raises
    ------
    autodip_ij.errors.UnreadableFile
        If the folder has none of the published calibration images.
    autodip_ij.errors.UnwritableOutput
        If a file exists and `overwrite` is false, or cannot be written.
    """
    require("evaluation")
    watcher = progress or Silent()
    known = {pair.name: pair for pair in fmd.find(Path(fmd_folder), levels=("raw", "avg2")).pairs}
    wanted = {"calibration": published_images("calibration"), "validation": published_images("validation")}
    found = {part: [image for image in images if image.name in known] for part, images in wanted.items()}
    missing = tuple(image.name for images in wanted.values() for image in images if image.name not in known)
    if not found["calibration"]:
        raise UnreadableFile(f"{fmd_folder} has none of the {len(wanted['calibration'])} published calibration images")
    watcher.start(sum(len(images) for images in found.values()), "published images")
    if missing:
        watcher.log(f"{len(missing)} of the 165 published images are not in {fmd_folder}, first {missing[0]}")

    folder = Path(target)
    pairs = _write_pairs(folder / PAIRS, found, known, overwrite, watcher)
    pack = _write_pack(folder / PACK, found["calibration"], known, weights, overwrite)
    return Rebuilt(pack, pairs, len(found["calibration"]), len(found["validation"]), missing)


def _write_pairs(
    folder: Path,
    found: dict[str, list[PublishedImage]],
    known: dict[str, Pair],
    overwrite: bool,
    progress: Progress,
) -> Path:
    import tifffile

    from autodip_ij.errors import UnwritableOutput

    if (folder / "pairs.csv").exists() and not overwrite:
        raise UnwritableOutput(f"{folder / 'pairs.csv'} exists already; choose another folder or add --overwrite")
    rows = []
    for part, images in found.items():
        for image in images:
            pair = known[image.name]
            files = {"noisy": f"{part}/{image.name}_noisy.tif", "clean": f"clean/{_clean_name(image)}.tif"}
            for kind, recipe in (("noisy", pair.noisy), ("clean", pair.clean)):
                path = folder / files[kind]
                path.parent.mkdir(parents=True, exist_ok=True)
                if kind == "noisy" or overwrite or not path.exists():
                    tifffile.imwrite(path, recipe.read().astype(np.uint8), compression="zlib")
            rows.append(
                [
                    image.name,
                    "fmd",
                    files["noisy"],
                    files["clean"],
                    image.microscope,
                    image.specimen,
                    str(image.field),
                    image.level,
                    "255",
                    part,
                ]
            )
            progress.advance()
    header = ["name", "dataset", "noisy", "clean", "microscope", "specimen", "field", "level", "value_range", "split"]
    write_bytes(folder / "pairs.csv", _table(header, rows))
    return folder


def _write_pack(
    path: Path,
    images: Sequence[PublishedImage],
    known: dict[str, Pair],
    weights: str | Path | None,
    overwrite: bool,
) -> Path:
    from autodip_ij.calibration import load_calibration
    from autodip_ij.calibration.descriptors import describe
    from autodip_ij.calibration.pack.load import criteria_of
    from autodip_ij.calibration.pack.write import PackContent, PackImage, write_pack
    from autodip_ij.metrics import lpips_available

    with_features = lpips_available(weights=weights)
    content = []
    for image in images:
        plane = known[image.name].noisy.read()
        descriptor = describe(plane, weights=weights, with_features=with_features)
        content.append(
            PackImage(
                image.name,
                image.microscope,
                image.specimen,
                (plane.shape[0], plane.shape[1]),
                str(image.field),
                image.level,
                plane,
                descriptor,
            )
        )
    parameters: dict[tuple[str, str, str | None], Parameters] = {}
    original: dict[tuple[str, str], int] = {}
    for criterion in criteria_of("paper"):
        table = load_calibration("paper", criterion)
        parameters.update({(criterion, *key): found for key, found in table.table.items()})
        original.update({(criterion, group): iterations for group, iterations in table.original_dip.items()})
    singles: dict[tuple[str, str, str | None], Parameters] = {
        (criterion, image.name, None): found for image in images for criterion, found in image.parameters.items()
    }
    umap = [[image.name, *(f"{value:.5f}" for value in image.umap)] for image in images if image.umap]
    return write_pack(
        PackContent(
            name="paper-images",
            title=f"Published AUTO-DIP calibration with {len(images)} of its 110 images",
            source=SOURCE,
            licence="parameters MIT, images CC BY-SA 4.0",
            default_criterion=CRITERION,
            parameters=parameters,
            images=content,
            image_parameters=singles,
            original_dip=original,
            files={"umap_published.csv": _table(["image", "umap_1", "umap_2"], umap)},
        ),
        path,
        overwrite=overwrite,
    )


def _clean_name(image: PublishedImage) -> str:
    return f"fmd_{image.microscope}_{image.specimen}_f{image.field:02d}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([header, *rows])
    return stream.getvalue().encode()
