"""A pack that was written is read back the same, as a folder and as a zip; a damaged one is refused in one line."""

from __future__ import annotations

import contextlib
import io
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from autodip_ij.calibration import Parameters, load_calibration
from autodip_ij.calibration.pack.files import Descriptor
from autodip_ij.calibration.pack.write import PackContent, PackImage, write_pack
from autodip_ij.errors import AutodipError, UnreadableFile, UnwritableOutput

PIXELS = np.random.default_rng(0).random((17, 23), dtype=np.float32) * 4000
SHIPPED = PackImage("a", "confocal", "actin", (17, 23), "3", "raw", PIXELS)
DESCRIBED = PackImage(
    "b", "confocal", None, (20, 20), descriptor=Descriptor({"mean": 0.25}, np.linspace(0, 1, 5, dtype=np.float32))
)
EVERY_EFFORT = {effort: Parameters(4, 16, 4, count) for effort, count in (("fast", 50), ("standard", 100))}


def content(**changes: object) -> PackContent:
    values = {
        "name": "mine",
        "source": "hand-made",
        "default_criterion": "psnr",
        "parameters": {
            **{("psnr", "all", effort): found for effort, found in EVERY_EFFORT.items()},
            ("ssim", "all", "standard"): Parameters(5, "asc_to512", 0, 700, averaging=0.99, binning=2),
        },
        "images": [SHIPPED, DESCRIBED],
        "image_parameters": {("psnr", name, "standard"): Parameters(6, 64, 4, 900) for name in ("a", "b")},
        "original_dip": {("psnr", "all"): 600},
        **changes,
    }
    return PackContent(**values)  # type: ignore[arg-type]


def test_rows_of_an_effort_that_no_longer_exists_have_no_effect(tmp_path: Path) -> None:
    of_efforts = {("psnr", "all", effort): Parameters(4, 16, 4, 9) for effort in ("standard", "best")}
    of_image = {("psnr", "a", effort): found for (_, _, effort), found in of_efforts.items()}
    written = write_pack(content(parameters=of_efforts, image_parameters=of_image), tmp_path / "mine")
    assert "best" in (written / "parameters.csv").read_text()
    calibration = load_calibration(written)
    assert set(calibration.table) == {("all", "standard")}
    assert [set(image.parameters) for image in calibration.images] == [{"standard"}]


@pytest.mark.parametrize("name", ["mine", "mine.zip"])
def test_everything_written_is_read_back(tmp_path: Path, name: str) -> None:
    calibration = load_calibration(write_pack(content(), tmp_path / name))
    assert (calibration.name, calibration.criterion, calibration.source) == ("mine", "psnr", "hand-made")
    assert {effort: calibration.parameters("all", effort) for effort in EVERY_EFFORT} == EVERY_EFFORT
    assert calibration.original_dip == {"all": 600}
    shipped, described = calibration.images
    assert (shipped.name, shipped.group, shipped.parameters) == (
        "a",
        "confocal/actin",
        {"standard": Parameters(6, 64, 4, 900)},
    )
    assert shipped.read is not None
    np.testing.assert_array_equal(shipped.read(), PIXELS)
    assert shipped.descriptor is None
    assert (described.group, described.read) == ("confocal", None)
    assert described.descriptor is not None
    assert described.descriptor.statistics == {"mean": 0.25}
    # features are stored in half precision
    np.testing.assert_allclose(described.descriptor.features, [0, 0.25, 0.5, 0.75, 1], atol=1e-3)


def test_options_of_the_fit_survive(tmp_path: Path) -> None:
    calibration = load_calibration(write_pack(content(), tmp_path / "mine"), "ssim")
    assert calibration.parameters("all") == Parameters(5, "asc_to512", 0, 700, averaging=0.99, binning=2)


def test_zip_of_the_folder_itself_is_read_too(tmp_path: Path) -> None:
    write_pack(content(), tmp_path / "packs" / "mine")
    archive = shutil.make_archive(str(tmp_path / "shared"), "zip", tmp_path / "packs", "mine")
    assert load_calibration(archive).name == "mine"


def test_existing_pack_is_kept_unless_told_otherwise(tmp_path: Path) -> None:
    target = write_pack(content(), tmp_path / "mine")
    with pytest.raises(UnwritableOutput, match="exists already"):
        write_pack(content(name="other"), target)
    assert load_calibration(target).name == "mine"
    assert load_calibration(write_pack(content(name="other"), target, overwrite=True)).name == "other"


