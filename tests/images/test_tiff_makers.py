"""TIFF as acquisition programs write it: their axes, names, sizes and devices, from small files made here."""

import json
import struct

import numpy as np
import pytest
import tifffile

from autodip_ij.groups import infer_groups
from autodip_ij.images import open_image, write
from autodip_ij.images.reading.open import read_scenes

pytestmark = pytest.mark.usefixtures("no_open_files")

SI = {
    "SI.VERSION_MAJOR": "2021",
    "SI.hChannels.channelSave": "[1;3]",
    "SI.hChannels.channelName": "{'GCaMP6s' 'unused' 'H2B-mRuby' 'off'}",
    "SI.hChannels.channelMergeColor": "{'green';'red';'magenta';'blue'}",
    "SI.hStackManager.enable": "true",
    "SI.hStackManager.numSlices": "4",
    "SI.hStackManager.actualNumSlices": "4",
    "SI.hStackManager.framesPerSlice": "1",
    "SI.hStackManager.stackZStepSize": "-2.5",
    "SI.hRoiManager.imagingFovUm": "[-120 -80;120 -80;120 80;-120 80]",
    "SI.hScan2D.scannerType": "'RG'",
}


def scanimage(path, count, changed=(), value=lambda number: number):
    """Write `count` pages of 16 x 24 px, page n filled with value(n), with the settings in the tag Software."""
    settings = SI | dict(changed)
    software = "\n".join(f"{key} = {text}" for key, text in settings.items() if text)
    with tifffile.TiffWriter(path, bigtiff=True) as tif:
        for number in range(count):
            tif.write(
                np.full((16, 24), value(number), np.int16),
                software=software,
                metadata=None,
                photometric="minisblack",
                description=f"frameNumbers = {number // 2 + 1}\nframeTimestamps_sec = {number // 2 * 0.05:.4f}\n",
            )
    return open_image(path)


def grey(image):
    """Return the value of every plane, as (T, C, Z)."""
    return np.asarray(image.data)[..., 0, 0]


def test_scanimage_volumes_slices_channels(tmp_path):
    image = scanimage(tmp_path / "a.tif", 24, value=lambda number: number - 7)
    assert (image.shape, image.axes, image.metadata.format) == ((3, 2, 4, 16, 24), "TCZYX", "scanimage")
    np.testing.assert_array_equal(grey(image), np.arange(24).reshape(3, 4, 2).transpose(0, 2, 1) - 7)
    assert [channel.name for channel in image.channels] == ["GCaMP6s", "H2B-mRuby"]
    assert [channel.color for channel in image.channels] == [(0, 255, 0), (255, 0, 255)]
    size = image.pixel_size
    assert (size.x, size.y, size.z, size.unit) == (10.0, 10.0, 2.5, "µm")
    assert size.t == pytest.approx(0.2)
    green, red = infer_groups(image.metadata)
    assert (green.microscope, red.microscope, red.specimen) == ("twophoton", "twophoton", "nucleus")
    assert any("scannerType" in row.source for row in green.evidence)


def test_scanimage_flyback_frames_are_left_out(tmp_path):
    changed = {"SI.hStackManager.numFramesPerVolumeWithFlyback": "6"}
    image = scanimage(tmp_path / "a.tif", 24, changed)
    assert image.shape == (2, 2, 4, 16, 24)
    whole = np.arange(24).reshape(2, 6, 2).transpose(0, 2, 1)
    np.testing.assert_array_equal(grey(image), whole[:, :, :4])


def test_scanimage_repeats_of_a_slice_are_time_points(tmp_path):
    changed = {"SI.hStackManager.framesPerSlice": "6", "SI.hScan2D.logAverageFactor": "2"}
    image = scanimage(tmp_path / "a.tif", 24, changed)
    assert image.shape == (3, 2, 4, 16, 24)
    np.testing.assert_array_equal(grey(image), np.arange(24).reshape(4, 3, 2).transpose(1, 2, 0))


@pytest.mark.parametrize(
    "changed",
    [
        {"SI.hStackManager.framesPerSlice": "Inf"},
        {"SI.hStackManager.enable": "false"},
        {"SI.hStackManager.numSlices": "1", "SI.hStackManager.actualNumSlices": "1"},
    ],
    ids=str,
)
def test_scanimage_without_a_stack_is_a_movie(tmp_path, changed):
    image = scanimage(tmp_path / "a.tif", 10, {"SI.hStackManager.numSlices": "1"} | changed | {
        "SI.hStackManager.actualNumSlices": "1"})  # fmt: skip
    assert image.shape == (5, 2, 1, 16, 24)
    assert image.pixel_size.z is None
    assert image.pixel_size.t == pytest.approx(0.05)


