"""What `inspect` and `transfer` show is what a run does: one choice, from the same look at the pixels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

import autodip_ij
from autodip_ij.cli.app import run
from autodip_ij.denoising import channels as looks
from autodip_ij.denoising.inspection import inspect
from autodip_ij.denoising.plan import plan_run
from autodip_ij.denoising.recipe import fit_arguments
from autodip_ij.evaluation.datasets.synthetic import make_sample
from autodip_ij.images import Image, open_image, write
from autodip_ij.settings import DenoiseSettings


def noisy(shape: tuple[int, ...], *, shared: bool = False, offset: float = 100) -> np.ndarray:
    rng = np.random.default_rng(4)
    y, x = np.mgrid[: shape[-2], : shape[-1]]
    noise = rng.normal(size=shape)
    if shared:
        noise = gaussian_filter(noise, (*[0] * (len(shape) - 2), 1.2, 1.2))
    scene = offset + 50 * np.sin(x / 20) * np.cos(y / 25) + 10 * noise / noise.std()
    return np.clip(scene, 0, None).astype(np.uint16)


def movie_with_a_bright_frame() -> np.ndarray:
    movie = noisy((5, 96, 96))
    movie[0, :50] = 40_000  # the window of the channel is far wider than that of its middle frame
    return movie


def movie_with_a_dropped_frame() -> np.ndarray:
    movie = noisy((4, 96, 96), shared=True)
    movie[2] = 0
    return movie


def image_with_a_rim() -> np.ndarray:
    """White noise in the middle, correlated noise around it, in a plane larger than what is looked at."""
    plane = noisy((420, 400), shared=True)
    plane[100:330, 90:310] = noisy((230, 220))
    return plane


IMAGES = {
    "white": lambda: Image.from_array(noisy((160, 140)), "YX"),
    "correlated": lambda: Image.from_array(noisy((160, 140), shared=True), "YX"),
    "bright frame": lambda: Image.from_array(movie_with_a_bright_frame(), "TYX"),
    "dropped frame": lambda: Image.from_array(movie_with_a_dropped_frame(), "TYX"),
    "two channels": lambda: Image.from_array(np.stack([noisy((128, 128)), noisy((128, 128), shared=True)]), "CYX"),
    "larger than the crop": lambda: Image.from_array(image_with_a_rim(), "YX"),
    "tiny": lambda: Image.from_array(noisy((20, 24)), "YX"),
    "sample": lambda: make_sample().noisy,
}


def shown_by_transfer(path: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict]:
    assert run(["transfer", str(path), "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)["channels"]


@pytest.fixture(autouse=True)
def small_crop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crop that test images exceed."""
    monkeypatch.setattr(looks, "LARGEST_SIDE", 200)


