"""Pages of a TIFF: check their chain and their sizes, locate the pixels, read planes."""

from __future__ import annotations

import logging
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tifffile import TiffFile, TiffFrame, TiffPage, TiffPageSeries

from autodip_ij.images.reading.facts import SCENE, AxisPlan
from autodip_ij.images.reading.lazy import DEFLATE, check_pixels, unreadable

_log = logging.getLogger(__name__)

_INDEXED = (54773648, 483729)
"""What stands behind the header of Micro-Manager's files, whose pages are found by an index instead."""

TOLD_BY_OFFSET = ("mmstack", "ndtiff")
"""Kinds of series whose pages tifffile makes up from an index, without reading their directories."""
_SHORTENED = {1: 1.01, 5: 3000, 8: DEFLATE, 32946: DEFLATE, 32773: 70}
"""Times that each kind of compression without loss shortens pixels at most: none, LZW, deflate twice, PackBits."""
_HEADER = 8
"""Bytes before which no pixels can stand."""
_PART_PX = 1024
"""Side of the parts in which planes with more pixels than that square are read, where the file allows."""
_ALL = slice(None)
_LOSSY = 100_000
"""The same for the others."""


def refuse_circular_chain(path: Path) -> None:
    """Refuse a file whose chain of directories is circular.

    A reader would follow it until the memory is full.

    tifffile looks for circles among the first hundred pages only. A chain that is broken otherwise is left to it.

    Raises
    ------
    ValueError
        With the page, for the reader's error.
    """
    with path.open("rb") as file:
        head = file.read(16)
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        if order is None or len(head) < 16:
            return
        version = struct.unpack_from(f"{order}H", head, 2)[0]
        if version == 43:
            offset, count, entry, link = struct.unpack_from(f"{order}Q", head, 8)[0], "Q", 20, "Q"
        elif struct.unpack_from(f"{order}I", head, 8)[0] in _INDEXED:
            return
        else:
            offset, count, entry, link = struct.unpack_from(f"{order}I", head, 4)[0], "H", 12, "I"
        size = path.stat().st_size
        seen: set[int] = set()
        counts, links = struct.Struct(order + count), struct.Struct(order + link)
        while 0 < offset <= size - counts.size:
            if offset in seen:
                raise ValueError(f"the chain of its pages is circular after page {len(seen) - 1}")
            seen.add(offset)
            file.seek(offset)
            after = offset + counts.size + entry * counts.unpack(file.read(counts.size))[0]
            if after > size - links.size:
                return
            file.seek(after)
            offset = links.unpack(file.read(links.size))[0]


