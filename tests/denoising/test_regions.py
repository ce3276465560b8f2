"""Planes larger than a region: their result is that of the whole plane, without seams, whatever lies at the borders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from autodip_ij.denoising import regions, survey
from autodip_ij.denoising.api import denoise
from autodip_ij.denoising.regions import RegionReader, Regions
from autodip_ij.errors import BadInput
from autodip_ij.images import open_image
from autodip_ij.images.reading import tiff_pages
from autodip_ij.progress import Silent, Stop

SIGMA = 10.0
ESTIMATE = {"group": "confocal/nucleus", "device": "cpu", "classical": "gaussian sigma_px=2", "classical_weight": 1}
FIT = {
    **{"iterations": 6, "width": 4, "depth": 1, "n_fits": 1, "device": "cpu", "group": "widefield/nucleus"},
    **{"classical_weight": 0, "guides": "gaussian sigma_px=2", "guard": "off"},
}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Regions of 96 px, as if memory were scarce."""
    monkeypatch.setattr(regions, "SIDE_PX", 96)
    monkeypatch.setattr(regions, "OVERLAP_PX", 32)
    monkeypatch.setattr(survey, "BLOCK_PX", 40)


def scene(height: int = 150, width: int = 140) -> tuple[np.ndarray, np.ndarray]:
    """Return a smooth truth, and the same with noise."""
    y, x = np.mgrid[:height, :width]
    truth = 500 + 100 * np.sin(x / 9) * np.cos(y / 11) + x
    return truth, truth + np.random.default_rng(2).normal(0, SIGMA, truth.shape)


def steps(result: np.ndarray, truth: np.ndarray) -> float:
    """Return the largest step of the error between neighbouring rows or columns, averaged along them, in sigmas."""
    error = np.asarray(result, float) - truth
    return max(float(np.abs(np.diff(error.mean(axis=axis))).max()) for axis in (0, 1)) / SIGMA


def test_their_own_parts_make_up_the_plane_and_equal_regions_give_it_back(small: None) -> None:
    plane = np.arange(250 * 211, dtype=np.float32).reshape(250, 211)
    cut = Regions(plane.shape)
    count, written = np.zeros(plane.shape, int), np.full((1, *plane.shape), np.nan, np.float32)
    for number, tile in enumerate(cut):
        rows, columns = cut.own(number)
        count[tile.slices][rows, columns] += 1
        assert cut.at(tile.y + rows.start, tile.x + columns.stop - 1) == number
        cut.write(written, (0,), number, plane[tile.slices])
    assert len(cut) == 12
    assert (count == 1).all()
    np.testing.assert_array_equal(written[0], plane)


def test_regions_that_differ_fade_into_one_another(small: None) -> None:
    cut = Regions((150, 140))
    written = np.zeros(cut.shape, np.uint16)
    for number, tile in enumerate(cut):
        cut.write(written, (), number, np.full((tile.height, tile.width), 1000 + 300 * (number % 3), np.uint16))
    assert max(int(np.abs(np.diff(written.astype(int), axis=axis)).max()) for axis in (0, 1)) < 60


