"""Files damaged at random: what is still read is right, where the format has checksums; all else is one error line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autodip_ij.errors import AutodipError
from autodip_ij.images import Image, write
from autodip_ij.images.reading.open import read_scenes

CASES = 20


def damaged(data: bytes, random: np.random.Generator) -> bytes:
    """Return `data` with some bytes changed, a block of zeros, or cut."""
    made = np.frombuffer(data, np.uint8).copy()
    at = random.integers(len(made), size=6)
    kind = random.integers(3)
    if kind == 0:
        made[at] = random.integers(0, 256, len(at))
    elif kind == 1:
        made[at[0] : at[0] + 2 ** int(random.integers(11))] = 0
    return made[: at[0] if kind == 2 else None].tobytes()


@pytest.mark.parametrize("name", ["a.ome.tif", "a.ome.zarr.zip", "a.png"])
def test_a_damaged_file_is_refused_or_read_right(tmp_path: Path, name: str) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    planes = np.random.default_rng(0).poisson(90, (1 if name == "a.png" else 2, 40, 48)).astype(np.uint16)
    path = tmp_path / name
    if name == "a.png":
        path.write_bytes(imagecodecs.png_encode(planes[0]))
    else:
        write(Image.from_array(planes, "ZYX"), path)
    whole = path.read_bytes()
    messages = []
    for case in range(CASES):
        path.write_bytes(damaged(whole, np.random.default_rng([5, case])))
        for z, right in enumerate(planes):
            try:
                np.testing.assert_array_equal(read_scenes(path)[0].plane(0, 0, z), right)
            except AutodipError as error:
                messages.append(str(error))
    assert len(messages) > CASES // 2
    assert not any("\n" in message for message in messages)