@dataclass(frozen=True)
class TiffPlanes:
    """Reads planes of one series.

    Attributes
    ----------
    path
        The file with the pixels, if they are one run.
    plan
        Where its planes go.
    scene
        Index among the scenes that the series makes.
    axes, shape
        All axes of the series.
    dtype
        In the byte order of the file.
    offset
        Where the pixels of the series begin, if they are one uncompressed run; else None.
    files
        Names of the files of a set.
    pages
        Else for every page its file, as index of `files`, its number there, and the byte at which its pixels begin, for
        pages identified by that alone (Micro-Manager), else -1. Number and byte are -1 for one never written.
    palette
        Colours (3, n) of the values of a picture with a palette; its channels are these colours.
    """

    path: Path
    plan: AxisPlan
    scene: int
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int | None
    files: tuple[str, ...]
    pages: npt.NDArray[np.int64]
    palette: npt.NDArray[np.uint8] | None = None

    def __call__(self, t: int, c: int, z: int, rows: slice = _ALL, columns: slice = _ALL) -> npt.NDArray[Any]:
        """Return the plane (Y, X), or a part of it."""
        if self.palette is None:
            return self._stored(t, c, z, (rows, columns))
        channel, color = divmod(c, len(self.palette))
        indices = np.minimum(self._stored(t, channel, z, (rows, columns)), self.palette.shape[1] - 1)
        return self.palette[color][indices]

    def part(self, keyframe: TiffPage | TiffFrame) -> tuple[int, int] | None:
        """Return the (Y, X) of the parts in which a large plane is best read; None for whole planes.

        Parameters
        ----------
        keyframe
            The page that all pages of the series resemble.
        """
        height, width = (self.shape[self.axes.index(axis)] for axis in "YX")
        if height * width <= _PART_PX**2:
            return None
        if self.offset is not None or (len(self.pages) and self.pages[0, 2] >= 0):
            return _PART_PX, _PART_PX
        if self.axes[_leading(self.shape, len(self.pages)) :] != "YX" or keyframe.shape != (height, width):
            return None
        rows, columns = keyframe.chunks
        rows, columns = (side * max(1, _PART_PX // side) for side in (rows, columns))
        return None if rows >= height and columns >= width else (rows, columns)

    def _stored(self, t: int, c: int, z: int, part: tuple[slice, slice]) -> npt.NDArray[Any]:
        """Return the stored values of a part of a plane."""
        index = self.plan.index(self.scene, t, c, z)
        if self.offset is not None:
            mapped = np.memmap(self.path, self.dtype, "r", self.offset, self.shape)
            return np.array(mapped[self._item(index, self.axes, part)])
        leading = _leading(self.shape, len(self.pages))
        inner = self._item(index, self.axes[leading:], part)
        file, number, offset = self.pages[self.plan.flat_index({a: index[a] for a in self.axes[:leading]})]
        if offset >= 0:
            return np.array(np.memmap(self.files[file], self.dtype, "r", int(offset), self.shape[leading:])[inner])
        if number < 0:
            sides = [self.shape[self.axes.index(axis)] for axis in "YX"]
            return np.zeros([len(range(*cut.indices(side))) for cut, side in zip(part, sides, strict=True)], self.dtype)
        with TiffFile(self.files[file]) as tif:
            page = tif.pages[number]
            if page.size != prod(self.shape[leading:]):  # before a damaged height costs memory and minutes
                raise ValueError(f"a page of shape {page.shape} instead of {self.shape[leading:]}")
            if part != (_ALL, _ALL):
                return _pieces(page, part)
            pixels = page.asarray()
        return np.array(pixels.reshape(self.shape[leading:])[inner])

    def _item(self, index: dict[str, int], axes: str, part: tuple[slice, slice]) -> tuple[int | slice, ...]:
        cuts = dict(zip("YX", part, strict=True))
        return tuple(cuts[axis] if axis in cuts else index[axis] for axis in axes)


def _pieces(page: TiffPage | TiffFrame, part: tuple[slice, slice]) -> npt.NDArray[Any]:
    """Return a part of a page (Y, X), of whose tiles or strips only those in it are decoded."""
    import zarr

    stored = zarr.open_array(page.aszarr(), mode="r")
    return np.asarray(stored[part])


def where_pixels_are(series: TiffPageSeries, path: Path) -> tuple[int | None, tuple[str, ...], npt.NDArray[np.int64]]:
    """Return offset, files and pages as in `TiffPlanes`; refuse a truncated file."""
    _check_counts(series.keyframe, path)
    if not series.is_multifile and series.dataoffset is not None:
        size = Path(series.keyframe.parent.filehandle.path).stat().st_size
        end = series.dataoffset + series.size * series.dtype.itemsize
        if end > size:
            raise unreadable(path, f"its pixels end at byte {end}, the file at byte {size}")
        return series.dataoffset, (), np.empty((0, 3), np.int64)
    files: list[str] = []
    sizes: list[int] = []
    pages = np.full((len(series), 3), -1, np.int64)
    pieces: list[tuple[int, int, int]] = []
    by_offset = series.kind in TOLD_BY_OFFSET and series.keyframe.compression == 1
    most = _SHORTENED.get(int(series.keyframe.compression), _LOSSY)
    for position, page in enumerate(series):
        if page is None or not any(page.databytecounts):
            continue
        own = page.parent.filehandle.path
        if own not in files:
            files.append(own)
            sizes.append(Path(own).stat().st_size)
        file = files.index(own)
        ends = [offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)]
        if max(ends, default=0) > sizes[file]:
            name = "" if len(files) == 1 else f" of {Path(own).name}"
            raise unreadable(path, f"page {page.index}{name} ends at byte {max(ends)}, the file at byte {sizes[file]}")
        if series.keyframe.compression == 1:
            pieces.extend((file, *piece) for piece in zip(page.dataoffsets, page.databytecounts, strict=False))
        # Pieces that were left out, of nothing but zeros, take no place.
        there = np.count_nonzero(page.databytecounts) / len(page.databytecounts)
        bits = int(page.size) * int(series.keyframe.bitspersample)
        check_pixels(path, int(bits / 8 * there), int(np.sum(page.databytecounts)), most, f"page {page.index}")
        if by_offset:
            # Its number is its place in the set, not in its file.
            pages[position] = (file, -1, page.dataoffsets[0]) if page.databytecounts[0] else -1
        else:
            pages[position] = file, page.index, -1
    _check_pieces(path, np.array(pieces, np.int64).reshape(-1, 3))
    if (pages[:, 1:].max(axis=1) < 0).all():
        raise unreadable(path, "none of its planes was written")
    if missing := int((pages[:, 1:].max(axis=1) < 0).sum()):
        _log.warning("%s: %d of %d planes were never written and are read as 0", path.name, missing, len(pages))
    return None, tuple(files), pages


def _check_counts(page: TiffPage, path: Path) -> None:
    """Warn where the bytes stated for the uncompressed pixels of a page are not those that its size takes.

    Its size or these counts are damaged, and nothing tells which. A last strip may be stated as long as the others.
    """
    counts = page.databytecounts
    if page.compression != 1 or page.bitspersample % 8 or not all(counts):
        return
    least = int(page.nbytes)
    most = prod((*page.chunked, *page.chunks)) * int(page.bitspersample) // 8
    if not least <= (held := int(np.sum(counts))) <= most:
        _log.warning(
            "%s: %d bytes are stated for pixels that take %d: its size may be damaged, look at the image",
            path.name,
            held,
            least,
        )


def _check_pieces(path: Path, pieces: npt.NDArray[np.int64]) -> None:
    """Refuse uncompressed pieces that begin within the header; warn of empty ones, and of two that share bytes.

    Nothing else in a TIFF tells that the table of its pieces is damaged. The same piece twice may be meant. Of a last
    strip, some programs declare more bytes than it has: hence only a warning.

    Parameters
    ----------
    path
        The file, for messages.
    pieces
        For each its file, offset and number of bytes (N, 3).
    """
    if empty := int(((pieces[:, 1] > 0) & (pieces[:, 2] == 0)).sum()):
        _log.warning("%s: %d parts of its pixels have a place but are empty, and are read as 0", path.name, empty)
    pieces = np.unique(pieces[pieces[:, 2] > 0], axis=0)
    if (pieces[:, 1] < _HEADER).any():
        raise unreadable(path, "some of its pixels should be where the header is")
    ends = pieces[:, 1] + pieces[:, 2]
    if ((pieces[1:, 0] == pieces[:-1, 0]) & (pieces[1:, 1] < ends[:-1])).any():
        _log.warning(
            "%s: parts of its pixels share bytes of the file, which may be damaged: look at the image", path.name
        )


def first_pages(
    plan: AxisPlan, axes: str, shape: tuple[int, ...], pages: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Return for every scene the first of its pages that was written, as its position in `pages`; -1 without any."""
    leading = _leading(shape, len(pages))
    lengths = [(axis, length) for axis, length in zip(axes[:leading], shape[:leading], strict=True)]
    outer = [i for i, (axis, _) in enumerate(lengths) if plan.roles.get(axis) == SCENE]
    inner = [i for i in range(len(lengths)) if i not in outer]
    positions = np.arange(len(pages)).reshape([length for _, length in lengths] or [1])
    by_scene = positions.transpose([*outer, *inner] or [0]).reshape(plan.length(SCENE), -1)
    there = (pages[:, 1:].max(axis=1) >= 0)[by_scene]
    first = by_scene[np.arange(len(by_scene)), there.argmax(axis=1)]
    return np.where(there.any(axis=1), first, -1)


def _leading(shape: tuple[int, ...], pages: int) -> int:
    """Return how many of the leading axes count pages; the others are inside a page."""
    for leading in range(len(shape) + 1):
        if prod(shape[:leading]) == pages:
            return leading
    raise ValueError(f"{pages} pages do not make an image of shape {shape}")
