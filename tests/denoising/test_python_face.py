"""What Python users write and see: selections, settings, and errors in the forms that Python has for them."""

from __future__ import annotations

import logging
import runpy
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autodip_ij import DenoiseSettings, Image, denoise, denoise_image, read
from autodip_ij.denoising.shown import QualityWarning
from autodip_ij.errors import BadInput
from autodip_ij.images import Channel
from autodip_ij.progress import Silent

QUICK: dict[str, Any] = {"method": "gaussian", "group": "widefield/nucleus", "neighbours": "off"}


def stack(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).poisson(50, shape).astype(np.uint16)


@pytest.mark.parametrize(
    ("chosen", "shape"),
    [
        ({"channel": 1}, (1, 3, 48, 50)),
        ({"channel": np.int64(0), "z": slice(1, 3)}, (1, 2, 48, 50)),
        ({"channel": [0, 1], "z": range(0, 3, 2)}, (2, 2, 48, 50)),
    ],
)
def test_planes_are_chosen_as_python_writes_indices(chosen: dict[str, Any], shape: tuple[int, ...]) -> None:
    assert denoise(stack(2, 3, 48, 50), axes="CZYX", **QUICK, **chosen).image.shape == shape


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"channel": -1}, "count from 0"),
        ({"channel": 1.5}, "neither an index nor a name"),
        ({"channel": True}, "neither an index nor a name"),
        ({"channel": []}, "nothing is selected"),
        ({"channel": 7}, "out of range"),
        ({"z": slice(2, None)}, "needs an end"),
        ({"z": slice("a", 2)}, "no indices"),
        ({"axes": 3}, "axes '3'"),
        ({"microscope": 3}, "'3'"),
        ({"channel": ["a,b"]}, "comma"),
    ],
)
def test_a_selection_that_means_nothing_is_refused_in_one_line(chosen: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        denoise(stack(48, 50), **chosen)
    assert "\n" not in str(caught.value)


def test_single_settings_win_over_those_of_an_object() -> None:
    settings = DenoiseSettings(seed=5, **QUICK)
    found = denoise(stack(48, 50), settings, strength=0.5).report.settings
    assert (found["seed"], found["strength"], found["method"]) == (5, 0.5, "gaussian")


def test_a_missing_file_is_what_python_calls_it() -> None:
    for opened in (read, denoise):
        with pytest.raises(FileNotFoundError, match="no such file"):
            opened("missing.tif")


def test_things_of_the_wrong_kind_are_refused_in_one_line() -> None:
    wrong: Any = {"seed": 1}
    for call in (lambda: denoise_image(wrong), lambda: denoise(stack(48, 50), wrong), lambda: denoise(None)):
        with pytest.raises(BadInput) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_nothing_is_printed_and_the_log_says_what_the_terminal_says(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "autodip_ij"):
        report = denoise(stack(48, 50), **QUICK).report
    assert report.messages
    assert set(report.messages) <= {record.getMessage() for record in caplog.records}
    assert capfd.readouterr() == ("", "")


def test_a_bar_is_shown_on_request(capfd: pytest.CaptureFixture[str]) -> None:
    denoise(stack(48, 50), **QUICK, progress=True)
    out, bar = capfd.readouterr()
    assert out == ""
    assert "100%" in bar
    with pytest.raises(BadInput, match="progress"):
        denoise(stack(48, 50), **QUICK, progress="bar")


def test_a_red_check_is_a_warning_at_the_line_of_the_user() -> None:
    y, x = np.mgrid[:64, :64]
    fine = np.random.default_rng(0).poisson(200 * (1 + np.sin(x) * np.sin(y))).astype(np.uint16)
    with pytest.warns(QualityWarning, match="is red") as caught:
        denoise(fine, **QUICK)
    assert {warning.filename for warning in caught} == {__file__}
    with warnings.catch_warnings():
        warnings.simplefilter("error", QualityWarning)
        denoise_image(Image.from_array(fine), DenoiseSettings(**QUICK), progress=Silent())


def test_a_result_shows_itself_in_one_line_and_in_a_notebook_before_and_after() -> None:
    image = Image.from_array(stack(2, 48, 50), "CYX", channels=[Channel("<b>DAPI"), Channel("GFP")])
    result = denoise(image, channel="GFP", **QUICK)
    assert repr(result).startswith("<Result: image, C 1 x Y 48 x X 50, float32, widefield/nucleus; checks: ")
    assert repr(image) == "<Image: image, C 2 x Y 48 x X 50, uint16>"
    page = denoise(image, channel=0, **QUICK)._repr_html_()
    assert page is not None
    assert page.count("data:image/png") == 2
    assert "<b>" not in page


def test_coordinates_of_xarray_are_pixel_sizes_and_come_back() -> None:
    xr = pytest.importorskip("xarray")
    coords = {
        "c": ["DAPI", "GFP"],
        "y": ("y", 5 + np.arange(48) * 0.2, {"units": "micron"}),
        "x": ("x", np.arange(50) * 0.1, {"units": "micron"}),
    }
    array = xr.DataArray(stack(2, 48, 50), dims=("c", "y", "x"), coords=coords)
    result = denoise(array, channel="GFP", **QUICK)
    size = result.output.pixel_size
    assert (size.y, size.x, size.unit, size.z) == (pytest.approx(0.2), pytest.approx(0.1), "µm", None)
    back = result.to_xarray()
    assert (back.dims, back.shape, back.C.values.tolist()) == (("C", "Y", "X"), (1, 48, 50), ["GFP"])
    np.testing.assert_allclose(back.X, array.x)
    assert back.X.attrs == {"units": "µm"}
    uneven = array.assign_coords(x=np.arange(50.0) ** 2)
    assert Image.from_array(uneven).pixel_size.x is None


def test_the_tutorial_runs_and_denoises(capsys: pytest.CaptureFixture[str]) -> None:
    tutorial = Path(__file__).resolve().parents[2] / "docs" / "tutorials" / "denoise_in_python.py"
    known = runpy.run_path(str(tutorial))
    assert known["error_after"] < 0.6 * known["error_before"]
    assert "spots_autodip.ome.tif" in capsys.readouterr().out