def test_a_stopped_scanimage_run_keeps_its_last_volume(tmp_path, caplog):
    image = scanimage(tmp_path / "a.tif", 20)
    assert image.shape == (3, 2, 4, 16, 24)
    assert grey(image)[2].tolist() == [[16, 18, 0, 0], [17, 19, 0, 0]]
    assert "4 of 24 planes were never written" in caplog.text


def test_what_scanimage_says_is_kept_when_it_is_written(tmp_path):
    image = scanimage(tmp_path / "a.tif", 24)
    again = open_image(write(image, tmp_path / "b.ome.tif"))
    assert again.pixel_size == image.pixel_size
    assert [decision.group for decision in infer_groups(again.metadata)] == [
        decision.group for decision in infer_groups(image.metadata)
    ]


QPI = (
    '<?xml version="1.0" encoding="utf-16"?><PerkinElmer-QPI-ImageDescription><ImageType>{kind}</ImageType>'
    "<Name>{name}</Name><Color>{color}</Color><InstrumentType>PhenoImagerHT</InstrumentType>"
    "</PerkinElmer-QPI-ImageDescription>"
)
STAINS = {"DAPI": "0,0,255", "Opal 690": "255,0,0"}


@pytest.mark.parametrize("thumbnail", [False, True])
def test_a_whole_slide_is_one_scene_with_its_stains(tmp_path, rng, thumbnail):
    planes = rng.integers(0, 999, (2, 320, 384), np.uint16)
    path = tmp_path / "slide.qptiff"
    with tifffile.TiffWriter(path, bigtiff=True) as tif:
        for factor in (1, 2, 4):
            if factor == 2 and thumbnail:
                text = QPI.format(kind="Thumbnail", name="", color="")
                tif.write(np.zeros((40, 48, 3), np.uint8), photometric="rgb", description=text, metadata=None)
            for plane, (name, color) in zip(planes, STAINS.items(), strict=True):
                tif.write(
                    plane[::factor, ::factor],
                    tile=(64, 64),
                    description=QPI.format(kind="FullResolution", name=name, color=color),
                    software="PerkinElmer-QPI",
                    metadata=None,
                    resolution=(40000 / factor, 40000 / factor),
                    resolutionunit="CENTIMETER",
                    subfiletype=int(factor > 1),
                )
    (image,) = read_scenes(path)
    assert (image.shape, image.name) == ((1, 2, 1, 320, 384), "slide")
    assert [(channel.name, channel.color) for channel in image.channels] == [
        ("DAPI", (0, 0, 255)),
        ("Opal 690", (255, 0, 0)),
    ]
    assert (image.pixel_size.x, image.pixel_size.y, image.pixel_size.unit) == (0.25, 0.25, "µm")
    np.testing.assert_array_equal(np.asarray(image.data)[0, :, 0], planes)
    assert infer_groups(image.metadata)[0].group == "widefield/nucleus"


def raw_tiff(pages, tags=(), start=8, header=b"", pad=0):
    """Return a little-endian TIFF: each page is its directory, `pad` bytes at most, then its pixels.

    Parameters
    ----------
    pages
        Arrays, or lists of arrays that follow each other behind one directory (MetaMorph).
    tags
        Further tags of the first page: code, type, count, bytes.
    """
    body, offsets = b"", []
    for number, page in enumerate(pages):
        stack = page if isinstance(page, list) else [page]
        at = start + len(body)
        offsets.append(at)
        extra = [(code, kind, count, data) for code, kind, count, data in tags] if number == 0 else []
        size = 2 + 12 * (10 + len(extra)) + 4
        values, inline = b"", []
        for code, kind, count, data in extra:
            data = data(at + size + len(values)) if callable(data) else data
            inline.append((code, kind, count, at + size + len(values)))
            values += data
        space = max(size + len(values), pad)
        height, width = stack[0].shape
        entries = [
            (256, 3, 1, width), (257, 3, 1, height), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 1),
            (273, 4, 1, at + space), (277, 3, 1, 1), (278, 3, 1, height), (279, 4, 1, stack[0].nbytes), *inline,
            (339, 3, 1, 1),
        ]  # fmt: skip
        pixels = b"".join(plane.astype("<u2").tobytes() for plane in stack)
        following = at + space + len(pixels) if number + 1 < len(pages) else 0
        directory = struct.pack("<H", len(entries)) + b"".join(
            struct.pack("<HHII", *entry) for entry in sorted(entries)
        )
        body += (directory + struct.pack("<I", following) + values).ljust(space, b"\0") + pixels
    return struct.pack("<2sHI", b"II", 42, start) + header.ljust(start - 8, b"\0") + body, offsets


