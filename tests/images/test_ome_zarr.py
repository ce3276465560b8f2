"""OME-Zarr of several versions, written here by zarr after the specification, and by ome-zarr."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from autodip_ij.errors import UnreadableFile
from autodip_ij.images import Image, write
from autodip_ij.images.reading.open import open_image, read_scenes

pytestmark = pytest.mark.usefixtures("no_open_files")

AXES = [
    {"name": "c", "type": "channel"},
    {"name": "z", "type": "space", "unit": "nanometer"},
    {"name": "y", "type": "space", "unit": "micrometer"},
    {"name": "x", "type": "space", "unit": "micrometer"},
]
OMERO = {
    "channels": [
        {"label": "DAPI", "color": "0000FF", "window": {"min": 0, "max": 65535, "start": 100, "end": 900}},
        {"label": "Actin", "color": "FF0000", "window": {"min": 0, "max": 65535, "start": 5, "end": 70}},
    ]
}


def multiscale(name="cell"):
    levels = [
        {"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": [1, 300, 0.1 * f, 0.1 * f]}]}
        for level, f in enumerate((1, 2))
    ]
    return {"name": name, "axes": AXES, "datasets": levels}


def make(path: Path, data, version: str) -> Path:
    """Write `data` (C, Z, Y, X) with a second, wrong level that must not be read."""
    kind = 2 if version == "0.4" else 3
    content = {"multiscales": [multiscale() | ({"version": "0.4"} if kind == 2 else {})], "omero": OMERO}
    attributes = content if kind == 2 else {"ome": content | {"version": "0.5"}}
    root = zarr.create_group(path, zarr_format=kind, attributes=attributes)
    for level in ("0", "1"):
        values = data if level == "0" else np.zeros_like(data[..., ::2, ::2])
        root.create_array(level, data=values, chunks=(1, 2, 8, 8))
    return path


def zip_folder(folder: Path, target: Path, root: Path) -> Path:
    made = shutil.make_archive(
        str(target), "zip", root_dir=root, base_dir=folder.relative_to(root) if folder != root else "."
    )
    return Path(made).rename(target)


@pytest.fixture
def data(rng):
    return rng.integers(0, 4000, (2, 3, 19, 17), np.uint16)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("packing", ["folder", "zip", "zip around the folder"])
def test_pixels_names_colours_ranges_and_sizes_are_read(tmp_path, data, version, packing):
    path = make(tmp_path / "in" / "cell.ome.zarr", data, version)
    if packing == "zip":
        path = zip_folder(path, tmp_path / "cell.ome.zarr.zip", path)
    elif packing == "zip around the folder":
        path = zip_folder(path, tmp_path / "cell.zarr.zip", path.parent)
    image = open_image(path)
    assert (image.shape, image.axes, image.name) == ((1, 2, 3, 19, 17), "CZYX", "cell")
    np.testing.assert_array_equal(np.asarray(image.data)[0], data)
    assert [(c.name, c.color, c.display_range) for c in image.channels] == [
        ("DAPI", (0, 0, 255), (100, 900)),
        ("Actin", (255, 0, 0), (5, 70)),
    ]
    size = image.pixel_size
    assert (size.z, size.y, size.x, size.unit) == (pytest.approx(0.3), 0.1, 0.1, "µm")
    assert image.metadata.format == "ome-zarr"


def test_an_image_of_the_reference_implementation_is_read(tmp_path, rng):
    from ome_zarr.writer import write_image

    stack = rng.integers(0, 255, (2, 1, 3, 20, 24), np.uint8)
    root = zarr.open_group(tmp_path / "ref.zarr", mode="w")
    write_image(stack, root, axes="tczyx")
    np.testing.assert_array_equal(np.asarray(open_image(tmp_path / "ref.zarr").data), stack)


def test_images_of_a_bioformats2raw_collection_are_scenes(tmp_path, data):
    path = tmp_path / "set.zarr"
    zarr.create_group(path, zarr_format=2, attributes={"bioformats2raw.layout": 3})
    make(path / "0", data, "0.4")
    make(path / "1", data + 1, "0.4")
    zarr.create_group(path / "OME", zarr_format=2, attributes={"series": ["0", "1"]})
    scenes = read_scenes(path)
    assert [scene.name for scene in scenes] == ["0", "1"]
    np.testing.assert_array_equal(np.asarray(scenes[1].data)[0], data + 1)


def test_fields_of_a_plate_are_scenes(tmp_path, data):
    path = tmp_path / "plate.zarr"
    wells = [{"path": "A/1", "rowIndex": 0, "columnIndex": 0}]
    zarr.create_group(path, zarr_format=2, attributes={"plate": {"wells": wells}})
    zarr.create_group(path / "A" / "1", zarr_format=2, attributes={"well": {"images": [{"path": "0"}]}})
    make(path / "A" / "1" / "0", data, "0.4")
    assert [scene.name for scene in read_scenes(path)] == ["A/1/0"]


def test_opening_reads_no_chunk_and_a_plane_reads_its_own_only(tmp_path, data, plane_reads):
    path = make(tmp_path / "cell.zarr", data, "0.5")
    # A chunk that is damaged is met only when it is read.
    (path / "0" / "c" / "1" / "0" / "0" / "0").write_bytes(b"damaged")
    image = open_image(path)
    assert plane_reads == []
    np.testing.assert_array_equal(image.plane(0, 0, 1), data[0, 1])
    assert plane_reads == [(0, 0, 1)]
    with pytest.raises(UnreadableFile, match=r"cell\.zarr, plane T=0 C=1 Z=0: cannot be read"):
        image.plane(0, 1, 0)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_chunk_written_here_whose_bytes_changed_is_refused(tmp_path, rng, version):
    pixels = rng.poisson(9, (2, 40, 50)).astype(np.uint16)
    path = write(Image.from_array(pixels, "ZYX"), tmp_path / "a.ome.zarr", zarr_version=version)
    (chunk,) = [file for file in path.rglob("0") if file.is_file() and file.parts[-3:] == ("1", "0", "0")]
    whole = chunk.read_bytes()
    for place in range(20, len(whole), 40):
        chunk.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        image = open_image(path)
        np.testing.assert_array_equal(image.plane(0, 0, 0), pixels[0])
        with pytest.raises(UnreadableFile):
            image.plane(0, 0, 1)


def test_zarr_without_an_image_is_refused(tmp_path):
    zarr.create_group(tmp_path / "empty.zarr").create_array("values", shape=(3, 3), dtype="u1")
    with pytest.raises(UnreadableFile, match="not an OME-Zarr image"):
        open_image(tmp_path / "empty.zarr")


def test_a_zip_archive_of_something_else_is_refused(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").write_text("notes")
    path = zip_folder(tmp_path / "in", tmp_path / "a.zarr.zip", tmp_path / "in")
    with pytest.raises(UnreadableFile, match="a zip archive without OME-Zarr"):
        open_image(path)
