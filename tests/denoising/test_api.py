"""The way of the data: what comes back, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autodip_ij.denoising.api import denoise, denoise_file, denoise_image
from autodip_ij.denoising.report import read_sidecar
from autodip_ij.errors import BadInput, Cancelled, UnwritableOutput
from autodip_ij.groups.model import GroupDecision
from autodip_ij.images import Channel, Image, PixelSize, read, write
from autodip_ij.progress import Silent, Stop
from autodip_ij.settings import DenoiseSettings

QUICK = {"iterations": 3, "width": 4, "depth": 2, "device": "cpu", "group": "widefield/nucleus"}
"""Settings of a fit that takes milliseconds; what is tested here does not depend on its quality."""


def noisy_stack(shape: tuple[int, ...] = (2, 3, 33, 40)) -> np.ndarray:
    return np.random.default_rng(3).poisson(200, shape).astype(np.uint16)


@pytest.mark.parametrize(("shape", "axes"), [((33, 40), None), ((3, 33, 40), "ZYX"), ((2, 3, 33, 40), "TCYX")])
def test_an_array_is_returned_with_its_axes(shape: tuple[int, ...], axes: str | None) -> None:
    result = denoise(noisy_stack(shape), axes=axes, **QUICK)
    assert result.image.shape == shape
    assert result.image.dtype == np.float32
    assert np.isfinite(result.image).all()


def test_the_result_stays_on_the_grey_value_scale_of_the_input() -> None:
    source = noisy_stack((33, 40))
    result = denoise(source, **QUICK)
    assert source.min() <= result.image.min() <= result.image.max() <= source.max()
    assert result.report.channels[0].window == (source.min(), source.max())


def test_same_type_is_rounded_and_clipped_and_never_rescaled() -> None:
    source = noisy_stack((33, 40))
    as_float = denoise(source, **QUICK).image
    as_source = denoise(source, dtype="same", **QUICK).image
    assert as_source.dtype == source.dtype
    np.testing.assert_array_equal(as_source, np.rint(as_float))


def test_the_same_seed_gives_the_same_pixels_and_another_seed_others() -> None:
    source = noisy_stack((33, 40))
    first, again, other = (denoise(source, seed=seed, **QUICK).image for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0


def test_noise_falls_and_the_mean_is_kept() -> None:
    """A short fit takes most of the noise off a smooth image."""
    y, x = np.mgrid[:64, :64] / 64
    clean = 300 + 200 * np.sin(4 * x) * np.cos(3 * y)
    source = clean + np.random.default_rng(0).normal(0, 60, clean.shape)
    result = denoise(source, **{**QUICK, "iterations": 60, "width": 16, "depth": 4})
    assert np.mean((result.image - clean) ** 2) < 0.3 * np.mean((source - clean) ** 2)
    assert result.report.channels[0].mean_ratio == pytest.approx(1, abs=0.02)


def test_one_window_serves_a_whole_stack() -> None:
    """A window a slice would brighten the empty slices and make the stack flicker."""
    stack = np.stack([np.random.default_rng(k).integers(0, top, (33, 40)) for k, top in enumerate((20, 1000))])
    report = denoise(stack, axes="ZYX", **QUICK).report
    assert report.channels[0].window == (stack.min(), stack.max())


@pytest.mark.usefixtures("one_thread")
def test_without_neighbours_a_plane_does_not_depend_on_what_is_denoised_beside_it() -> None:
    stack = noisy_stack((3, 33, 40))
    stack[:, 10:14, 10:14], stack[:, 20:24, 20:24] = 0, 500  # equal windows, whichever slices are selected
    whole = denoise(stack, axes="ZYX", neighbours="off", **QUICK).image
    single = denoise(stack, axes="ZYX", z="1", **QUICK).image
    np.testing.assert_array_equal(single.reshape(33, 40), whole[1])


def test_large_planes_are_cut_into_tiles_and_come_back_whole() -> None:
    result = denoise(noisy_stack((70, 90)), tile=32, overlap=8, **QUICK)
    assert result.image.shape == (70, 90)
    assert result.report.channels[0].fit.tiles_per_plane == 3 * 4
    assert result.report.channels[0].fit.tile == 32


def test_a_constant_channel_comes_back_unchanged_and_says_so() -> None:
    source = np.stack([noisy_stack((33, 40)), np.full((33, 40), 7, np.uint16)])
    result = denoise(source, axes="CYX", **QUICK)
    np.testing.assert_array_equal(result.image[1], source[1])
    assert result.report.channels[1].treatment == "left alone"
    assert "same value" in result.report.channels[1].reason


def test_nan_and_infinity_are_put_back_where_they_were() -> None:
    source = noisy_stack((33, 40)).astype(np.float32)
    source[3, 4], source[5, 6] = np.nan, np.inf
    result = denoise(source, **QUICK)
    assert np.isnan(result.image[3, 4])
    assert result.image[5, 6] == np.inf
    assert np.isfinite(result.image).sum() == source.size - 2
    assert result.report.channels[0].nonfinite_pixels == 2


def test_transmitted_light_is_left_alone_beside_fluorescence_and_denoised_when_chosen() -> None:
    image = Image.from_array(noisy_stack((2, 33, 40)), "CYX", channels=[Channel("GFP"), Channel("DIC")])
    decisions = [
        GroupDecision(0, "GFP", "widefield", None, 0.9),
        GroupDecision(1, "DIC", "widefield", None, 0.9, leave_alone="transmitted light"),
    ]
    settings = DenoiseSettings.parse(**{**QUICK, "group": "auto"})
    beside = denoise_image(image, settings, decisions=decisions)
    np.testing.assert_array_equal(beside.image[1], image.plane(0, 1, 0))
    assert beside.report.channels[1].treatment == "left alone"
    chosen = denoise_image(image, settings.model_copy(update={"channel": "DIC"}), decisions=decisions)
    assert chosen.output.shape == (1, 1, 1, 33, 40)
    assert chosen.report.channels[0].treatment == "denoised"
    assert "outside the calibrated groups" in " ".join(chosen.report.messages)


def test_a_given_group_that_contradicts_the_metadata_is_used_and_the_contradiction_reported() -> None:
    sample = pytest.importorskip("autodip_ij.evaluation.datasets.synthetic").make_sample(64).noisy
    settings = DenoiseSettings.parse(**{**QUICK, "group": "confocal/mito", "channel": "DAPI"})
    messages = " ".join(denoise_image(sample, settings).report.messages)
    assert "the metadata speak for widefield and nucleus" in messages


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"channel": "5"}, "out of range"),
        ({"channel": "DAPY"}, "DAPY"),
        ({"z": "0-9"}, "out of range"),
        ({"method": "gausian"}, "did you mean 'gaussian'"),
        ({"calibration": "papr"}, "did you mean 'paper'"),
        ({"microscope": "confocal", "group": "actin"}, "not both"),
    ],
)
def test_missing_selections_are_refused_with_the_remedy(settings: dict[str, str], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        denoise(noisy_stack((33, 40)), **{**{k: v for k, v in QUICK.items() if k != "group"}, **settings})


def test_complex_pixels_are_refused() -> None:
    with pytest.raises(BadInput, match="complex"):
        denoise(np.ones((33, 40), np.complex64), **QUICK)


class StopAt(Silent):
    """Asks to stop once `steps` iterations are done, and keeps what it is told."""

    def __init__(self, steps: int, request: Stop) -> None:
        self.left, self.request, self.total, self.lines = steps, request, 0, []

    def start(self, total: int, message: str) -> None:
        self.total = total

    def advance(self, steps: int = 1, message: str | None = None) -> None:
        self.left -= steps

    def stop_request(self) -> Stop:
        return self.request if self.left <= 0 else Stop.NO

    def log(self, message: str) -> None:
        self.lines.append(message)


def test_stop_and_keep_returns_the_finished_part_and_names_the_missing_planes() -> None:
    stack = noisy_stack((3, 33, 40))
    progress = StopAt(1, Stop.KEEP)
    result = denoise(stack, axes="ZYX", progress=progress, **{**QUICK, "iterations": 20000})
    fit = result.report.channels[0].fit
    assert fit.stopped
    assert fit.iterations < 20000
    assert fit.unchanged_planes == 2
    np.testing.assert_array_equal(result.image[2], stack[2])
    assert "stopped" in progress.lines[-1]


def test_discarding_raises_and_writes_nothing(tmp_path: Path) -> None:
    source = write(Image.from_array(noisy_stack((33, 40))), tmp_path / "a.ome.tif", dtype="same")
    settings = DenoiseSettings.parse(**{**QUICK, "iterations": 20000})
    with pytest.raises(Cancelled):
        denoise_file(source, settings=settings, progress=StopAt(1, Stop.DISCARD))
    assert [path.name for path in tmp_path.iterdir()] == ["a.ome.tif"]


def test_all_steps_are_reported(tmp_path: Path) -> None:
    progress = StopAt(10**9, Stop.NO)
    denoise(noisy_stack((2, 3, 70, 40)), axes="TCYX", tile=48, overlap=8, progress=progress, **QUICK)
    assert progress.total == 2 * 3 * 2 * QUICK["iterations"]
    assert 10**9 - progress.left == progress.total


def test_a_file_comes_back_with_its_metadata_and_a_sidecar(tmp_path: Path) -> None:
    image = Image.from_array(
        noisy_stack((2, 33, 40)),
        "CYX",
        channels=[Channel("DAPI", (0, 0, 255)), Channel("MitoTracker", (255, 0, 0))],
        pixel_size=PixelSize(y=0.2, x=0.1),
    )
    source = write(image, tmp_path / "cells.ome.tif", dtype="same")
    before = source.read_bytes()
    settings = DenoiseSettings.parse(**QUICK)
    made = denoise_file(source, settings=settings)
    assert made.output == tmp_path / "cells_autodip.ome.tif"
    assert source.read_bytes() == before
    again = read(made.output)
    assert [channel.name for channel in again.channels] == ["DAPI", "MitoTracker"]
    assert [channel.color for channel in again.channels] == [(0, 0, 255), (255, 0, 0)]
    assert (again.pixel_size.y, again.pixel_size.x) == (0.2, 0.1)
    sidecar = read_sidecar(made.output)
    assert sidecar.output.file == "cells_autodip.ome.tif"
    assert sidecar.settings["iterations"] == 3
    with pytest.raises(UnwritableOutput, match="overwrite"):
        denoise_file(source, settings=settings)


def test_the_sidecar_is_enough_to_make_the_result_again(tmp_path: Path) -> None:
    source = write(Image.from_array(noisy_stack((33, 40))), tmp_path / "a.ome.tif", dtype="same")
    first = denoise_file(source, settings=DenoiseSettings.parse(**QUICK))
    settings = DenoiseSettings.parse(**read_sidecar(first.output).settings)
    second = denoise_file(source, tmp_path / "again.ome.tif", settings)
    np.testing.assert_array_equal(np.asarray(read(first.output)), np.asarray(read(second.output)))
    assert second.report.input.pixels_sha256 == first.report.input.pixels_sha256


def test_a_comparison_method_goes_the_same_way() -> None:
    source = noisy_stack((2, 33, 40))
    result = denoise(source, axes="CYX", method="gaussian")
    assert result.image.shape == source.shape
    assert result.image.std() < source.std()
    assert result.report.channels[0].method == "gaussian"


@pytest.mark.parametrize("shape", [(1, 300), (300, 1), (1, 1), (3, 65)])
def test_a_line_of_pixels_is_an_image_too(shape: tuple[int, int]) -> None:
    noisy = np.random.default_rng(0).poisson(20, shape).astype(np.uint16)
    result = denoise(noisy, group="widefield", iterations=2, depth=2, width=4, device="cpu")
    assert result.image.shape == shape
    assert np.isfinite(result.image).all()