@pytest.mark.parametrize("moving", ["Z", "T"])
def test_a_metamorph_stack(tmp_path, rng, moving):
    stack = rng.integers(0, 4000, (4, 9, 11), np.uint16)
    distance = 3 if moving == "Z" else 0
    day = 2459000
    uic2 = b"".join(struct.pack("<6I", distance, 10, day, 5000 + 2000 * i, day, 5000 + 2000 * i) for i in range(4))
    description = b"Exposure: 100 ms\r\nBinning: 1 x 1\r\nCamera Name: CoolSNAP HQ2\r\n\0" * 4

    def uic1(at):
        """Calibration (4, 5: fractions; 6: unit) behind the list of entries, by their positions."""
        entries = struct.pack("<6I", 4, at + 24, 5, at + 24, 6, at + 32)
        return entries + struct.pack("<2I", 16, 100) + struct.pack("<I3s", 3, b"um\0")

    tags = [(270, 2, len(description), description), (33628, 4, 3, uic1), (33629, 5, 4, uic2)]
    data, _ = raw_tiff([list(stack)], tags)
    (tmp_path / "a.stk").write_bytes(data)
    image = open_image(tmp_path / "a.stk")
    shape = {"Z": (1, 1, 4, 9, 11), "T": (4, 1, 1, 9, 11)}[moving]
    assert (image.shape, image.metadata.format) == (shape, "metamorph")
    np.testing.assert_array_equal(np.asarray(image.data).reshape(stack.shape), stack)
    size = image.pixel_size
    assert (size.x, size.y, size.unit) == (0.16, 0.16, "µm")
    assert (size.z, size.t) == ((0.3, None) if moving == "Z" else (None, 2.0))
    assert any("CoolSNAP" in row.value for row in infer_groups(image.metadata)[0].evidence)


def test_a_plane_of_metamorph_with_its_xml(tmp_path):
    prop = '<prop id="{}" type="{}" value="{}"/>'
    facts = [
        ("spatial-calibration-state", "bool", "on"),
        ("spatial-calibration-x", "float", "0.325"),
        ("spatial-calibration-y", "float", "0.325"),
        ("spatial-calibration-units", "string", "um"),
        ("_IllumSetting_", "string", "Cy5"),
    ]
    text = "<MetaData><PlaneInfo>" + "".join(prop.format(*fact) for fact in facts)
    text += '</PlaneInfo><prop id="Application" type="string" value="MetaXpress"/></MetaData>'
    tifffile.imwrite(
        tmp_path / "w1.tif", np.zeros((5, 6), np.uint16), description=text, metadata=None, software="MetaSeries"
    )
    image = open_image(tmp_path / "w1.tif")
    assert image.channels[0].name == "Cy5"
    assert (image.pixel_size.x, image.pixel_size.unit) == (0.325, "µm")


SUMMARY = {
    "MicroManagerVersion": "2.0.3",
    "Prefix": "run",
    "TimeFirst": True,
    "SlicesFirst": False,
    "ChNames": ["DAPI", "GFP"],
    "ChColors": [0x0000FF, 0x00FF00],
    "PixelSize_um": 0.11,
    "z-step_um": -0.4,
    "Interval_ms": 1500.0,
}
DEVICES = json.dumps({"Core-Camera": {"PropType": "String", "PropVal": "Andor iXon"}, "PixelSizeUm": 0.11}).encode()


