"""TIFF files of every kind, written here by tifffile."""

import time

import numpy as np
import pytest
import tifffile

from autodip_ij.errors import BadInput, UnreadableFile
from autodip_ij.images.reading.open import open_image, open_metadata, read_scenes, scene_names

pytestmark = pytest.mark.usefixtures("no_open_files")


def pixels(image):
    return np.asarray(image.data)


def test_pages_without_axes_are_slices(tmp_path, rng):
    stack = rng.integers(0, 255, (3, 11, 7), np.uint8)
    tifffile.imwrite(tmp_path / "plain.tif", stack, metadata=None, photometric="minisblack")
    image = open_image(tmp_path / "plain.tif")
    assert (image.shape, image.axes, image.dtype) == ((1, 1, 3, 11, 7), "ZYX", np.uint8)
    assert image.metadata.format == "tiff"
    assert image.pixel_size.x is None
    np.testing.assert_array_equal(pixels(image)[0, 0], stack)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64", "bool"])
def test_every_grey_value_type_is_kept(tmp_path, rng, dtype):
    plane = rng.integers(0, 2, (9, 5)).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", plane, metadata=None, photometric="minisblack")
    image = open_image(tmp_path / "a.tif")
    assert image.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(image.plane(0, 0, 0), plane)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "lzw"},
        {"compression": "zlib", "predictor": True},
        {"tile": (16, 16)},
        {"byteorder": ">"},
        {"bigtiff": True},
        {"rowsperstrip": 3},
    ],
    ids=str,
)
def test_storage_does_not_matter(tmp_path, rng, options):
    stack = rng.integers(0, 60000, (4, 33, 21), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stack, metadata=None, photometric="minisblack", **options)
    np.testing.assert_array_equal(pixels(open_image(tmp_path / "a.tif"))[0, 0], stack)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colour_samples_are_channels(tmp_path, rng, planar):
    rgb = rng.integers(0, 255, (8, 6, 3), np.uint8)
    stored = rgb if planar == "contig" else np.moveaxis(rgb, -1, 0)
    tifffile.imwrite(tmp_path / "rgb.tif", stored, photometric="rgb", planarconfig=planar, metadata=None)
    image = open_image(tmp_path / "rgb.tif")
    assert (image.shape, image.rgb, image.axes) == ((1, 3, 1, 8, 6), True, "CYX")
    assert [channel.name for channel in image.channels] == ["red", "green", "blue"]
    assert image.channels[1].color == (0, 255, 0)
    np.testing.assert_array_equal(pixels(image)[0, :, 0], np.moveaxis(rgb, -1, 0))


@pytest.fixture
def ome_file(tmp_path, rng):
    data = rng.integers(0, 4000, (2, 3, 4, 12, 10), np.uint16)
    metadata = {
        "axes": "TCZYX",
        "Name": "embryo",
        "Channel": {"Name": ["DAPI", "GFP", "DIC"], "Color": [0x0000FFFF, 0x00FF00FF, -1]},
        "PhysicalSizeX": 0.2,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": 0.2,
        "PhysicalSizeYUnit": "µm",
        "PhysicalSizeZ": 500.0,
        "PhysicalSizeZUnit": "nm",
        "TimeIncrement": 1.5,
        "TimeIncrementUnit": "min",
    }
    path = tmp_path / "embryo.ome.tif"
    tifffile.imwrite(path, data, metadata=metadata, photometric="minisblack", compression="zlib")
    return path, data


def test_ome_names_colours_sizes_and_times_are_read(ome_file):
    path, data = ome_file
    image = open_image(path)
    assert image.shape == data.shape
    assert [channel.name for channel in image.channels] == ["DAPI", "GFP", "DIC"]
    assert [channel.color for channel in image.channels] == [(0, 0, 255), (0, 255, 0), (255, 255, 255)]
    size = image.pixel_size
    assert (size.x, size.y, size.unit, size.t, size.time_unit) == (0.2, 0.2, "µm", 1.5, "min")
    assert size.z == pytest.approx(0.5)  # nm converted to the unit of x
    assert (image.name, image.metadata.format, image.metadata.image_name) == ("embryo", "ome-tiff", "embryo")
    assert image.metadata.ome.images[0].pixels.size_z == 4
    np.testing.assert_array_equal(pixels(image), data)


def test_images_of_one_file_are_scenes_chosen_by_index_or_name(tmp_path, rng):
    first, second = rng.integers(0, 99, (5, 6), np.uint8), rng.integers(0, 99, (7, 8), np.uint8)
    with tifffile.TiffWriter(tmp_path / "two.ome.tif") as tif:
        tif.write(first, metadata={"axes": "YX", "Name": "left"})
        tif.write(second, metadata={"axes": "YX", "Name": "right"})
    assert scene_names(tmp_path / "two.ome.tif") == ["left", "right"]
    right = open_image(tmp_path / "two.ome.tif", "right")
    assert (right.scene, right.metadata.ome_image) == (1, 1)
    np.testing.assert_array_equal(right.plane(0, 0, 0), second)
    np.testing.assert_array_equal(open_image(tmp_path / "two.ome.tif", "0").plane(0, 0, 0), first)
    with pytest.raises(BadInput, match="unknown scene 'rigt'; did you mean 'right'"):
        open_image(tmp_path / "two.ome.tif", "rigt")


