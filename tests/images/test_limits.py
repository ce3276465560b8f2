"""Files that declare more than they hold or than memory does, and what is no file: refused before they cost."""

import contextlib
import os
import struct
import threading
import time
import zlib

import numpy as np
import psutil
import pytest
import tifffile
import zarr

from autodip_ij.errors import BadInput, OutOfMemory, UnreadableFile
from autodip_ij.images import open_image, write
from autodip_ij.images.image import Image
from autodip_ij.images.reading.oib import refuse_circles
from autodip_ij.images.reading.open import read_scenes
from autodip_ij.images.tiles import plan_tiles

pytestmark = pytest.mark.usefixtures("no_open_files")

ABSURD = 2**30
"""Bytes of memory that refusing a file may not come near to."""


@pytest.fixture
def cheap():
    """Fail where the process grows: a thread watches it, since numpy may allocate and give back."""
    process, done, peak = psutil.Process(), threading.Event(), [0]
    before = process.memory_info().rss

    def watch():
        while not done.wait(0.005):
            peak[0] = max(peak[0], process.memory_info().rss - before)

    thread = threading.Thread(target=watch)
    thread.start()
    started = time.process_time()
    yield
    spent = time.process_time() - started
    done.set()
    thread.join()
    assert peak[0] < ABSURD
    assert spent < 5


def refusal(path, kind=UnreadableFile):
    with pytest.raises(kind) as caught:
        read_scenes(path)[0].plane(0, 0, 0)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, kind)
    return str(caught.value)


def bare_tiff(path, width, height, compression, data):
    """Write one page that declares whatever it likes."""
    tags = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 16), (259, 3, 1, compression), (262, 3, 1, 1),
        (273, 4, 1, 200), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, len(data)),
    ]  # fmt: skip
    directory = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    path.write_bytes((directory + bytes(4)).ljust(200, b"\0") + data)


@pytest.mark.parametrize("side", [2**31 - 1, 2**20, 40_000])
@pytest.mark.parametrize("compression", [1, 5, 8, 32773, 50000])
def test_a_tiff_that_declares_more_than_it_holds(tmp_path, cheap, side, compression):
    bare_tiff(tmp_path / "a.tif", side, side, compression, zlib.compress(bytes(5000)))
    assert "it declares" in (said := refusal(tmp_path / "a.tif")) or "end at byte" in said


def test_a_tiff_of_which_nothing_was_written(tmp_path, cheap):
    bare_tiff(tmp_path / "a.tif", 2**20, 2**20, 8, b"")
    assert "none of its planes was written" in refusal(tmp_path / "a.tif")


def test_pixels_that_really_are_that_compressible_are_read(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4000, 4000), np.uint16), compression="zlib", metadata=None)
    assert (tmp_path / "a.tif").stat().st_size < 50_000
    assert open_image(tmp_path / "a.tif").plane(0, 0, 0).shape == (4000, 4000)


@pytest.mark.parametrize("axis", ["SizeT", "SizeZ"])
def test_an_ome_record_of_thirty_million_planes(tmp_path, cheap, axis):
    sizes = {"SizeZ": 1, "SizeC": 1, "SizeT": 1} | {axis: 30_000_000}
    text = " ".join(f'{name}="{value}"' for name, value in sizes.items())
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0" '
        f'DimensionOrder="XYZCT" Type="uint16" SizeX="64" SizeY="64" {text}><Channel ID="Channel:0:0"/>'
        '<TiffData IFD="0" PlaneCount="1"/></Pixels></Image></OME>'
    )
    tifffile.imwrite(tmp_path / "a.ome.tif", np.zeros((64, 64), np.uint16), description=xml, metadata=None, ome=False)
    assert "it declares 30,000,000 planes" in refusal(tmp_path / "a.ome.tif")