def micromanager(path, places, values, lengths, summary=(), description=None):
    """Write a Micro-Manager stack: its index has (channel, slice, frame, position) of every page in turn."""
    frames, positions, slices, channels = lengths
    settings = SUMMARY | {"Frames": frames, "Positions": positions, "Slices": slices, "Channels": channels}
    text = json.dumps(settings | dict(summary)).encode()
    pages = [np.full((8, 10), value, np.uint16) for value in values]
    start = 40 + len(text) + 8 + 20 * len(pages) + 64
    tags = [(51123, 2, len(DEVICES) + 1, DEVICES + b"\0")]
    if description:
        tags.append((270, 2, len(description) + 1, description.encode() + b"\0"))
    # Micro-Manager's directories have 162 bytes; that of the first page is found by tifffile like any other.
    first, _ = raw_tiff(pages[:1], tags, start)
    rest, offsets = raw_tiff(pages[1:], start=len(first), pad=162) if pages[1:] else (b"", [])
    data = bytearray(first + rest[len(first) :])
    if offsets:
        entries = struct.unpack_from("<H", data, start)[0]
        struct.pack_into("<I", data, start + 2 + 12 * entries, offsets[0])
    head = struct.pack("<8I", 54773648, 40 + len(text), 483765892, 0, 99384722, 0, 2355492, len(text)) + text
    head += struct.pack("<2I", 3453623, len(pages))
    head += b"".join(struct.pack("<5I", *place, at) for place, at in zip(places, [start, *offsets], strict=True))
    data[8 : 8 + len(head)] = head
    path.write_bytes(bytes(data))


def test_micromanager_names_sizes_and_devices(tmp_path):
    places = [(c, z, t, 0) for t in range(2) for c in range(2) for z in range(3)]
    micromanager(tmp_path / "run_MMStack.ome.tif", places, range(12), (2, 1, 3, 2), {"SlicesFirst": True})
    image = open_image(tmp_path / "run_MMStack.ome.tif")
    assert (image.shape, image.metadata.format) == ((2, 2, 3, 8, 10), "micromanager")
    np.testing.assert_array_equal(grey(image), np.arange(12).reshape(2, 2, 3))
    assert [(channel.name, channel.color) for channel in image.channels] == [
        ("DAPI", (0, 0, 255)),
        ("GFP", (0, 255, 0)),
    ]
    size = image.pixel_size
    assert (size.x, size.y, size.z, size.t, size.unit) == (0.11, 0.11, 0.4, 1.5, "µm")
    assert any("iXon" in row.value for row in infer_groups(image.metadata)[0].evidence)


def positions_record(names):
    images = "".join(
        f'<Image ID="Image:{i}" Name="{name}"><StageLabel Name="{name}" X="{i}" XUnit="µm"/><Pixels ID="Pixels:{i}" '
        f'DimensionOrder="XYZCT" Type="uint16" SizeX="10" SizeY="8" SizeZ="1" SizeC="1" SizeT="1" '
        f'PhysicalSizeX="{i + 1}" '
        f'PhysicalSizeY="{i + 1}"><Channel ID="Channel:{i}:0" Name="dye {i}" SamplesPerPixel="1"/><TiffData IFD="{i}"/>'
        f'<Plane TheZ="0" TheC="0" TheT="0" PositionX="{100 * i}"/></Pixels></Image>'
        for i, name in enumerate(names)
    )
    return f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{images}</OME>'.replace("µ", "&#181;")


def test_each_position_has_its_own_record_and_name(tmp_path):
    record = positions_record(["A1", "A2", "B1"])
    places = [(0, 0, 0, position) for position in range(3)]
    micromanager(tmp_path / "run_MMStack.ome.tif", places, (5, 6, 7), (1, 3, 1, 1), description=record)
    scenes = read_scenes(tmp_path / "run_MMStack.ome.tif")
    assert [scene.name for scene in scenes] == ["A1", "A2", "B1"]
    assert [int(grey(scene)[0, 0, 0]) for scene in scenes] == [5, 6, 7]
    assert [scene.channels[0].name for scene in scenes] == ["dye 0", "dye 1", "dye 2"]
    assert [scene.pixel_size.x for scene in scenes] == [1, 2, 3]
    for number, scene in enumerate(scenes):
        written = tifffile.tiffcomment(write(scene, tmp_path / f"{number}.ome.tif"))
        assert f'PositionX="{100 * number}.0"' in written
        assert f'Name="{["A1", "A2", "B1"][number]}"' in written


