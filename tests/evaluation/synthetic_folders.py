"""Tiny folders laid out like the public data sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import tifffile

SHAPE = (24, 20)


def picture(seed: int, shape: tuple[int, int] = SHAPE, dtype: type = np.uint8) -> np.ndarray:
    top = 200 if dtype is np.uint8 else 4000
    return np.random.default_rng(seed).integers(1, top, shape).astype(dtype)


def write_png(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    imageio.imwrite(path, pixels)


def write_tif(path: Path, pixels: np.ndarray, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, pixels, photometric="minisblack", **options)  # type: ignore[arg-type]


def write_mrc(path: Path, pixels: np.ndarray) -> None:
    import mrcfile

    path.parent.mkdir(parents=True, exist_ok=True)
    with mrcfile.new(path) as file:
        file.set_data(pixels)


def fmd_field(root: Path, image_type: str, field: int, captures: Iterable[int] = range(50)) -> np.ndarray:
    """Write the raw captures of a field; return them (50, Y, X)."""
    stack = np.stack([picture(1000 * field + index) for index in range(50)])
    for index in captures:
        write_png(root / image_type / "raw" / str(field) / f"HV110_P05005100{index:02d}.png", stack[index])
    return stack


def fmd_test_mix(root: Path, image_types: Sequence[str], levels: Sequence[str] = ("raw", "avg2")) -> None:
    for folder in (*levels, "gt"):
        for kind, image_type in enumerate(image_types):
            for number in range(1, 5):
                write_png(root / folder / f"{image_type}_{number}.png", picture(100 * kind + number))


def hagen(root: Path, series: Sequence[str], pages: int = 10) -> None:
    for seed, name in enumerate(series):
        for exposure in ("low", "high"):
            stack = np.stack([picture(seed * 100 + page, dtype=np.uint16) for page in range(pages)])
            write_tif(root / f"{name}-{exposure}snr.tif", stack)


def biosr(root: Path) -> None:
    rng = np.random.default_rng(5)
    for structure, frames in (("CCPs", 9), ("F-actin_Nonlinear", 25)):
        cell = root / structure / "Cell_001"
        for level in (1, 4, 9):
            write_mrc(
                cell / f"RawSIMData_level_{level:02d}.mrc", rng.integers(0, 999, (frames, *SHAPE)).astype("uint16")
            )
        scale = 2 if frames == 9 else 3
        name = "SIM_gt.mrc" if frames == 9 else "SIM_gt_a.mrc"
        write_mrc(cell / name, rng.random((SHAPE[0] * scale, SHAPE[1] * scale)).astype("float32"))
    cell = root / "ER" / "Cell_002"
    for level in (1, 6):
        write_mrc(
            cell / "RawSIMData" / f"RawSIMData_level_{level:02d}.mrc", rng.integers(0, 99, (9, *SHAPE)).astype("uint16")
        )
        write_mrc(cell / "GTSIM" / f"GTSIM_level_{level:02d}.mrc", rng.random((48, 40)).astype("float32"))


def w2s_shots(root: Path, field: int, shots: int = 400) -> np.ndarray:
    stack = np.random.default_rng(field).integers(0, 500, (shots, *SHAPE)).astype(np.uint16)
    folder = root / "raw" / f"Image{field:03d}"
    folder.mkdir(parents=True)
    for channel in range(3):
        np.save(folder / f"wf_channel{channel}.npy", stack + channel)
    return stack


def w2s_averages(root: Path, field: int) -> None:
    for count in (1, 2, 4, 8, 16, 400):
        folder = root / "normalized" / f"avg{count}"
        folder.mkdir(parents=True, exist_ok=True)
        for channel in range(3):
            np.save(folder / f"{field:03d}_{channel}.npy", np.random.default_rng(count).normal(size=SHAPE))


def shah(root: Path) -> np.ndarray:
    stack = np.random.default_rng(3).integers(0, 500, (9, *SHAPE, 3)).astype(np.uint16)
    path = root / "DataSet3" / "Noisy_ImageStacks" / "Tubulin_FOV_85_Timestamp_176_number_2100.tif"
    path.parent.mkdir(parents=True)
    tifffile.imwrite(path, stack, photometric="rgb")
    return stack


def isbi2012(root: Path) -> np.ndarray:
    stack = np.stack([picture(index) for index in range(30)])
    write_tif(root / "train-volume.tif", stack)
    return stack
