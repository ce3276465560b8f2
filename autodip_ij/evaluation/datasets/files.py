"""Read planes of the files in which data sets are published: TIFF, PNG, NumPy, MRC; others as any input image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import EnvironmentProblem, UnreadableFile

Array = npt.NDArray[Any]
_TIFF = (".tif", ".tiff")
_LUMA = (0.299, 0.587, 0.114)
"""Rec. 601 weights of red, green and blue, as "convert to gray" uses them in most programs."""


def read_planes(path: Path, frames: Sequence[int] | None = None, channel: int | None = None) -> Iterator[Array]:
    """Yield planes (Y, X) of a file in its own data type; colour is converted to grey.

    Parameters
    ----------
    path
        The file.
    frames
        Indices of the planes in file order; all if None.
    channel
        Colour sample or channel to use, before planes are counted; all if None.

    Raises
    ------
    autodip_ij.errors.UnreadableFile
        If the file is missing or damaged, or lacks the plane or channel.
    autodip_ij.errors.EnvironmentProblem
        If the package that reads the format is not installed.
    """
    if not path.exists():
        raise UnreadableFile(f"{path} does not exist")
    if path.suffix.lower() in _TIFF:
        yield from _tiff_planes(path, frames, channel)
        return
    planes = _open(path, channel)
    for index in _checked(path, frames, len(planes)):
        yield np.asarray(planes[index])


def count_planes(path: Path) -> int:
    """Return the number of planes of a TIFF file.

    Raises
    ------
    autodip_ij.errors.UnreadableFile
        If it is missing or damaged.
    """
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            return _plane_count(file.series[0])
    except (OSError, IndexError, tifffile.TiffFileError) as error:
        raise UnreadableFile(f"{path} is not a readable TIFF file ({error})") from error


def _tiff_planes(path: Path, frames: Sequence[int] | None, channel: int | None) -> Iterator[Array]:
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            series = file.series[0]
            count = _plane_count(series)
            if len(series.pages) != count:  # ImageJ stores large stacks as one page followed by bare pixels
                planes = series.asarray().reshape((count, *series.shape[-2:]))
                yield from (planes[index] for index in _checked(path, frames, count))
                return
            for index in _checked(path, frames, count):
                page = series.pages[index]
                if page is not None:
                    yield _grey(page.asarray(), path, channel, page.axes)
    except (OSError, IndexError, tifffile.TiffFileError) as error:
        if isinstance(error, UnreadableFile):
            raise
        raise UnreadableFile(f"{path} is not a readable TIFF file ({error})") from error


def _plane_count(series: Any) -> int:
    return int(np.prod([length for length, axis in zip(series.shape, series.axes, strict=True) if axis not in "YXS"]))


def _open(path: Path, channel: int | None) -> Any:
    suffix = path.suffix.lower()
    if suffix == ".npy":
        planes = _open_numpy(path)
    elif suffix == ".mrc":
        planes = _open_mrc(path)
    elif suffix == ".png":
        planes = _open_png(path, channel)
    else:
        planes = _open_image(path, channel)
    if planes.ndim < 2 or planes.size == 0:
        raise UnreadableFile(f"{path} holds an array of shape {planes.shape}; expected planes (Y, X)")
    return planes.reshape((-1, *planes.shape[-2:]))


def _open_numpy(path: Path) -> Array:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UnreadableFile(f"{path} is not a NumPy array file ({error})") from error


def _open_mrc(path: Path) -> Array:
    try:
        import mrcfile
    except ImportError as error:
        raise EnvironmentProblem(
            f"{path}: reading MRC files needs the package mrcfile; pip install 'autodip_ij[readers]'"
        ) from error
    try:
        # BioSR headers deviate from the MRC2014 standard, which the permissive mode forgives.
        with mrcfile.open(path, mode="r", permissive=True) as file:
            return np.asarray(file.data)
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{path} is not an MRC file ({error})") from error


def _open_png(path: Path, channel: int | None) -> Array:
    import imageio.v3 as imageio

    try:
        pixels = np.asarray(imageio.imread(path))
    except (OSError, ValueError, SyntaxError) as error:
        raise UnreadableFile(f"{path} is not a PNG file ({error})") from error
    return _grey(pixels, path, channel, "YXS" if pixels.ndim == 3 else "YX")


def _open_image(path: Path, channel: int | None) -> Any:
    from autodip_ij.images import open_image

    image = open_image(path)
    if channel is not None:
        if not 0 <= channel < image.shape[1]:
            raise UnreadableFile(f"{path} has {image.shape[1]} channels; no index {channel} (from 0)")
        return image.data[:, channel]
    return _luma([image.data[:, index] for index in range(3)]) if image.rgb else image.data


def _grey(pixels: Array, path: Path, channel: int | None, axes: str) -> Array:
    """Return one sample of a colour picture, or its luma; a grey-value picture unchanged."""
    if "S" not in axes:
        return pixels
    samples = np.moveaxis(pixels, axes.index("S"), 0)
    if channel is None:
        return _luma(list(samples[:3])) if len(samples) >= 3 else samples[0]
    if not 0 <= channel < len(samples):
        raise UnreadableFile(f"{path} has {len(samples)} colour samples; no index {channel} (from 0)")
    return samples[channel]


def _luma(colours: Sequence[Any]) -> Any:
    return sum(weight * colour for weight, colour in zip(_LUMA, colours, strict=True))


def _checked(path: Path, frames: Sequence[int] | None, count: int) -> Iterator[int]:
    for index in range(count) if frames is None else frames:
        if not 0 <= index < count:
            raise UnreadableFile(f"{path} has {count} planes; no index {index} (from 0)")
        yield index