def test_one_position_alone_has_its_own_record(tmp_path):
    """The record tells of all positions, and of the file that each lies in."""
    record = positions_record(["A1", "A2", "B1"])
    for number in range(3):
        uuid = f"urn:uuid:00000000-0000-0000-0000-{number:012}"
        block = f'<TiffData IFD="0"><UUID FileName="run_MMStack_{number}.ome.tif">{uuid}</UUID></TiffData>'
        record = record.replace(f'<TiffData IFD="{number}"/>', block)
    micromanager(tmp_path / "run_MMStack_1.ome.tif", [(0, 0, 0, 1)], (6,), (1, 3, 1, 1), description=record)
    (scene,) = read_scenes(tmp_path / "run_MMStack_1.ome.tif")
    assert (scene.name, scene.channels[0].name, scene.pixel_size.x) == ("A2", "dye 1", 2)


def test_positions_in_separate_files_have_separate_records(tmp_path):
    for number, name in enumerate(("A1", "A2")):
        record = positions_record([name]).replace("dye 0", f"dye {number}")
        micromanager(
            tmp_path / f"run_MMStack_{name}.ome.tif", [(0, 0, 0, number)], (5 + number,), (1, 2, 1, 1), (), record
        )
    for name in ("A1", "A2"):
        scenes = read_scenes(tmp_path / f"run_MMStack_{name}.ome.tif")
        found = [(scene.name, scene.channels[0].name, int(grey(scene)[0, 0, 0])) for scene in scenes]
        assert found == [("A1", "dye 0", 5), ("A2", "dye 1", 6)]


def test_positions_without_a_record_are_named_as_on_the_stage(tmp_path):
    places = [(0, 0, 0, position) for position in range(2)]
    stage = {"StagePositions": [{"Label": "well A"}, {"Label": "well B"}]}
    micromanager(tmp_path / "run_MMStack.ome.tif", places, (5, 6), (1, 2, 1, 1), stage)
    assert [scene.name for scene in read_scenes(tmp_path / "run_MMStack.ome.tif")] == ["well A", "well B"]


def test_positions_that_were_never_visited_are_no_scenes(tmp_path):
    places = [(0, 0, 0, position) for position in (0, 2)]
    micromanager(tmp_path / "run_MMStack.ome.tif", places, (5, 7), (1, 4, 1, 1))
    scenes = read_scenes(tmp_path / "run_MMStack.ome.tif")
    assert [int(grey(scene)[0, 0, 0]) for scene in scenes] == [5, 7]


def ndtiff(folder, places, values):
    """Write an NDTiff data set of version 3 in one file; `places` are the axes of each page."""
    folder.mkdir()
    text = json.dumps(SUMMARY).encode()
    header = struct.pack("<2I", 483729, 3) + struct.pack("<3I", 1, 2355492, len(text)) + text
    pages = [np.full((8, 10), value, np.uint16) for value in values]
    tags = [(51123, 2, len(DEVICES) + 1, DEVICES + b"\0")]
    data, _ = raw_tiff(pages, tags, start=8 + len(header) + len(header) % 2, header=header)
    (folder / "run_NDTiffStack.tif").write_bytes(data)
    index = b""
    with tifffile.TiffFile(folder / "run_NDTiffStack.tif") as tif:
        starts = [page.dataoffsets[0] for page in tif.pages]
    for place, at in zip(places, starts, strict=True):
        axes, name = json.dumps(place).encode(), b"run_NDTiffStack.tif"
        index += struct.pack("<I", len(axes)) + axes + struct.pack("<I", len(name)) + name
        index += struct.pack("<IiiiiIii", at, 10, 8, 1, 0, 0, 0, 0)
    (folder / "NDTiff.index").write_bytes(index)
    return folder / "run_NDTiffStack.tif"


def test_ndtiff_axes_and_names(tmp_path):
    places = [{"time": t, "channel": c, "z": z} for t in range(2) for z in range(3) for c in ("GFP", "DAPI")]
    image = open_image(ndtiff(tmp_path / "run", places, range(12)))
    assert (image.shape, image.metadata.format) == ((2, 2, 3, 8, 10), "micromanager")
    np.testing.assert_array_equal(grey(image), np.arange(12).reshape(2, 3, 2).transpose(0, 2, 1))
    assert [channel.name for channel in image.channels] == ["GFP", "DAPI"]
    assert (image.pixel_size.x, image.pixel_size.z) == (0.11, 0.4)


def test_cells_of_an_ndtiff_grid_that_were_never_visited_are_no_scenes(tmp_path):
    places = [{"row": row, "column": column} for row, column in ((0, 0), (0, 2), (1, 1))]
    scenes = read_scenes(ndtiff(tmp_path / "run", places, (5, 6, 7)))
    assert sorted(int(grey(scene)[0, 0, 0]) for scene in scenes) == [5, 6, 7]
    assert len({scene.name for scene in scenes}) == 3


