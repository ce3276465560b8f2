"""A run whose result is the classical estimate alone: no network, no guard, no GPU, and it says so everywhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import autodip_ij
from autodip_ij.calibration.pack.write import PackContent, write_pack
from autodip_ij.calibration.parameters import Parameters
from autodip_ij.cli.app import run
from autodip_ij.denoising.checks import checks_of_planes, fit_verdict
from autodip_ij.denoising.plan import plan_run
from autodip_ij.denoising.superresolution import SuperresSettings, superresolve_image
from autodip_ij.dip.resampling import enlarge
from autodip_ij.errors import Cancelled
from autodip_ij.fiji.commands.screen import inspection_rows
from autodip_ij.fiji.commands.text import briefly, verdict_lines
from autodip_ij.fiji.imageplus.source import provenance_block
from autodip_ij.fiji.worker.look import time_in_words
from autodip_ij.images import Image
from autodip_ij.noise.residual import Value
from autodip_ij.progress import Silent, Stop
from autodip_ij.settings import DenoiseSettings

FIT = Parameters(
    depth=2, width=4, skip=4, iterations=3, loss="noise-aware", classical="median size_px=3", classical_weight=0.5
)
ALONE = replace(FIT, classical_weight=1.0, guides="gaussian", n_fits=3)


@pytest.fixture
def pack(tmp_path: Path) -> str:
    table = {("psnr", "all", "fast"): ALONE, ("psnr", "all", "standard"): FIT}
    content = PackContent("mine", "a test", "psnr", table, noise_parameters={"white": table, "correlated": table})
    return str(write_pack(content, tmp_path / "mine"))


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no network be described, which precedes its cost and its fits."""

    def refuse(*_: object) -> None:
        raise AssertionError("a network was asked for")

    monkeypatch.setattr("autodip_ij.calibration.parameters.architecture_of", refuse)


def noisy(shape: tuple[int, ...] = (64, 72)) -> np.ndarray:
    y, x = np.mgrid[: shape[-2], : shape[-1]]
    return np.random.default_rng(3).poisson(200 + 100 * np.sin(x / 9) * np.cos(y / 7), shape).astype(np.uint16)


def fast(pack: str, **settings: object) -> dict[str, object]:
    return {"calibration": pack, "effort": "fast", "group": "confocal", **settings}


def test_the_result_is_the_classical_estimate_with_the_grey_values_of_the_input(pack, no_network):
    source = noisy()
    result = autodip_ij.denoise(source, **fast(pack))
    alone = autodip_ij.denoise(source, method="median").image
    assert np.corrcoef(result.image.ravel(), alone.ravel())[0, 1] > 0.99
    assert result.image.mean() == pytest.approx(source.mean(), rel=1e-3)


def test_plan_log_and_sidecar_say_that_no_network_was_fitted(pack, no_network, tmp_path):
    result = autodip_ij.denoise(noisy(), **fast(pack))
    report = result.report
    assert "-> no network. " in report.messages[0]
    why = "with white noise the classical estimate alone (a median filter, size 3 px) is as good and faster"
    assert f"no network is fitted: {why}" in report.messages[0]
    assert f"no network was fitted: {why}" in report.messages
    assert not [line for line in report.messages if "iterations" in line or "plain loss" in line]
    channel = report.channels[0]
    assert "no network is fitted" in channel.reason
    assert channel.parameters.classical_weight == 1
    assert (channel.fit.planes, channel.fit.iterations, channel.fit.blended_planes) == (0, 0, 1)
    assert channel.fit.guard is None
    assert channel.fit.engine is None
    assert channel.fit.unchanged_planes == 0
    assert channel.noise is None
    stored = json.loads((result.save(tmp_path / "out.ome.tif").parent / "out.ome.tif.autodip.json").read_text())
    assert any(line.startswith("no network was fitted") for line in stored["messages"])


def test_nothing_is_claimed_about_a_fit(pack, no_network):
    channel = autodip_ij.denoise(noisy(), **fast(pack)).report.channels[0]
    assert channel.fit_verdict == "unknown"
    assert "iterations_done" not in [check.name for check in channel.checks]
    assert not [check.advice for check in channel.checks if "iterations" in check.advice or "fitted)" in check.advice]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("noise_removed", 0.1),
        ("noise_removed", 5.0),
        ("residual_correlation", -0.5),
        ("residual_correlation", 0.5),
        ("residual_direction", 0.5),
        ("contrast_2px", 0.1),
        ("contrast_2px", 3.0),
    ],
)
def test_no_remedy_is_one_of_a_fit(name, value):
    (of_fit,) = checks_of_planes({(0, 0): {name: Value(value)}})
    (check,) = checks_of_planes({(0, 0): {name: Value(value)}}, fitted=False)
    assert check.verdict == of_fit.verdict
    assert check.advice
    assert not [word for word in ("iterations", "fitted)", "averaging", "wider", "binning") if word in check.advice]
    assert fit_verdict([check], fitted=False) == "unknown"


def test_no_uncertainty_without_fits_and_two_fits_bring_it(pack):
    result = autodip_ij.denoise(noisy(), **fast(pack, uncertainty=True))
    assert result.uncertainty is None
    assert [line for line in result.report.messages if "no uncertainty map" in line and "no network" in line]
    assert autodip_ij.denoise(noisy(), **fast(pack, uncertainty=True, n_fits=2)).uncertainty is not None