@pytest.mark.parametrize("method", ["gaussian", "dip"])
def test_the_result_is_that_of_the_whole_plane(small: None, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    truth, noisy = scene()
    settings = ESTIMATE if method == "dip" else {"group": "confocal/nucleus", "method": method}
    pieces = denoise(noisy, **settings)
    monkeypatch.setattr(regions, "SIDE_PX", 2048)
    whole = denoise(noisy, **settings)
    assert (pieces.image - whole.image).std() < 0.1 * SIGMA
    assert steps(pieces.image, truth) < steps(whole.image, truth) + 0.05
    assert pieces.image.mean() == pytest.approx(noisy.mean(), rel=0.002)
    channel, alone = pieces.report.channels[0], whole.report.channels[0]
    assert channel.window == pytest.approx(alone.window)
    assert channel.residual_std == pytest.approx(alone.residual_std, rel=0.02)
    assert channel.checked_planes == alone.checked_planes == 1


def test_fits_leave_no_seam(small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    truth, noisy = scene()
    result = denoise(noisy, **FIT)
    monkeypatch.setattr(regions, "SIDE_PX", 2048)
    assert steps(result.image, truth) < steps(denoise(noisy, **FIT).image, truth) + 0.1
    assert result.report.channels[0].fit.planes == 1
    assert result.report.channels[0].fit.tiles_per_plane == 4


def test_gaps_nan_and_outliers_at_the_borders_are_treated_as_elsewhere(small: None) -> None:
    _, noisy = scene()
    border = Regions(noisy.shape)[1].x
    noisy[:, border : border + 12] = np.nan
    noisy[70, :20] = np.inf
    noisy[40, border + 14] = 1e5
    result = denoise(noisy, **ESTIMATE)
    odd = ~np.isfinite(noisy)
    np.testing.assert_array_equal(result.image[odd], noisy[odd].astype(np.float32))
    assert np.isfinite(result.image[~odd]).all()
    assert result.image[40, border + 14] < 1000
    channel = result.report.channels[0]
    assert (channel.nonfinite_pixels, channel.outlier_pixels) == (np.count_nonzero(odd), 1)


class StopsAfter(Silent):
    """Asks to keep what is there after some steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def advance(self, steps: int = 1) -> None:
        """Count."""
        self.left -= steps

    def stop_request(self) -> Stop:
        """Return the request."""
        return Stop.KEEP if self.left <= 0 else Stop.NO


def test_a_stop_leaves_the_regions_that_were_not_reached_unchanged(small: None) -> None:
    _, noisy = scene()
    cut = Regions(noisy.shape)
    result = denoise(noisy, progress=StopsAfter(2), **ESTIMATE)
    below = cut[0].height
    np.testing.assert_array_equal(result.image[below:], noisy[below:].astype(np.float32))
    assert np.abs(result.image[:30, :30] - noisy[:30, :30]).max() > SIGMA
    assert result.report.channels[0].fit.stopped
    assert any("region 2 of" in message for message in result.report.messages)


def test_series_and_uncertainty_work_in_regions_but_for_frames_fitted_twice(small: None) -> None:
    frames = np.stack([scene()[1]] * 2)
    found = denoise(frames, axes="TYX", series="warm", **(FIT | {"iterations": 2}))
    assert np.isfinite(found.image).all()
    with pytest.raises(BadInput, match="series=warm"):
        denoise(frames, axes="TYX", series="back-and-forth", **FIT)
    spread = denoise(frames[0], uncertainty=True, **(FIT | {"n_fits": 2, "iterations": 2})).uncertainty
    assert spread is not None
    assert np.isfinite(spread).all()


@pytest.mark.parametrize("stored", [{"tile": (16, 16)}, {"tile": (32, 16)}, {"rowsperstrip": 8}])
def test_of_a_tiled_file_only_what_a_region_needs_is_decoded(
    small: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stored: dict[str, Any]
) -> None:
    monkeypatch.setattr(tiff_pages, "_PART_PX", 32)
    plane = scene()[1].astype(np.uint16)
    tifffile.imwrite(tmp_path / "plane.tif", plane, compression="zlib", **stored)
    image = open_image(tmp_path / "plane.tif")
    assert image.data.chunksize[3] <= 32
    cut = Regions(image.shape[3:])
    read = RegionReader(image.data, cut)
    for number, tile in enumerate(cut):
        np.testing.assert_array_equal(read.region((0, 0, 0), number), plane[tile.slices])
    np.testing.assert_array_equal(image.plane(0, 0, 0), plane)


def test_a_file_that_is_decoded_as_a_whole_is_decoded_once_a_plane(small: None) -> None:
    import dask.array as da

    reads = []
    plane = np.arange(300 * 300, dtype=np.uint16).reshape(300, 300)

    def decode(block_id: tuple[int, ...] = (0, 0, 0)) -> np.ndarray:
        reads.append(block_id)
        return plane[None]

    lazy = da.map_blocks(decode, chunks=((1, 1), (300,), (300,)), dtype=np.uint16, meta=np.empty((0, 0, 0), np.uint16))
    cut = Regions(plane.shape)
    read = RegionReader(lazy, cut)
    for place in (0,), (1,):
        for number, tile in enumerate(cut):
            np.testing.assert_array_equal(read.region(place, number), plane[tile.slices])
    assert len(reads) == 2


def test_the_noise_is_that_of_the_parts_that_show_most(small: None) -> None:
    plane = np.random.default_rng(3).normal(100, SIGMA, (160, 160))
    plane[80:120, 80:120] += np.linspace(0, 900, 40)
    plane[:40, :40] = 0
    read = RegionReader(plane, Regions(plane.shape))
    seen = survey.survey(read, (), plane.shape)
    first = seen.telling[0].cut
    assert (first.y, first.x) == (80, 80)
    assert survey.sample(read, seen).shape in {(40, 40), (80, 80)}