@pytest.mark.parametrize("calibration", ["autodip", "paper"])
@pytest.mark.parametrize(
    ("name", "group"),
    [
        *((name, "auto") for name in IMAGES),
        *((name, "widefield") for name in ("correlated", "sample")),
        ("white", "confocal/actin"),
        ("correlated", "mito"),
    ],
)
def test_inspect_and_transfer_show_what_a_run_does(name, group, calibration, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("AUTODIP_LPIPS_WEIGHTS", str(tmp_path))  # none here, so that none is downloaded
    path = write(IMAGES[name](), tmp_path / "image.ome.tif", dtype="same")
    settings = DenoiseSettings.parse(calibration=calibration, group=group, device="cpu")
    done = plan_run(open_image(path), settings).channels
    shown = inspect(path, settings).scenes[0].channels
    explained = shown_by_transfer(path, capsys, "--calibration", calibration, "--group", group)
    assert len(done) == len(shown) == len(explained)
    for channel, inspected, answer in zip(done, shown, explained, strict=True):
        expected = channel.choice.parameters.record()
        assert inspected.parameters.model_dump() == expected
        assert answer["strategies"][0]["parameters"] == expected
        assert channel.reason.removesuffix(".").lower() in inspected.reason.lower()
        assert answer["strategies"][0]["reason"] == channel.reason
        assert inspected.estimate.seconds == pytest.approx(channel.seconds, rel=1.0)
        assert inspected.estimate.bytes == channel.bytes


def test_settings_and_selection_count_as_in_a_run(tmp_path):
    pixels = np.stack([noisy((128, 128), shared=True), noisy((128, 128))])
    path = write(Image.from_array(pixels, "TYX"), tmp_path / "image.ome.tif", dtype="same")
    for given in ({"time": "0"}, {"time": "1"}, {"effort": "fast"}, {"tile": 64, "overlap": 16}, {"iterations": 7}):
        settings = DenoiseSettings.parse(group="confocal/actin", device="cpu", neighbours="off", **given)
        (done,) = plan_run(open_image(path), settings).channels
        (shown,) = inspect(path, settings).scenes[0].channels
        assert shown.parameters.model_dump() == done.choice.parameters.record(), given
        assert shown.estimate.bytes == done.bytes


def test_the_slope_of_the_network_can_be_set():
    settings = DenoiseSettings.parse(negative_slope="0.02", group="confocal/actin", device="cpu")
    (channel,) = plan_run(Image.from_array(noisy((64, 64))), settings).channels
    assert fit_arguments(channel.recipe, 1)[0].negative_slope == 0.02
    assert "slope of LeakyReLU 0.02 instead of 0.2" in channel.reason


def test_it_is_said_what_was_looked_at(tmp_path):
    path = write(Image.from_array(noisy((5, 300, 260)), "TYX"), tmp_path / "image.ome.tif", dtype="same")
    settings = DenoiseSettings(group="confocal/actin", device="cpu", neighbours="off")
    scene = inspect(path, settings).scenes[0]
    assert scene.looked_at == "the central 200 x 200 px of one plane (time point 2, slice 0)"
    part = inspect(path, settings.model_copy(update={"time": "3-4"})).scenes[0]
    assert part.looked_at == "the central 200 x 200 px of one plane (time point 4, slice 0)"
    blind = inspect(path, settings, pixels=False).scenes[0]
    assert blind.looked_at == "no pixels, as asked"
    assert "before the noise" in blind.channels[0].reason


def test_a_movie_with_a_dropped_frame_is_judged_by_another():
    image = Image.from_array(movie_with_a_dropped_frame(), "TYX")
    look = looks.representative(image, 0)
    assert (look.t, look.constant) == (1, False)


def test_only_the_middle_of_a_large_image_is_read():
    import dask.array as da

    read = []

    def tile(block_info=None):
        read.append(block_info[None]["chunk-location"])
        return np.random.default_rng(0).normal(100, 5, (1, 1, 1, 256, 256)).astype(np.float32)

    data = da.map_blocks(tile, chunks=((1,) * 3, (1,), (1,) * 5, (256,) * 8, (256,) * 8), dtype=np.float32)
    image = Image.from_array(np.zeros((2, 2), np.uint8)).with_data(data)
    assert looks.representative(image, 0).pixels.shape == (200, 200)
    assert len(set(read)) <= 4


def test_metadata_are_shown_where_pixels_cannot_be_read(monkeypatch):
    def damaged(*_):
        raise ValueError("corrupt strip\nat offset 8")

    monkeypatch.setattr(Image, "plane", damaged)
    scene = inspect(Image.from_array(noisy((64, 64))), DenoiseSettings(group="confocal/actin")).scenes[0]
    assert scene.looked_at == "no pixels, since they cannot be read (corrupt strip)"
    assert scene.channels[0].parameters is not None


def test_a_constant_plane_is_shown_as_returned_unchanged():
    (channel,) = inspect(Image.from_array(np.full((40, 40), 7, np.uint8))).scenes[0].channels
    assert (channel.method, channel.parameters) == ("none", None)
    assert channel.reason == "returned unchanged: every pixel has the same value"


@pytest.mark.parametrize("method", ["gaussian", "vst-nl-ridge", "original-dip"])
def test_a_comparison_method_is_shown_with_its_own_cost(method):
    image = Image.from_array(noisy((3, 64, 64)), "ZYX")
    (channel,) = inspect(image, DenoiseSettings(method=method, device="cpu")).scenes[0].channels
    assert (channel.method, channel.parameters) == (method, None)
    assert f"method {method}" in channel.reason.lower()
    assert 0 < channel.estimate.seconds < (10_000 if method == "original-dip" else 20)
    assert channel.estimate.bytes > 0


def test_unknown_method_is_refused_by_inspect():
    with pytest.raises(autodip_ij.errors.BadInput, match="did you mean 'gaussian'"):
        inspect(Image.from_array(noisy((32, 32))), DenoiseSettings(method="gausian"))


@pytest.fixture
def plate(tmp_path) -> Path:
    with tifffile.TiffWriter(tmp_path / "plate.ome.tif", ome=True) as file:
        for field in range(3):
            file.write(noisy((40, 44)), metadata={"axes": "YX", "Name": f"field {field}"})
    return tmp_path / "plate.ome.tif"


def test_every_field_of_a_plate_is_shown_when_it_is_known(plate, capsys, monkeypatch):
    shown_before = []
    from autodip_ij.denoising import inspection

    inspect_image = inspection.inspect_image

    def watched(*arguments, **options):
        shown_before.append(capsys.readouterr().out)
        return inspect_image(*arguments, **options)

    monkeypatch.setattr(inspection, "inspect_image", watched)
    assert run(["inspect", str(plate), "--all-scenes"]) == 0
    assert [f"field {k}" in text for k, text in enumerate(shown_before[1:])] == [True, True]


def test_json_of_a_plate_is_one_object_and_there_is_a_sign_of_life(plate, capsys):
    assert run(["inspect", str(plate), "--json"]) == 0
    said = capsys.readouterr()
    assert len(json.loads(said.out)["scenes"]) == 3
    assert [line for line in said.err.splitlines() if line.startswith("scene 2 of 3: ")]


@pytest.mark.parametrize(
    ("calibration", "cause"),
    [("paper", "this calibration comes without its images"), ("autodip", "there are no pixels to compare it with")],
)
def test_the_true_reason_is_given_where_no_nearest_image_is_looked_for(calibration, cause):
    settings = DenoiseSettings(calibration=calibration, group="confocal", device="cpu")
    (channel,) = inspect(Image.from_array(noisy((40, 44))), settings, pixels=False).scenes[0].channels
    assert cause in channel.reason


def test_a_channel_that_is_left_alone_is_shown_so_by_all(tmp_path, capsys, monkeypatch):
    from autodip_ij.denoising import channels as decisions
    from autodip_ij.denoising import plan as planning
    from autodip_ij.groups.model import GroupDecision

    left_alone = GroupDecision(0, "BF", None, None, 0.0, leave_alone="bright-field")
    given = (left_alone, GroupDecision(1, "", None, "actin", 1.0))
    monkeypatch.setattr(decisions, "decide", lambda image, settings: given)
    monkeypatch.setattr(planning, "decide", lambda image, settings: given)
    path = write(Image.from_array(noisy((2, 64, 64)), "CYX"), tmp_path / "image.ome.tif", dtype="same")
    settings = DenoiseSettings(calibration="paper", device="cpu")
    assert plan_run(open_image(path), settings).channels[0].choice is None
    assert inspect(path, settings).scenes[0].channels[0].method == "none"
    answers = shown_by_transfer(path, capsys, "--calibration", "paper")
    assert (answers[0]["left_alone"], answers[0]["strategies"]) == ("bright-field", [])
    named = shown_by_transfer(path, capsys, "--calibration", "paper", "--channel", "0")
    assert named[0]["left_alone"] is None
    (shown,) = inspect(path, DenoiseSettings(calibration="paper", device="cpu", channel="0")).scenes[0].channels
    assert shown.parameters.model_dump() == named[0]["strategies"][0]["parameters"]