def zarr_image(path, shape, axes, chunks):
    root = zarr.open_group(path, mode="w", zarr_format=3)
    root.create_array("0", shape=shape, dtype="uint16", chunks=chunks)
    scale = [{"type": "scale", "scale": [1.0] * len(axes)}]
    described = [{"name": axis, "type": "space"} for axis in axes]
    multiscale = {"axes": described, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
    root.attrs["ome"] = {"version": "0.5", "multiscales": [multiscale]}
    return root


@pytest.mark.parametrize("chunk", [1024, 10**6])
def test_a_zarr_plane_larger_than_memory_is_not_reported_as_damage(tmp_path, cheap, chunk):
    zarr_image(tmp_path / "a.ome.zarr", (10**6, 10**6), "yx", (chunk, chunk))
    message = refusal(tmp_path / "a.ome.zarr", OutOfMemory)
    assert "one plane of 1000000 x 1000000 px takes 2,000.0 GB" in message
    assert "damaged" not in message
    assert OutOfMemory.exit_code == 3


def test_a_zarr_of_thirty_million_planes(tmp_path, cheap):
    zarr_image(tmp_path / "a.ome.zarr", (3 * 10**7, 64, 64), "tyx", (1, 64, 64))
    assert "it declares 30,000,000 planes" in refusal(tmp_path / "a.ome.zarr")


def test_tiles_of_an_absurd_plane_cost_nothing(cheap):
    tiles = plan_tiles((2**31, 2**31))
    assert len(tiles) > 10**13
    assert tiles[-1].y + tiles[-1].height == 2**31
    assert tiles[0] == plan_tiles((2**31, 2**31))[0]


def test_running_out_of_memory_is_not_reported_as_damage(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4), np.uint8))

    def full(*_args, **_kwargs):
        raise MemoryError

    image = open_image(tmp_path / "a.tif")
    monkeypatch.setattr(tifffile.TiffFile, "__init__", full)
    monkeypatch.setattr(np, "memmap", full)
    for call in (lambda: open_image(tmp_path / "a.tif"), lambda: image.plane(0, 0, 0)):
        with pytest.raises(OutOfMemory, match=r"a\.tif: not enough memory") as caught:
            call()
        assert "damaged" not in str(caught.value)


