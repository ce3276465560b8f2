"""The chain of directories in a TIFF: one that runs in a circle would be followed until memory is full."""

from __future__ import annotations

import struct
from pathlib import Path

_INDEXED = (54773648, 483729)
"""What stands behind the header of Micro-Manager's files, whose pages are found by an index instead."""


def refuse_circular_chain(path: Path) -> None:
    """Raise where the directory behind a page is one that came before.

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
                raise ValueError(f"behind page {len(seen) - 1} follows one that came before")
            seen.add(offset)
            file.seek(offset)
            after = offset + counts.size + entry * counts.unpack(file.read(counts.size))[0]
            if after > size - links.size:
                return
            file.seek(after)
            offset = links.unpack(file.read(links.size))[0]