def test_iterations_by_hand_fit_again(pack):
    report = autodip_ij.denoise(noisy(), **fast(pack, iterations=2)).report
    assert report.channels[0].fit.iterations == 2
    assert not [line for line in report.messages if "no network" in line]


@pytest.mark.parametrize("series", ["warm", "back-and-forth"])
def test_a_series_is_estimated_frame_by_frame(pack, no_network, series):
    source = noisy((3, 64, 72))
    warm = autodip_ij.denoise(source, axes="TYX", **fast(pack, series=series))
    np.testing.assert_array_equal(warm.image, autodip_ij.denoise(source, axes="TYX", **fast(pack)).image)
    assert [line for line in warm.report.messages if f"series={series} has no effect" in line]
    assert warm.report.channels[0].fit.blended_planes == 3


def test_steps_are_planes_and_the_steps_announced_are_those_done(pack, no_network):
    class Counting(Silent):
        total = done = 0

        def start(self, total: int, message: str) -> None:
            self.total = total

        def advance(self, steps: int = 1, message: str | None = None) -> None:
            self.done += steps

    progress = Counting()
    autodip_ij.denoise(noisy((4, 64, 72)), axes="ZYX", progress=progress, **fast(pack))
    assert (progress.total, progress.done) == (4, 4)


def test_it_needs_neither_lanes_nor_a_gpu(pack, no_network, monkeypatch):
    monkeypatch.setattr("autodip_ij.denoising.plan.resolve", lambda device: "cuda:0")
    plan = plan_run(Image.from_array(noisy()), DenoiseSettings.parse(**fast(pack)))
    assert plan.device == "cpu"
    recipe = plan.channels[0].recipe
    assert recipe is not None
    assert (recipe.device, recipe.guard, recipe.lanes) == ("cpu", "off", None)


def test_a_stop_keeps_the_planes_done_and_a_cancellation_discards_them(pack, no_network):
    class Stopping(Silent):
        def __init__(self, answer: Stop) -> None:
            self.answer, self.steps = answer, 0

        def advance(self, steps: int = 1, message: str | None = None) -> None:
            self.steps += steps

        def stop_request(self) -> Stop:
            return self.answer if self.steps else Stop.NO

    source = noisy((3, 64, 72))
    kept = autodip_ij.denoise(source, axes="ZYX", progress=Stopping(Stop.KEEP), **fast(pack))
    assert not np.array_equal(kept.image[0], source[0])
    np.testing.assert_array_equal(kept.image[1:], source[1:])
    assert kept.report.channels[0].fit.unchanged_planes == 2
    with pytest.raises(Cancelled):
        autodip_ij.denoise(source, axes="ZYX", progress=Stopping(Stop.DISCARD), **fast(pack))


def test_a_plane_whose_noise_is_unknown_gets_another_estimate_and_it_is_said(pack, no_network):
    report = autodip_ij.denoise(
        noisy((20, 20)), calibration="paper", group="confocal/actin", classical="vst-nlm", classical_weight=1
    ).report
    assert [line for line in report.messages if "instead of methods that need to know the noise" in line]
    assert any(line.startswith("no network was fitted") for line in report.messages)


def test_enlarging_enlarges_the_estimate(pack, no_network):
    source = noisy()
    settings = SuperresSettings.parse(**fast(pack))
    result = superresolve_image(Image.from_array(source), settings)
    denoised = autodip_ij.denoise(source, **fast(pack)).image
    assert result.image.shape == (128, 144)
    expected = enlarge(denoised, 2, "bicubic")
    assert np.abs(result.image - expected).mean() < 0.1 * np.std(source)
    assert "no network was fitted" in " ".join(result.report.messages)
    assert "the estimate is enlarged" in result.report.channels[0].reason
    assert "input noise" not in result.report.channels[0].reason


def test_inspect_shows_it_with_the_time_of_the_estimate_alone(pack, no_network, capsys, tmp_path):
    channel = autodip_ij.inspect(Image.from_array(noisy()), DenoiseSettings.parse(**fast(pack))).scenes[0].channels[0]
    assert channel.estimate is not None
    assert 0 < channel.estimate.seconds < 5
    assert "no network is fitted" in channel.reason
    from autodip_ij.images import write

    path = write(Image.from_array(noisy()), tmp_path / "cells.ome.tif")
    assert run(["inspect", str(path), "--calibration", pack, "--effort", "fast", "--group", "confocal"]) == 0
    assert "no network" in " ".join(capsys.readouterr().out.split())


def test_fiji_shows_it_in_dialog_table_log_and_verdict(pack, no_network):
    settings = DenoiseSettings.parse(**fast(pack))
    inspection = autodip_ij.inspect(Image.from_array(noisy()), settings).model_dump(mode="json")
    assert time_in_words(inspection["scenes"][0]["channels"]).endswith(", without a fit")
    assert next(inspection_rows(inspection))["Parameters"] == "no network, median size_px=3 alone"
    report = autodip_ij.denoise(noisy(), **fast(pack)).report
    assert briefly(report.messages[0]) == "channel 0: confocal, confidence 1.00, no network"
    (line,) = verdict_lines(report.model_dump())
    assert "no network was fitted" in line
    assert "unknown" not in line
    block = provenance_block(report.model_dump(mode="json"))
    assert "(no network)" in block
    assert "no network was fitted" in block
