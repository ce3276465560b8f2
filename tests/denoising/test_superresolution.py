"""An enlarged image: shape, pixel size, metadata, tiles, what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from autodip_ij.calibration.pack.write import PackContent, write_pack
from autodip_ij.calibration.parameters import Parameters
from autodip_ij.cli.app import run
from autodip_ij.denoising.inspection import inspect
from autodip_ij.denoising.superresolution import (
    SuperresSettings,
    _plan,
    superresolve_file,
    superresolve_image,
)
from autodip_ij.errors import BadInput, Cancelled, UnwritableOutput
from autodip_ij.groups.model import GroupDecision
from autodip_ij.images import Channel, Image, PixelSize, read, write
from autodip_ij.progress import Silent, Stop

QUICK = {"iterations": 3, "width": 4, "depth": 2, "device": "cpu", "group": "widefield/nucleus"}
"""Settings of a fit that takes milliseconds; what is tested here does not depend on its quality."""


@pytest.fixture
def image(rng) -> Image:
    return Image.from_array(
        rng.poisson(200, (2, 2, 21, 30)).astype(np.uint16),
        "TCYX",
        channels=[Channel("DAPI", color=(0, 0, 255), display_range=(100.0, 300.0)), Channel("GFP", color=(0, 255, 0))],
        pixel_size=PixelSize(z=0.5, y=0.2, x=0.1, unit="µm", t=3.0),
        name="cells",
    )


@pytest.mark.parametrize("scale", [2, 4])
def test_shape_and_pixel_size_follow_the_scale(image, scale):
    result = superresolve_image(image, SuperresSettings(scale=scale, **QUICK))
    assert result.output.shape == (2, 2, 1, 21 * scale, 30 * scale)
    size = result.output.pixel_size
    assert (size.y, size.x, size.z, size.t) == pytest.approx((0.2 / scale, 0.1 / scale, 0.5, 3.0))
    assert result.output.channels == image.channels


@pytest.mark.parametrize("suffix", [".ome.tif", ".ome.zarr", ".tif"])
def test_a_written_file_carries_the_new_pixel_size_and_the_old_names(image, tmp_path, suffix):
    source = write(image, tmp_path / "cells.ome.tif")
    made = superresolve_file(source, tmp_path / f"fine{suffix}", SuperresSettings(method="bicubic"))
    again = read(made.output)
    assert again.shape == (2, 2, 1, 42, 60)
    assert (again.pixel_size.y, again.pixel_size.x) == pytest.approx((0.1, 0.05))
    assert again.pixel_size.unit == "µm"
    if suffix != ".tif":
        assert [channel.name for channel in again.channels] == ["DAPI", "GFP"]
    record = json.loads(made.sidecar.read_text())
    assert record["settings"]["scale"] == 2
    assert record["channels"][0]["method"] == "bicubic"


@pytest.mark.parametrize("method", ["nearest", "bilinear", "bicubic", "lanczos", "dip"])
def test_grey_values_and_mean_are_those_of_the_input(image, method):
    given = QUICK if method == "dip" else {"device": "cpu"}
    result = superresolve_image(image, SuperresSettings(method=method, **given))
    assert result.output.dtype == np.float32
    channel = result.report.channels[0]
    assert channel.method == method
    assert channel.mean_ratio == pytest.approx(1, abs=0.3 if method == "dip" else 0.01)


def test_nearest_repeats_the_pixels_exactly(image):
    result = superresolve_image(image, SuperresSettings(method="nearest", dtype="same"))
    source = np.asarray(image.data)
    np.testing.assert_array_equal(np.asarray(result.output.data), source.repeat(2, axis=3).repeat(2, axis=4))


def test_the_selection_is_kept_and_said(image):
    result = superresolve_image(image, SuperresSettings(channel="GFP", time="1", **QUICK))
    assert result.output.shape == (1, 1, 1, 42, 60)
    assert [channel.name for channel in result.output.channels] == ["GFP"]
    assert result.report.input.shape == {"T": 1, "C": 1, "Z": 1, "Y": 21, "X": 30}
    assert result.report.channels[0].method_parameters == {"scale": 2, "kernel": "lanczos"}


def test_inspection_shows_the_parameters_of_the_enlargement(image, tmp_path):
    path = write(image, tmp_path / "cells.ome.tif", dtype="same")
    settings = SuperresSettings(group="widefield/nucleus", input_noise=0.01, device="cpu")
    shown = inspect(path, settings).scenes[0].channels
    for channel, inspected in zip(_plan(image, settings).channels, shown, strict=True):
        assert inspected.parameters.model_dump() == channel.recipe.parameters.record()
        assert inspected.parameters.input_noise == 0.01
        assert "for enlarging" in inspected.reason


def smooth(rng) -> Image:
    y, x = np.mgrid[0:48, 0:40] / 48
    return Image.from_array((300 + 200 * np.sin(7 * x) * np.cos(5 * y) + rng.normal(0, 3, y.shape)).astype(np.float32))


def test_guides_and_blend_are_what_the_result_is_made_of(rng):
    image = smooth(rng)
    bicubic = superresolve_image(image, SuperresSettings(method="bicubic")).image
    bare = superresolve_image(image, SuperresSettings(guides="none", classical_weight=0, **QUICK)).image
    settings = {"guides": "none", "classical": "gaussian sigma_px=0.3", "classical_weight": 1.0}
    blended = superresolve_image(image, SuperresSettings(**settings, **QUICK))
    assert np.abs(blended.image - bicubic).mean() < 3 < np.abs(bare - bicubic).mean()
    assert blended.report.channels[0].fit.blended_planes == 1
    guided = superresolve_image(image, SuperresSettings(guides="gaussian", classical_weight=0, **QUICK))
    assert not np.array_equal(guided.image, bare)
    assert "guided by a Gaussian filter" in guided.report.channels[0].reason
    assert guided.report.channels[0].parameters.guides == "gaussian"


@pytest.mark.parametrize("tile", [512, 32])
def test_guides_fit_the_tiles(rng, tile):
    settings = SuperresSettings(guides="gaussian | median", n_fits=2, tile=tile, overlap=8, **QUICK)
    assert superresolve_image(smooth(rng), settings).image.shape == (96, 80)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"loss": "noise-aware"}, "loss"),
        ({"guard": "warn"}, "guard"),
        ({"guard": "stop"}, "guard"),
        ({"series": "warm"}, "series"),
        (
            {"method": "bicubic", "iterations": 5, "guides": "gaussian"},
            "iterations, guides: of no effect with method bicubic",
        ),
        ({"method": "gaussian"}, "method"),
        ({"classical": "median", "classical_weight": None}, ""),
    ],
)
def test_what_an_enlargement_cannot_do_is_refused(image, given, message):
    if not message:  # without a share of its own, the method takes the place of the group's
        assert SuperresSettings.parse(**given).classical == "median"
        return
    with pytest.raises(BadInput, match=message):
        SuperresSettings.parse(**given)


def test_the_command_names_what_is_possible(tmp_path, capsys):
    for given, said in (("--loss noise-aware", "choose one of: mse"), ("--guard warn", "choose one of: off")):
        assert run(["superres", str(tmp_path / "a.tif"), *given.split()]) == 2
        assert said in capsys.readouterr().err


def test_effort_counts_as_in_denoising(image, tmp_path):
    table = {("psnr", "all", effort): Parameters(2, 4, 4, count) for effort, count in (("fast", 30), ("standard", 60))}
    pack = write_pack(PackContent("mine", "a test", "psnr", table), tmp_path / "mine")
    settings = {"device": "cpu", "calibration": str(pack), "group": "all", "channel": "0", "time": "0"}
    counts = {
        effort: _plan(image, SuperresSettings(effort=effort, **settings)).channels[0].choice.parameters.iterations
        for effort in ("fast", "standard")
    }
    assert counts == {"fast": 15, "standard": 30}


def test_tiles_give_a_whole_image_without_holes(rng):
    image = Image.from_array((1000 + rng.poisson(50, (70, 90))).astype(np.float32))
    result = superresolve_image(image, SuperresSettings(tile=64, overlap=16, **QUICK))
    assert result.report.channels[0].fit.tiles_per_plane > 4
    assert result.image.shape == (140, 180)
    assert result.image.min() >= 1000


def test_a_fit_enlarges_a_smooth_image_faithfully():
    y, x = np.mgrid[0:96, 0:96] / 96
    fine = 300 + 200 * np.sin(7 * x) * np.cos(5 * y)
    coarse = fine.reshape(48, 2, 48, 2).mean((1, 3))
    settings = SuperresSettings(
        iterations=250, depth=3, width=16, averaging=0.95, input_noise=0, device="cpu", group="all", kernel="area"
    )
    result = superresolve_image(Image.from_array(coarse), settings)
    nearest = superresolve_image(Image.from_array(coarse), SuperresSettings(method="nearest"))

    def error(image):
        return np.sqrt(np.mean((image - fine) ** 2))

    assert error(result.image) < error(nearest.image)
    assert result.report.channels[0].mean_ratio == pytest.approx(1, abs=0.01)


def test_a_channel_outside_the_groups_is_enlarged_too(image, monkeypatch):
    import autodip_ij.denoising.plan as planning

    left_alone = GroupDecision(0, "DAPI", None, None, 0.0, leave_alone="bright-field")
    known = GroupDecision(1, "GFP", "widefield", "actin", 1.0)
    monkeypatch.setattr(planning, "decide", lambda image, settings: (left_alone, known))
    settings = SuperresSettings(iterations=2, width=4, depth=2, device="cpu")
    result = superresolve_image(image, settings)
    assert result.report.channels[0].reason.startswith("bicubic only")
    assert np.asarray(result.output.data)[:, 0].std() > 0


def test_nan_stay_where_they_were():
    source = np.random.default_rng(0).random((20, 24)).astype(np.float32)
    source[3, 5] = np.nan
    result = superresolve_image(Image.from_array(source), SuperresSettings(**QUICK)).image
    assert np.isnan(result[6:8, 10:12]).all()
    assert np.count_nonzero(np.isnan(result)) == 4


def test_stop_and_keep_enlarges_the_rest(image):
    class StopAtOnce(Silent):
        def stop_request(self):
            return Stop.KEEP

    result = superresolve_image(image, SuperresSettings(**{**QUICK, "iterations": 50}), progress=StopAtOnce())
    assert any("only enlarged" in message for message in result.report.messages)
    assert np.asarray(result.output.data).min() > 0


def test_cancelling_leaves_nothing_behind(image, tmp_path):
    class Discard(Silent):
        def stop_request(self):
            return Stop.DISCARD

    source = write(image, tmp_path / "cells.ome.tif")
    with pytest.raises(Cancelled):
        superresolve_file(source, settings=SuperresSettings(**QUICK), progress=Discard())
    assert [path.name for path in tmp_path.iterdir()] == ["cells.ome.tif"]


def test_the_command_writes_beside_the_input_and_refuses_a_second_time(image, tmp_path, capsys):
    source = write(image, tmp_path / "cells.ome.tif")
    command = ["superres", str(source), "--scale", "4", "--method", "lanczos", "--quiet"]
    assert run(command) == 0
    assert read(tmp_path / "cells_autodip_x4.ome.tif").shape == (2, 2, 1, 84, 120)
    assert run(command) == 2
    assert "exists already" in capsys.readouterr().err
    with pytest.raises(UnwritableOutput, match="same file"):
        superresolve_file(source, source, overwrite=True)


@pytest.mark.parametrize("options", [["--scale", "3"], ["--kernel", "lanzcos"], ["--method", "gaussian"]])
def test_the_command_refuses_what_it_does_not_know(image, tmp_path, capsys, options):
    source = write(image, tmp_path / "cells.ome.tif")
    assert run(["superres", str(source), *options]) == 2
    assert options[1] in capsys.readouterr().err


def test_settings_name_the_nearest_word():
    with pytest.raises(BadInput, match="did you mean 'lanczos'"):
        SuperresSettings.parse(kernel="lanczoss")
    assert SuperresSettings.parse(scale="4").scale == 4
