"""Small pictures of the input and the result of a job, for the page of the batch."""

from __future__ import annotations

import hashlib
import io
import logging
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autodip_ij._support.files import write_bytes
from autodip_ij.batch.targets import Job
from autodip_ij.denoising.report import Report
from autodip_ij.images.image import read_lazy
from autodip_ij.settings import DenoiseSettings

if TYPE_CHECKING:
    from autodip_ij.images.image import Image

logger = logging.getLogger(__name__)

Pair = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
"""Planes (Y, X) before and after."""

FOLDER = "thumbnails"
SIDE = 160
"""Side of a picture in pixels, each a pixel of the image: a smaller picture of a whole plane would hide its noise."""
_SEARCHED = 2048
"""Side of the middle part of a large plane in which the pictured square is sought."""
_STEP = 16


def thumbnail_names(output: str) -> tuple[str, str]:
    """Return the files of the pictures before and after, relative to the output folder as `output` is.

    WebP is no format that is read as an input.
    """
    digest = hashlib.sha256(os.fsencode(output)).hexdigest()[:16]
    return f"{FOLDER}/{digest}-before.webp", f"{FOLDER}/{digest}-after.webp"


def draw_thumbnails(job: Job, report: Report, planes: Pair | None = None) -> bool:
    """Draw the square of most structure in the middle plane of the first denoised channel; return whether it worked.

    Both pictures show the same grey values, from percentile 1 to 99.7 of the input. `planes` are those of
    `pictured_planes`; None to read the files.
    """
    try:
        before, after = planes or _read_planes(job, report)
        square = _most_structured(after)
        low, high = np.percentile(before[square], (1, 99.7))
        folder = job.folder
        names = thumbnail_names(job.target.relative_to(folder).as_posix())
        for name, plane in zip(names, (before, after), strict=True):
            write_bytes(folder / name, _webp(plane[square], float(low), float(high)))
    except Exception:  # a picture is no reason to lose a result
        logger.debug("no thumbnails of %s", job.title, exc_info=True)
        return False
    return True


def _read_planes(job: Job, report: Report) -> Pair:
    from autodip_ij.images import open_image

    return pictured_planes(open_image(job.entry.path, job.settings.scene), open_image(job.target), job.settings, report)


def pictured_planes(image: Image, result: Image, settings: DenoiseSettings, report: Report) -> Pair:
    """Return the middle part of a plane of the input and of the result, each (Y, X)."""
    from autodip_ij.denoising.plan import select

    times, channels, slices = select(image, settings)
    t, z = len(times) // 2, len(slices) // 2
    treated = (index for index, channel in enumerate(report.channels) if channel.treatment == "denoised")
    c = next(treated, 0)
    part = tuple(slice((size - min(size, _SEARCHED)) // 2, (size + _SEARCHED) // 2) for size in image.shape[-2:])
    return _read(image.data[times[t], channels[c], slices[z]][part]), _read(result.data[t, c, z][part])


def _read(lazy: Any) -> npt.NDArray[np.float32]:
    pixels = read_lazy(lazy).astype(np.float32)
    return np.nan_to_num(pixels, posinf=0, neginf=0)


def _most_structured(plane: npt.NDArray[np.float32]) -> tuple[slice, slice]:
    """Return the square whose pixels vary most."""
    from scipy.ndimage import uniform_filter

    rows, columns = (size // _STEP for size in plane.shape)
    if min(rows, columns) * _STEP < SIDE:
        top, left = ((size - min(size, SIDE)) // 2 for size in plane.shape)
        return slice(top, top + SIDE), slice(left, left + SIDE)
    blocks = plane[: rows * _STEP, : columns * _STEP].reshape(rows, _STEP, columns, _STEP)
    side = SIDE // _STEP
    mean = uniform_filter(blocks.mean((1, 3), dtype=np.float64), side)
    variance = uniform_filter(np.square(blocks, dtype=np.float64).mean((1, 3)), side) - mean**2
    half = side // 2
    inner = variance[half : rows - half + 1, half : columns - half + 1]
    row, column = np.unravel_index(int(inner.argmax()), inner.shape)
    top, left = int(row) * _STEP, int(column) * _STEP
    return slice(top, top + SIDE), slice(left, left + SIDE)


def _webp(plane: npt.NDArray[np.float32], low: float, high: float) -> bytes:
    from PIL import Image

    grey = np.clip((plane - low) / max(high - low, 1e-9), 0, 1) * 255
    stream = io.BytesIO()
    Image.fromarray(grey.astype(np.uint8)).save(stream, "WEBP", quality=80)
    return stream.getvalue()