def test_images_of_one_plain_file_are_numbered(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(np.zeros((5, 6), np.uint8), metadata=None, photometric="minisblack")
        tif.write(np.zeros((7, 8), np.uint16), metadata=None, photometric="minisblack")
    assert [scene.name for scene in read_scenes(tmp_path / "a.tif")] == ["series 0", "series 1"]


@pytest.mark.parametrize(("spacing", "expected"), [(-0.5, 0.5), (0.5, 0.5), (None, 1.0)])
def test_the_depth_of_an_imagej_stack(tmp_path, spacing, expected):
    """ImageJ leaves a depth of 1 out, and writes it below 0 where the focus ran downwards."""
    metadata = {"axes": "ZYX", "unit": "micron"} | ({"spacing": spacing} if spacing else {})
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((3, 8, 8), np.uint16), imagej=True, resolution=(10, 10), metadata=metadata)
    image = open_image(path)
    assert image.pixel_size.z == expected
    for name in ("b.ome.zarr", "b.ome.tif", "b.tif"):
        assert open_image(write(image, tmp_path / name)).pixel_size.z == expected


def test_a_single_plane_or_movie_of_imagej_has_no_depth(tmp_path):
    for axes, shape in (("YX", (8, 8)), ("TYX", (3, 8, 8))):
        metadata = {"axes": axes, "unit": "micron"}
        tifffile.imwrite(
            tmp_path / "a.tif", np.zeros(shape, np.uint16), imagej=True, resolution=(10, 10), metadata=metadata
        )
        assert open_image(tmp_path / "a.tif").pixel_size.z is None


@pytest.mark.parametrize("label", ["cells_C{}.tif", "/data/day 1/C{}", "c:{}/2 - exp.nd2 (series 1)", "a{}.ome.tiff"])
def test_labels_that_name_files_are_no_channel_names(tmp_path, label):
    labels = [label.format(c) for c in (1, 2)]
    metadata = {"axes": "CYX", "Labels": labels}
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 8, 8), np.uint8), imagej=True, metadata=metadata)
    image = open_image(tmp_path / "a.tif")
    assert [channel.name for channel in image.channels] == ["", ""]
    assert image.metadata.native["labels"] == labels
    assert [decision.name for decision in infer_groups(image.metadata)] == ["", ""]


def test_a_palette_of_one_colour_shows_grey_values(tmp_path, rng):
    plane = rng.integers(0, 256, (8, 9), np.uint8)
    green = np.zeros((3, 256), np.uint16)
    green[1] = np.arange(256) * 257
    tifffile.imwrite(tmp_path / "a.tif", plane, photometric="palette", colormap=green, metadata=None)
    image = open_image(tmp_path / "a.tif")
    assert (image.shape, image.channels[0].color) == ((1, 1, 1, 8, 9), (0, 255, 0))
    np.testing.assert_array_equal(image.plane(0, 0, 0), plane)


def test_a_palette_of_greys_shows_grey_values(tmp_path, rng):
    """Also an inverted one: the values are what was measured."""
    plane = rng.integers(0, 256, (8, 9), np.uint8)
    inverted = np.tile((np.arange(255, -1, -1) * 257).astype(np.uint16), (3, 1))
    tifffile.imwrite(tmp_path / "a.tif", plane, photometric="palette", colormap=inverted, metadata=None)
    image = open_image(tmp_path / "a.tif")
    assert (image.shape, image.channels[0].color) == ((1, 1, 1, 8, 9), None)
    np.testing.assert_array_equal(image.plane(0, 0, 0), plane)


def test_the_colours_of_any_other_palette_are_what_is_read(tmp_path, rng):
    """An index into a list of colours is no intensity."""
    plane = rng.integers(0, 256, (2, 8, 9), np.uint8)
    palette = rng.integers(0, 65536, (3, 256), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", plane, photometric="palette", colormap=palette, metadata=None)
    image = open_image(tmp_path / "a.tif")
    assert (image.shape, image.rgb, image.dtype) == ((1, 3, 2, 8, 9), True, np.uint8)
    assert [channel.name for channel in image.channels] == ["red", "green", "blue"]
    np.testing.assert_array_equal(np.asarray(image.data)[0], (palette >> 8).astype(np.uint8)[:, plane])