def test_axes_beyond_five_become_scenes(tmp_path, rng):
    data = rng.integers(0, 99, (2, 3, 5, 6), np.uint8)
    tifffile.imwrite(tmp_path / "angles.tif", data, metadata={"axes": "AZYX"}, photometric="minisblack")
    scenes = read_scenes(tmp_path / "angles.tif")
    assert [scene.name for scene in scenes] == ["angles A=0", "angles A=1"]
    np.testing.assert_array_equal(pixels(scenes[1])[0, 0], data[1])


@pytest.fixture
def imagej_file(tmp_path, rng):
    data = rng.integers(0, 4000, (2, 3, 2, 9, 8), np.uint16)  # T, Z, C, Y, X
    ramp = np.arange(256, dtype=np.uint8)
    green, fire = np.zeros((3, 256), np.uint8), rng.integers(0, 255, (3, 256), np.uint8)
    green[1] = ramp
    path = tmp_path / "stack.tif"
    tifffile.imwrite(
        path,
        data,
        imagej=True,
        resolution=(1 / 0.25, 1 / 0.5),
        metadata={
            "axes": "TZCYX",
            "unit": "\\u00B5m",
            "spacing": 0.7,
            "finterval": 30.0,
            "mode": "composite",
            "Info": "Objective = 63x",
            "Labels": [["GFP", "brightfield"][i % 2] for i in range(12)],
            "LUTs": [green, fire],
            "Ranges": (10.0, 900.0, 0.0, 4095.0),
        },
    )
    return path, data


def test_imagej_labels_luts_ranges_units_and_interval_are_read(imagej_file):
    path, data = imagej_file
    image = open_image(path)
    assert image.metadata.format == "imagej-tiff"
    np.testing.assert_array_equal(pixels(image), data.transpose(0, 2, 1, 3, 4))
    assert [channel.name for channel in image.channels] == ["GFP", "brightfield"]
    assert image.channels[0].color == (0, 255, 0)
    assert image.channels[1].color is None  # no colour describes that look-up table; it is kept whole:
    assert image.metadata.native["luts"][1].shape == (3, 256)
    assert [channel.display_range for channel in image.channels] == [(10, 900), (0, 4095)]
    size = image.pixel_size
    assert (size.x, size.y) == (pytest.approx(0.25), pytest.approx(0.5))
    assert (size.z, size.unit, size.t, size.time_unit) == (0.7, "µm", 30.0, "s")
    assert image.metadata.native["info"] == "Objective = 63x"
    assert len(image.metadata.native["labels"]) == 12


def test_labels_of_single_slices_are_no_channel_names(tmp_path):
    labels = [f"slice {i}" for i in range(6)]
    tifffile.imwrite(
        tmp_path / "a.tif", np.zeros((3, 2, 4, 4), np.uint8), imagej=True, metadata={"axes": "ZCYX", "Labels": labels}
    )
    image = open_image(tmp_path / "a.tif")
    assert [channel.name for channel in image.channels] == ["", ""]
    assert image.metadata.native["labels"] == labels


def test_an_uncalibrated_imagej_file_has_no_pixel_size(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4), np.uint8), imagej=True)
    size = open_image(tmp_path / "a.tif").pixel_size
    assert (size.x, size.y, size.z, size.t) == (None, None, None, None)


def test_opening_reads_no_pixels_and_a_plane_reads_itself_only(ome_file, imagej_file, plane_reads):
    for path, data in (ome_file, imagej_file):
        image = open_image(path)
        open_metadata(path)
        assert plane_reads == []
        np.testing.assert_array_equal(image.plane(1, 1, 1), data[1, 1, 1])
        assert plane_reads == [(1, 1, 1)]
        plane_reads.clear()


def test_a_file_of_many_gigabytes_opens_at_once(tmp_path):
    """Four thousand planes of 1024 x 1024, 8 GB, sparse on the disk: opening and one plane take seconds at most."""
    path = tmp_path / "large.tif"
    mapped = tifffile.memmap(path, shape=(4000, 1024, 1024), dtype=np.uint16, bigtiff=True, metadata={"axes": "TYX"})
    mapped[3999, 0, :3] = 7, 8, 9
    mapped.flush()
    del mapped
    started = time.perf_counter()
    image = open_image(path)
    plane = image.plane(3999, 0, 0)
    assert time.perf_counter() - started < 20
    assert image.shape == (4000, 1, 1, 1024, 1024)
    assert plane[0, :4].tolist() == [7, 8, 9, 0]


