"""Where results go, and the targets that are refused before any computing."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest

from autodip_ij.denoising import result as outputs
from autodip_ij.denoising.api import denoise_file
from autodip_ij.denoising.result import default_output, new_array, refuse_bad_targets, uncertainty_path
from autodip_ij.errors import UnwritableOutput
from autodip_ij.images import Image, write
from autodip_ij.settings import DenoiseSettings


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cells.czi", "cells_autodip.ome.tif"),
        ("cells.ome.tiff", "cells_autodip.ome.tif"),
        ("a.b.OME.ZARR", "a.b_autodip.ome.tif"),
        ("plate.ome.zarr.zip", "plate_autodip.ome.tif"),
        ("no-suffix", "no-suffix_autodip.ome.tif"),
    ],
)
def test_the_default_output_stands_beside_the_source(name: str, expected: str) -> None:
    assert default_output(Path("folder") / name) == Path("folder") / expected


def test_output_equal_to_input_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "a.ome.tif"
    source.write_bytes(b"pixels")
    (tmp_path / "link.ome.tif").symlink_to(source)
    for target in (source, tmp_path / "." / "a.ome.tif", tmp_path / "link.ome.tif"):
        with pytest.raises(UnwritableOutput, match="same file"):
            refuse_bad_targets(target, source, overwrite=True, uncertainty=False)
    assert source.read_bytes() == b"pixels"


def test_an_existing_output_is_kept_unless_overwriting(tmp_path: Path) -> None:
    target = tmp_path / "out.ome.tif"
    target.write_bytes(b"earlier")
    with pytest.raises(UnwritableOutput, match="--overwrite"):
        refuse_bad_targets(target, None, overwrite=False, uncertainty=False)
    refuse_bad_targets(target, None, overwrite=True, uncertainty=False)
    assert target.read_bytes() == b"earlier"


def test_the_uncertainty_map_beside_the_output_is_checked_with_it(tmp_path: Path) -> None:
    target = tmp_path / "out.ome.tif"
    uncertainty_path(target).write_bytes(b"earlier")
    refuse_bad_targets(target, None, overwrite=False, uncertainty=False)
    with pytest.raises(UnwritableOutput, match="--overwrite"):
        refuse_bad_targets(target, None, overwrite=False, uncertainty=True)


def test_a_file_has_its_targets_checked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noisy = np.random.default_rng(0).random((20, 24), dtype=np.float32)
    source = write(Image.from_array(noisy), tmp_path / "a.ome.tif")
    checked: list[Path] = []
    original = outputs._refuse_bad_target
    monkeypatch.setattr(
        outputs, "_refuse_bad_target", lambda target, *rest: (checked.append(target), original(target, *rest))
    )
    settings = DenoiseSettings(method="gaussian", device="cpu")
    written = denoise_file(source, tmp_path / "b.ome.tif", settings).output
    assert checked == [written]


def test_a_folder_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnwritableOutput, match="is a folder"):
        refuse_bad_targets(tmp_path, None, overwrite=True, uncertainty=False)
    with pytest.raises(UnwritableOutput, match="does not exist"):
        refuse_bad_targets(tmp_path / "nowhere" / "out.ome.tif", None, overwrite=False, uncertainty=False)


def test_a_result_beyond_the_memory_is_held_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "SHARE_OF_MEMORY", 0.0)
    array = new_array((3, 4), np.dtype(np.float32))
    assert isinstance(array, np.memmap)
    array[1, 2] = 5
    assert array.sum() == 5


def test_a_long_result_is_held_in_a_file_and_read_back_plane_by_plane(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever memory is free: a stack of many planes takes that of a few."""
    monkeypatch.setattr(outputs, "LARGEST_IN_MEMORY", 1000)
    small, large = new_array((2, 1, 1, 10, 10), np.dtype(np.uint8)), new_array((2, 1, 1, 30, 20), np.dtype(np.uint8))
    assert not isinstance(small, np.memmap)
    assert isinstance(large, np.memmap)
    large[1, 0, 0] = 7
    image = Image.from_array(np.zeros((2, 30, 20), np.uint8), "TYX").with_data(large)
    assert image.plane(1, 0, 0).min() == 7
    assert image.plane(0, 0, 0).max() == 0


def test_with_a_full_disk_a_result_that_fits_into_memory_is_held_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(outputs, "_reserve", full)
    monkeypatch.setattr(outputs, "LARGEST_IN_MEMORY", 0)
    assert not isinstance(new_array((3, 4), np.dtype(np.float32)), np.memmap)
    monkeypatch.setattr(outputs, "SHARE_OF_MEMORY", 0.0)
    with pytest.raises(UnwritableOutput, match="TMPDIR"):
        new_array((3, 4), np.dtype(np.float32))