def compound(chains):
    """Return a compound file of one sector of FAT; `chains` says which sector follows which."""
    fat = np.full(128, 0xFFFFFFFF, np.uint32)
    fat[0] = 0xFFFFFFFD
    for sector, following in chains.items():
        fat[sector] = following
    head = struct.pack("<8s16sHHHHH", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", bytes(16), 62, 3, 0xFFFE, 9, 6)
    head = head.ljust(44, b"\0") + struct.pack("<8I", 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    head += np.array([0] + [0xFFFFFFFF] * 108, np.uint32).tobytes()
    return head + fat.tobytes() + bytes(512 * 127)


def test_a_chain_of_sectors_that_runs_in_a_circle_is_refused(tmp_path, cheap):
    path = tmp_path / "a.oib"
    path.write_bytes(compound({1: 2, 2: 3, 3: 0xFFFFFFFE}))
    refuse_circles(path)
    for chains in ({1: 2, 2: 3, 3: 1}, {1: 1}, {1: 2, 2: 3, 3: 2}):
        path.write_bytes(compound(chains))
        with pytest.raises(ValueError, match="is circular"):
            refuse_circles(path)
        assert "is circular" in refusal(path)
    data = bytearray(compound({}))
    struct.pack_into("<I", data, 72, 2**31)
    path.write_bytes(data)
    assert "a sector table of 2147483648 sectors" in refusal(path)


@pytest.mark.shared
@pytest.mark.parametrize("place", [0.3, 0.5, 0.7])
def test_a_fluoview_file_with_one_block_twice(shared, tmp_path, cheap, place):
    data = (shared / "microscope_files" / "test.oib").read_bytes()
    at = int(len(data) * place) // 512 * 512
    path = tmp_path / "a.oib"
    path.write_bytes(data[:at] + data[at - 512 : at] + data[at:])
    with contextlib.suppress(UnreadableFile):
        assert read_scenes(path)[0].plane(0, 0, 0).shape == (256, 256)


def test_a_plate_with_a_missing_well_opens_without_it(tmp_path, caplog):
    root = zarr.open_group(tmp_path / "plate.ome.zarr", mode="w", zarr_format=3)
    wells = [{"path": "A/1"}, {"path": "A/2"}, {"path": "B/1"}]
    root.attrs["ome"] = {
        "version": "0.5",
        "plate": {"wells": wells, "rows": [{"name": "A"}], "columns": [{"name": "1"}]},
    }
    for well in ("A/1", "A/2"):
        root.create_group(well).attrs["ome"] = {"version": "0.5", "well": {"images": [{"path": "0"}, {"path": "1"}]}}
        for field in ("0", "1"):
            if (well, field) != ("A/2", "1"):
                zarr_image(tmp_path / "plate.ome.zarr" / well / field, (8, 9), "yx", (8, 9))
    scenes = read_scenes(tmp_path / "plate.ome.zarr")
    assert [scene.name for scene in scenes] == ["A/1/0", "A/1/1", "A/2/0"]
    assert "names but does not contain: A/2/1, B/1" in caplog.text


@pytest.mark.parametrize("shape", [(1, 300), (300, 1), (1, 1)])
@pytest.mark.parametrize("name", ["a.ome.tif", "a.tif", "a.ome.zarr"])
def test_images_of_one_row_or_column(tmp_path, rng, shape, name):
    plane = rng.integers(0, 999, shape, np.uint16)
    again = open_image(write(Image.from_array(plane), tmp_path / name))
    np.testing.assert_array_equal(again.plane(0, 0, 0), plane)
    tifffile.imwrite(tmp_path / "plain.tif", plane)
    np.testing.assert_array_equal(open_image(tmp_path / "plain.tif").plane(0, 0, 0), plane)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_and_devices_are_never_opened(tmp_path):
    os.mkfifo(tmp_path / "a.tif")
    (tmp_path / "link.czi").symlink_to(tmp_path / "a.tif")
    assert "is a named pipe" in refusal(tmp_path / "a.tif")
    assert "is a named pipe" in refusal(tmp_path / "link.czi")
    (tmp_path / "random.tif").symlink_to("/dev/urandom")
    assert "is a device" in refusal(tmp_path / "random.tif")

    (tmp_path / "a.oif").write_bytes("\ufeff[Version Info]\r\n".encode("utf-16-le"))
    (tmp_path / "a.oif.files").mkdir()
    os.mkfifo(tmp_path / "a.oif.files" / "s_C001.tif")
    assert "names s_C001.tif, which is a named pipe" in refusal(tmp_path / "a.oif")

    root = zarr_image(tmp_path / "a.ome.zarr", (8, 9), "yx", (8, 9))
    root["0"][:] = 3
    (tmp_path / "a.ome.zarr/0/c/0/0").unlink()
    os.mkfifo(tmp_path / "a.ome.zarr/0/c/0/0")
    assert "is a named pipe" in refusal(tmp_path / "a.ome.zarr")
    (tmp_path / "a.ome.zarr/OME").mkdir()
    os.mkfifo(tmp_path / "a.ome.zarr/OME/METADATA.ome.xml")
    assert "is a named pipe" in refusal(tmp_path / "a.ome.zarr")


def test_a_label_image_of_ome_zarr_is_refused(tmp_path):
    root = zarr_image(tmp_path / "a.ome.zarr", (8, 9), "yx", (8, 9))
    root.attrs["ome"] = {**root.attrs["ome"], "image-label": {"version": "0.5"}}
    assert "is a label image" in refusal(tmp_path / "a.ome.zarr", BadInput)