@pytest.mark.parametrize("kind", ["plain", "lzw", "ome", "imagej", "tiled"])
@pytest.mark.parametrize("share", [0.02, 0.4, 0.9])
def test_a_truncated_file_is_refused_when_opened(tmp_path, rng, kind, share):
    """Never a plane of zeros, never fewer planes than there were."""
    stack = rng.integers(0, 60000, (6, 64, 64), np.uint16)
    options = {
        "plain": {"metadata": None},
        "lzw": {"metadata": None, "compression": "lzw"},
        "ome": {"ome": True, "metadata": {"axes": "ZYX"}, "compression": "zlib"},
        "imagej": {"imagej": True, "metadata": {"axes": "ZYX"}},
        "tiled": {"metadata": None, "tile": (32, 32)},
    }[kind]
    whole = tmp_path / "whole.tif"
    tifffile.imwrite(whole, stack, photometric="minisblack", **options)
    data = whole.read_bytes()
    cut = tmp_path / "cut.tif"
    cut.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(UnreadableFile, match=r"cut\.tif.*(damaged or incomplete|holds)") as caught:
        open_image(cut)
    assert "\n" not in str(caught.value)


def test_a_missing_file_of_a_set_is_named(tmp_path, rng):
    planes = rng.integers(0, 99, (2, 8, 8), np.uint8)
    xml = """<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0"
    DimensionOrder="XYZCT" Type="uint8" SizeX="8" SizeY="8" SizeZ="2" SizeC="1" SizeT="1"><Channel ID="Channel:0:0"/>
    <TiffData IFD="0" FirstZ="0" PlaneCount="1"><UUID FileName="a.ome.tif">urn:uuid:1</UUID></TiffData>
    <TiffData IFD="0" FirstZ="1" PlaneCount="1"><UUID FileName="b.ome.tif">urn:uuid:2</UUID></TiffData>
    </Pixels></Image></OME>""".replace("\n", " ")
    for name, plane in zip("ab", planes, strict=True):
        uuid = {"a": "urn:uuid:1", "b": "urn:uuid:2"}[name]
        text = xml.replace("<OME ", f'<OME UUID="{uuid}" ')
        tifffile.imwrite(tmp_path / f"{name}.ome.tif", plane, description=text, metadata=None, ome=False)
    np.testing.assert_array_equal(pixels(open_image(tmp_path / "a.ome.tif"))[0, 0], planes)
    (tmp_path / "b.ome.tif").unlink()
    with pytest.raises(UnreadableFile, match=r"b\.ome\.tif"):
        open_image(tmp_path / "a.ome.tif")


def test_complex_pixels_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "fft.tif", np.zeros((4, 4), np.complex64), metadata=None)
    with pytest.raises(BadInput, match=r"fft\.tif: values of type complex64 are not grey values"):
        open_image(tmp_path / "fft.tif")


def test_a_damaged_private_tag_does_not_stop_a_file_from_being_read(tmp_path):
    """A vendor's tag whose value lies behind the end of the file, as some acquisition programs leave it."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        np.ones((4, 4), np.uint8),
        metadata=None,
        photometric="minisblack",
        extratags=[(51123, "s", 0, "x" * 40, True)],
    )
    with tifffile.TiffFile(path) as tif:
        where = tif.pages[0].tags[51123].offset
    data = bytearray(path.read_bytes())
    data[where + 8 : where + 12] = (10**9).to_bytes(4, "little")
    path.write_bytes(data)
    assert open_image(path).plane(0, 0, 0).all()


def test_several_threads_open_and_read_at_once(tmp_path, rng):
    """A batch opens files in parallel: a damaged one must not be blamed on its neighbours."""
    from concurrent.futures import ThreadPoolExecutor

    planes = rng.integers(0, 60000, (12, 40, 40), np.uint16)
    for number, plane in enumerate(planes):
        tifffile.imwrite(tmp_path / f"{number}.tif", plane, metadata=None, compression="zlib")
    (tmp_path / "3.tif").write_bytes((tmp_path / "3.tif").read_bytes()[:200])

    def read(number):
        try:
            return open_image(tmp_path / f"{number}.tif").plane(0, 0, 0)
        except UnreadableFile as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(read, range(12)))
    assert found[3].startswith("3.tif: cannot be read")
    for number in set(range(12)) - {3}:
        np.testing.assert_array_equal(found[number], planes[number])


def test_planes_of_a_stopped_acquisition_are_zero_and_reported(tmp_path, rng, caplog):
    """The record of the run names three slices, the microscope wrote two."""
    planes = rng.integers(1, 99, (2, 8, 8), np.uint8)
    xml = """<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0"
    DimensionOrder="XYZCT" Type="uint8" SizeX="8" SizeY="8" SizeZ="3" SizeC="1" SizeT="1"><Channel ID="Channel:0:0"/>
    <TiffData IFD="0" PlaneCount="2"/></Pixels></Image></OME>""".replace("\n", " ")
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        planes,
        description=xml,
        metadata=None,
        ome=False,
        compression="zlib",
        photometric="minisblack",
    )
    image = open_image(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(pixels(image)[0, 0], [*planes, np.zeros((8, 8))])
    assert "1 of 3 planes were never written and are read as 0" in caplog.text
