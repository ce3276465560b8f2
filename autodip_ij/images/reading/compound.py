"""Compound files (OIB): sector chains that run in circles, which a reader would follow until memory is full."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_END = 0xFFFFFFFA  # from here on numbers are marks and no sectors


def refuse_circles(path: Path) -> None:
    """Raise where a chain of sectors comes back to itself, or a table is longer than the file.

    Raises
    ------
    ValueError
        With what is wrong, for the reader's error.
    """
    with path.open("rb") as file:
        head = file.read(512)
        if not head.startswith(_MARK):
            return
        size = path.stat().st_size
        shift = struct.unpack_from("<H", head, 30)[0]
        if shift not in (9, 12):
            raise ValueError(f"sectors of 2^{shift} bytes")
        sector = 1 << shift
        fat_length, _, _, _, mini_start, _, table_start, table_length = struct.unpack_from("<8I", head, 44)
        most = size // sector + 1
        if fat_length > most or table_length > most:
            raise ValueError(f"a sector table of {max(fat_length, table_length)} sectors in a file of {most}")

        def read(number: int) -> npt.NDArray[np.uint32]:
            file.seek((number + 1) * sector)
            data = file.read(sector)
            return np.frombuffer(data.ljust(sector, b"\xff"), "<u4")

        places = list(np.frombuffer(head, "<u4", 109, 76))
        following = table_start
        for _ in range(table_length):
            if following >= _END:
                break
            table = read(following)
            places += list(table[:-1])
            following = int(table[-1])
        fat = _joined([read(int(place)) for place in places[:fat_length] if place < _END])
        _refuse_circle(fat)
        mini: list[npt.NDArray[np.uint32]] = []
        while mini_start < len(fat) and len(mini) < most:
            mini.append(read(mini_start))
            mini_start = int(fat[mini_start])
        _refuse_circle(_joined(mini))


def _joined(tables: list[npt.NDArray[np.uint32]]) -> npt.NDArray[np.uint32]:
    return np.concatenate(tables) if tables else np.empty(0, np.uint32)


def _refuse_circle(table: npt.NDArray[np.uint32]) -> None:
    """Raise where following `table` from any sector does not come to an end."""
    length = len(table)
    # Every step doubles the distance; the last place is the end, which leads to itself.
    reached = np.append(np.where(table < length, table, length).astype(np.int64), length)
    for _ in range(length.bit_length()):
        reached = reached[reached]
    if (reached != length).any():
        raise ValueError("a chain of its sectors runs in a circle")
