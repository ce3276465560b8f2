"""Files that cannot be read: one line, the right class, the way out."""

import os
import pathlib
import sys

import imagecodecs
import numpy as np
import pytest
import tifffile

from autodip_ij.batch.inputs import find_inputs
from autodip_ij.errors import EnvironmentProblem, UnreadableFile
from autodip_ij.images.reading.open import open_image, open_metadata, scene_names
from autodip_ij.images.reading.recognition import is_readable_path, readable_suffixes, sniff

pytestmark = pytest.mark.usefixtures("no_open_files")


def refusal(path, call=open_image, kind=UnreadableFile):
    with pytest.raises(kind) as caught:
        call(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("call", [open_image, scene_names, open_metadata])
def test_a_missing_file_is_named_with_the_nearest_that_is_there(tmp_path, call):
    tifffile.imwrite(tmp_path / "cells_01.tif", np.zeros((4, 4), np.uint8))
    assert refusal(tmp_path / "cels_01.tif", call).endswith("no such file; did you mean 'cells_01.tif'?")
    assert refusal(tmp_path / "zzz.czi", call).endswith("no such file")


def test_a_missing_folder_is_named(tmp_path):
    assert "does not exist" in refusal(tmp_path / "nowhere" / "cells.tif")


def test_a_folder_is_no_file(tmp_path):
    assert "is a folder; give an image file" in refusal(tmp_path)
    (tmp_path / "a.ome.zarr").mkdir()
    assert "contains no Zarr group" in refusal(tmp_path / "a.ome.zarr")


@pytest.mark.parametrize("suffix", [suffix for suffix in readable_suffixes() if "zarr" not in suffix])
def test_an_empty_file_is_refused(tmp_path, suffix):
    (tmp_path / f"a{suffix}").write_bytes(b"")
    assert "is empty (0 bytes)" in refusal(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("suffix", [*readable_suffixes(), ".ome.xml"])
def test_a_text_file_under_any_name_is_refused(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_text("Dear diary,\ntoday the laser was down again.\n" * 50)
    message = refusal(path, open_metadata)
    assert path.name in message
    assert "it contains text. Open the original file" in message


@pytest.mark.parametrize("suffix", readable_suffixes())
def test_noise_under_any_name_is_refused(tmp_path, rng, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(rng.integers(1, 255, 5000, np.uint8).tobytes())
    assert path.name in refusal(path)


@pytest.mark.parametrize("suffix", [".czi", ".nd2", ".lif", ".dv", ".oib", ".png", ".ome.zarr.zip"])
def test_a_wrong_suffix_is_named_with_the_right_one(tmp_path, suffix):
    path = tmp_path / f"cells{suffix}"
    tifffile.imwrite(path, np.zeros((4, 4), np.uint8))
    message = refusal(path)
    assert "but contains TIFF; rename it to end in .tif" in message
    assert "is named as" in message


def test_a_png_named_as_tiff_is_named(tmp_path):
    (tmp_path / "a.tif").write_bytes(imagecodecs.png_encode(np.zeros((4, 4), np.uint8)))
    assert "is named as TIFF but contains PNG or JPEG; rename it" in refusal(tmp_path / "a.tif")


def test_a_known_content_without_a_known_suffix_is_read(tmp_path):
    tifffile.imwrite(tmp_path / "exported", np.full((4, 4), 3, np.uint8))
    assert open_image(tmp_path / "exported").plane(0, 0, 0).max() == 3


def test_an_unknown_format_is_refused_with_what_can_be_read(tmp_path):
    (tmp_path / "table.xlsx").write_bytes(b"PK\x03\x04" + bytes(100))
    message = refusal(tmp_path / "table.xlsx")
    assert "unknown format" in message
    assert ".czi" in message


def test_a_file_without_permission_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((4, 4), np.uint8))
    path.chmod(0)
    if os.geteuid() != 0:
        assert "no permission to read it" in refusal(path)
        return
    # root may read everything; for the length of one call this process is nobody.
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if not os.access(parent, os.X_OK) or not parent.stat().st_mode & 0o001:
            monkeypatch.chdir(tmp_path)
            path = path.relative_to(tmp_path)
            break
    open_image_in_advance = open_image  # everything it needs is imported by now
    os.seteuid(65534)
    try:
        assert "no permission to read it" in refusal(path, open_image_in_advance)
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    ("name", "content", "package"),
    [
        ("a.czi", b"ZISRAWFILE" + bytes(500), "pylibCZIrw"),
        ("a.nd2", b"\xda\xce\xbe\x0a" + bytes(500), "nd2"),
        ("a.lif", b"\x70\0\0\0" + bytes(500), "liffile"),
        ("a.oib", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "oiffile"),
    ],
)
def test_a_missing_reader_is_an_environment_problem_with_the_pip_line(tmp_path, monkeypatch, name, content, package):
    (tmp_path / name).write_bytes(content)
    reader = name[2:]
    monkeypatch.delitem(sys.modules, f"autodip_ij.images.reading.{reader}", raising=False)
    for loaded in [module for module in sys.modules if module.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, package, None)
    message = refusal(tmp_path / name, kind=EnvironmentProblem)
    assert f"needs the package {package}" in message
    assert "pip install 'autodip_ij[readers]'" in message


def test_readable_paths_are_told_by_name():
    assert all(is_readable_path(f"x{suffix}") for suffix in readable_suffixes())
    assert all(is_readable_path(f"x{suffix.upper()}") for suffix in readable_suffixes())
    assert not any(map(is_readable_path, ("x.txt", "x", "x.tif.part", "x.ome.xml", "._x.tif", ".x.ome.tif.ab.part")))


def test_a_file_is_told_by_its_content(tmp_path):
    tifffile.imwrite(tmp_path / "a", np.zeros((4, 4), np.uint8))
    (tmp_path / "b").write_text("nothing")
    assert (sniff(tmp_path / "a"), sniff(tmp_path / "b")) == ("tiff", None)


@pytest.mark.parametrize("address", ["https://example.org/cells.ome.zarr", "s3://bucket/cells.zarr", "http:/x/a.tif"])
def test_an_address_is_no_path(address):
    for given in (address, pathlib.Path(address)):
        assert "is an address; download the file or folder and give its path" in refusal(given)
    with pytest.raises(UnreadableFile, match="is an address; download the files"):
        find_inputs(address)
