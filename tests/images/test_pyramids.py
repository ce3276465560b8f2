"""Large planes: tiles and lower resolutions, as other programs read them, written in the memory of a few blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from autodip_ij.images import Image, open_image, write
from autodip_ij.images.writing import ome_zarr, pixel_store, pyramid, tiff
from autodip_ij.images.writing.pixel_store import new_store
from autodip_ij.images.writing.save import write_held

STACK = np.random.default_rng(2).integers(0, 60000, (2, 3, 75, 90), np.uint16)


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if planes of 75 x 90 px were large."""
    monkeypatch.setattr(tiff, "_TILED_FROM", 32)
    monkeypatch.setattr(tiff, "_TILE", 16)
    monkeypatch.setattr(tiff, "_PYRAMID_FROM", 64)
    monkeypatch.setattr(tiff, "_SMALLEST_LEVEL", 32)
    monkeypatch.setattr(ome_zarr, "_SMALLEST_LEVEL", 32)
    for module in (pixel_store, ome_zarr):
        monkeypatch.setattr(module, "CHUNK", 32)
    monkeypatch.setattr(pyramid, "BLOCK", 16)


def reduced(plane: np.ndarray) -> np.ndarray:
    """Return means of 2 x 2 pixels; at an odd border the last row or column counts twice."""
    padded = np.pad(plane, [(0, side % 2) for side in plane.shape], mode="edge").astype(float)
    height, width = padded.shape
    return np.rint(padded.reshape(height // 2, 2, width // 2, 2).mean((1, 3))).astype(plane.dtype)


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("compression", ["zlib", "none"])
def test_an_ome_tiff_has_tiles_and_lower_resolutions_of_every_plane(tmp_path: Path, compression: Any) -> None:
    path = write(Image.from_array(STACK, "CZYX"), tmp_path / "a.ome.tif", compression=compression)
    assert [file.name for file in tmp_path.iterdir()] == ["a.ome.tif"]
    with tifffile.TiffFile(path) as tif:
        (series,) = tif.series
        assert [level.shape for level in series.levels] == [(2, 3, 75, 90), (2, 3, 38, 45), (2, 3, 19, 23)]
        page = tif.pages.first
        assert (page.tilewidth, page.compression.name) == (16, "ADOBE_DEFLATE" if compression == "zlib" else "NONE")
        expected = list(STACK.reshape(6, 75, 90))
        for level in series.levels:
            np.testing.assert_array_equal(level.asarray().reshape(6, *level.shape[2:]), expected)
            expected = [reduced(plane) for plane in expected]
    np.testing.assert_array_equal(open_image(path).data[0], STACK)


@pytest.mark.usefixtures("small_limits")
def test_other_readers_open_the_full_resolution_of_a_tiled_ome_tiff(tmp_path: Path) -> None:
    bioio_ome_tiff = pytest.importorskip("bioio_ome_tiff")
    path = write(Image.from_array(STACK, "CZYX"), tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(bioio_ome_tiff.Reader(path).data[0], STACK)


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.bool_])
def test_every_type_has_tiles_or_strips_that_come_back(tmp_path: Path, dtype: Any) -> None:
    plane = STACK[0, 0].astype(np.float32).astype(dtype)
    path = write(Image.from_array(plane), tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(open_image(path).plane(0, 0, 0), plane)


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_the_metadata_are_those_of_the_specification(tmp_path: Path, version: Any) -> None:
    """As the models of ome-zarr see it."""
    from ome_zarr_models import open_ome_zarr

    path = write(Image.from_array(STACK, "CZYX", name="cells"), tmp_path / "a.ome.zarr", zarr_version=version)
    model = open_ome_zarr(zarr.open_group(path, mode="r"))
    attributes = model.attributes.ome if version == "0.5" else model.attributes
    (multiscale,) = attributes.multiscales
    assert multiscale.name == "cells"
    scales = [dataset.coordinateTransformations[0].scale for dataset in multiscale.datasets]
    assert scales == [[1, 1, 1, 1], [1, 1, 2, 2], [1, 1, 4, 4]]
    np.testing.assert_array_equal(zarr.open_array(path / "1", mode="r")[1, 2], reduced(STACK[1, 2]))


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("suffix", [".ome.zarr", ".ome.zarr.zip", ".ome.tif", ".tif"])
def test_pixels_on_disk_become_the_result_and_are_not_copied(tmp_path: Path, suffix: str) -> None:
    image = Image.from_array(STACK.astype(np.float32), "CZYX")
    held = tmp_path / "held"
    store = new_store(held, image, np.dtype(np.float32))
    for c, z in np.ndindex(2, 3):
        store[0, c, z] = STACK[c, z]
    chunk = next(file for file in sorted((held / "0" / "c").rglob("*")) if file.is_file()).stat().st_ino
    path = write_held(image.with_data(store), tmp_path / f"out{suffix}", held)
    np.testing.assert_array_equal(open_image(path).data[0], STACK)
    assert held.exists() == (suffix != ".ome.zarr")
    if suffix == ".ome.zarr":
        assert chunk in {file.stat().st_ino for file in (path / "0").rglob("*")}
        np.testing.assert_array_equal(zarr.open_array(path / "1", mode="r")[1, 2], halved_floats(STACK[1, 2]))


def halved_floats(plane: np.ndarray) -> np.ndarray:
    return pyramid.halved(plane.astype(np.float32))