def test_nothing_is_left_where_writing_fails(tmp_path: Path) -> None:
    with pytest.raises(UnwritableOutput, match="cannot write"):
        write_pack(content(files={"a/b": b"", "a": b""}), tmp_path / "mine")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("parameters.csv", "criterion,group,depth,width,skip,iterations\npsnr,all,4,16,4,many\n", "line 2: iterations"),
        ("parameters.csv", "criterion,group,depth,width,skip,iterations\npsnr,all,4,17x,4,10\n", "line 2: width"),
        ("parameters.csv", "criterion,group,depth,width,skip\npsnr,all,4,16,4\n", "'iterations' is missing"),
        ("parameters.csv", "criterion,group,depth,width,skip,iterations,colour\npsnr,all,4,16,4,9,red\n", "colour"),
        ("parameters.csv", "criterion,group,depth,width,skip,iterations\npsnr,konfocal,4,16,4,9\n", "mean 'confocal'"),
        (
            "parameters.csv",
            "criterion,effort,group,depth,width,skip,iterations\npsnr,fast,all,4,16,4,9\n",
            "'standard'",
        ),
        ("parameters.csv", "", "missing or empty"),
        ("pack.toml", "format = 2\nname = 'x'\nsource = 'y'\ndefault_criterion = 'psnr'\n", "update autodip_ij"),
        ("pack.toml", "format = 1\nname = 'x'\n", "'source' is missing"),
        ("pack.toml", "format = ", "not TOML"),
        ("descriptors.npz", "nonsense", "does not hold image descriptors"),
        ("images.csv", "image,height\na,3\n", "'width' is missing"),
    ],
)
def test_damaged_pack_is_refused_with_file_and_cause(tmp_path: Path, file: str, text: str, complaint: str) -> None:
    target = write_pack(content(), tmp_path / "mine")
    (target / file).write_text(text)
    with pytest.raises(UnreadableFile, match=complaint) as refused:
        load_calibration(target)
    assert "\n" not in str(refused.value)


def test_damaged_image_is_refused_when_it_is_read(tmp_path: Path) -> None:
    target = write_pack(content(), tmp_path / "mine")
    (target / "images" / "a.tif").write_bytes(b"no image")
    read = load_calibration(target).images[0].read
    assert read is not None
    with pytest.raises(UnreadableFile, match="not a TIFF image"):
        read()


def test_folder_or_file_that_is_no_pack_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("not a zip")
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("a.png", b"")
    for path, complaint in (
        (tmp_path, "pack.toml is missing"),
        (tmp_path / "text.zip", "neither a folder nor a readable zip"),
        (tmp_path / "photos.zip", "pack.toml is missing"),
    ):
        with pytest.raises(UnreadableFile, match=complaint):
            load_calibration(path)


def test_unfinished_search_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "mine.jobs").mkdir()
    with pytest.raises(UnreadableFile, match="its search is not finished"):
        load_calibration(tmp_path / "mine")


def empty_arrays() -> bytes:
    stream = io.BytesIO()
    np.savez(stream)
    return stream.getvalue()


def arrays(**found: object) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **found)  # type: ignore[arg-type]
    return stream.getvalue()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("descriptors.npz", b""),
        ("descriptors.npz", empty_arrays()),
        ("descriptors.npz", b"PK\x05\x06" + bytes(18)),
        ("descriptors.npz", b"\x93NUMPY\x01\x00"),
        ("descriptors.npz", arrays(images=np.array("b"), statistics_names=np.array("x"), statistics=np.zeros(1))),
        ("descriptors.npz", arrays(images=["b"], statistics_names=["x"], statistics=np.array([["no number"]]))),
        ("pack.toml", b""),
        ("pack.toml", b"\xff\xfe"),
        ("pack.toml", b"x = " + b"[" * 100_000),
        ("pack.toml", b"x = " + b"1" * 5_000),
        ("parameters.csv", b""),
        ("parameters.csv", b"\xff\xfe"),
        ("parameters.csv", b"group,criterion\n" + b"x" * 200_000 + b",psnr\n"),
        ("parameters.csv", b'"' + b"x\n" * 100),
        ("images.csv", b"image\n\0\n"),
    ],
)
def test_a_damaged_pack_is_refused_in_one_line_whatever_the_damage(
    tmp_path: Path, name: str, damage: bytes, packed: bool
) -> None:
    pack = write_pack(content(), tmp_path / "mine")
    (pack / name).write_bytes(damage)
    if packed:
        pack = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", pack))
    with pytest.raises(AutodipError) as error:
        load_calibration(pack)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("at", [30, 60, 200, 500, 900, -40])
def test_a_damaged_archive_is_refused_or_read(tmp_path: Path, at: int) -> None:
    pack = write_pack(content(), tmp_path / "mine.zip")
    right = {image.name: image.read() for image in load_calibration(pack).images if image.read}
    damaged = bytearray(pack.read_bytes())
    damaged[at : at + 20] = bytes(byte ^ 0xFF for byte in damaged[at : at + 20])
    pack.write_bytes(damaged)
    with contextlib.suppress(UnreadableFile):
        for image in load_calibration(pack).images:
            if image.read:
                np.testing.assert_array_equal(image.read(), right[image.name])


def test_an_unreadable_image_of_a_pack_is_named(tmp_path: Path) -> None:
    pack = write_pack(content(), tmp_path / "mine")
    (file,) = pack.rglob("*.tif")
    whole = file.read_bytes()
    for damaged in (b"", b"II*\0", whole[:120], whole[:4] + b"\xff" * 100):
        file.write_bytes(damaged)
        image = load_calibration(pack).images[0]
        assert image.read is not None
        with pytest.raises(UnreadableFile, match=file.name):
            image.read()
