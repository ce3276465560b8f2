"""Images in several OME-TIFF files: whichever file is named, every plane comes from its own file."""

import os

import numpy as np
import pytest
import tifffile

from autodip_ij.batch.inputs import find_inputs
from autodip_ij.errors import UnreadableFile
from autodip_ij.images.reading.open import open_image, read_scenes
from autodip_ij.images.reading.recognition import one_of_each_set, set_members

NAMESPACE = 'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
GREY = (11, 22, 33)


def identifier(number):
    return f"urn:uuid:00000000-0000-0000-0000-{number:012}"


def planes_of(names, identifiers):
    return "".join(
        f'<TiffData FirstT="{t}" IFD="0" PlaneCount="1"><UUID FileName="{name}">{uuid}</UUID></TiffData>'
        for t, (name, uuid) in enumerate(zip(names, identifiers, strict=True))
    )


def record(names, own=None, identifiers=None):
    """Return the record of a movie of three frames, one a file."""
    identifiers = identifiers or [identifier(t) for t in range(3)]
    uuid = f'UUID="{own}"' if own else ""
    return (
        f'<OME {NAMESPACE} {uuid}><Image ID="Image:0" Name="movie"><Pixels DimensionOrder="XYZCT" ID="Pixels:0"'
        f' SizeC="1" SizeT="3" SizeX="9" SizeY="7" SizeZ="1" Type="uint16" PhysicalSizeX="0.25">'
        f'<Channel ID="Channel:0:0" Name="GFP" SamplesPerPixel="1"/>{planes_of(names, identifiers)}</Pixels>'
        "</Image></OME>"
    )


def reference(name, number=1):
    return (
        f'<OME {NAMESPACE} UUID="{identifier(number)}"><BinaryOnly MetadataFile="{name}" UUID="{identifier(0)}"/></OME>'
    )


def put(path, grey, text=None):
    path.parent.mkdir(exist_ok=True)
    plane = np.full((7, 9), grey, np.uint16)
    tifffile.imwrite(path, plane, description=text, metadata=None, ome=False)


NAMES = ["f0.ome.tif", "f1.ome.tif", "f2.ome.tif"]


def record_in_the_first(folder):
    for t, name in enumerate(NAMES):
        put(folder / name, GREY[t], reference("f0.ome.tif", t) if t else record(NAMES, identifier(0)))


def record_in_the_last(folder):
    for t, name in enumerate(NAMES):
        put(folder / name, GREY[t], reference("f2.ome.tif", t) if t < 2 else record(NAMES, identifier(2)))


def record_in_each(folder):
    for t, name in enumerate(NAMES):
        put(folder / name, GREY[t], record(NAMES, identifier(t)))


def one_identifier_in_each(folder):
    """The record of the first file, copied as it is into the others."""
    for t, name in enumerate(NAMES):
        put(folder / name, GREY[t], record(NAMES, identifier(0)))


def no_identifier(folder):
    for t, name in enumerate(NAMES):
        put(folder / name, GREY[t], record(NAMES))


def equal_identifiers(folder):
    for t, name in enumerate(NAMES):
        put(folder / name, GREY[t], record(NAMES, identifier(0), [identifier(0)] * 3))


def companion(folder):
    (folder / "movie.companion.ome").write_text(record(NAMES, identifier(9)))
    for t, name in enumerate(NAMES):
        put(folder / name, GREY[t], reference("movie.companion.ome", t))


def companion_that_only_it_knows(folder):
    (folder / "movie.companion.ome").write_text(record(NAMES, identifier(9)))
    for t, name in enumerate(NAMES):
        put(folder / name, GREY[t])


SETS = [
    record_in_the_first,
    record_in_the_last,
    record_in_each,
    one_identifier_in_each,
    no_identifier,
    equal_identifiers,
    companion,
    companion_that_only_it_knows,
]


@pytest.mark.parametrize("make", SETS)
@pytest.mark.parametrize("named", NAMES)
def test_every_plane_comes_from_its_own_file_whichever_is_named(tmp_path, make, named):
    make(tmp_path)
    image = open_image(tmp_path / named)
    assert image.shape == (3, 1, 1, 7, 9)
    assert [int(image.plane(t, 0, 0).max()) for t in range(3)] == list(GREY)
    assert [int(image.plane(t, 0, 0).min()) for t in range(3)] == list(GREY)
    assert (image.channels[0].name, image.pixel_size.x, image.metadata.file_name) == ("GFP", 0.25, named)


@pytest.mark.parametrize("make", SETS)
def test_a_set_is_one_input_of_a_batch(tmp_path, make):
    make(tmp_path)
    put(tmp_path / "alone.tif", 5)
    found = [entry.relative.name for entry in find_inputs(tmp_path).entries]
    assert sorted(found)[0] == "alone.tif"
    assert len(found) == 2
    assert len({path.name for path in set_members(tmp_path / "f1.ome.tif")} & set(NAMES)) == 3


def test_the_file_with_the_record_stands_for_the_set(tmp_path):
    record_in_the_last(tmp_path)
    assert one_of_each_set([tmp_path / name for name in NAMES]) == [tmp_path / "f2.ome.tif"]
    # ... where it is among those asked for
    assert one_of_each_set([tmp_path / name for name in NAMES[:2]]) == [tmp_path / "f0.ome.tif"]


def test_a_list_that_names_every_file_of_a_set_means_one_image(tmp_path):
    record_in_the_first(tmp_path)
    (tmp_path / "list.txt").write_text("\n".join(NAMES))
    assert [entry.path.name for entry in find_inputs(tmp_path / "list.txt").entries] == ["f0.ome.tif"]
    (tmp_path / "list.csv").write_text(
        "file,channel\n" + "\n".join(f"{name},0" for name in NAMES) + "\nf1.ome.tif,GFP\n"
    )
    assert [(e.path.name, e.settings["channel"]) for e in find_inputs(tmp_path / "list.csv").entries] == [
        ("f0.ome.tif", "0"),
        ("f1.ome.tif", "GFP"),
    ]


@pytest.mark.parametrize("prefix", ["", "../"])
@pytest.mark.parametrize("names", [NAMES, [f"tiles/{name}" for name in NAMES]], ids=["bare", "below"])
@pytest.mark.parametrize("home", ["all.companion.ome", "all.ome.tif"])
def test_a_record_in_the_parent_folder_is_found(tmp_path, prefix, names, home):
    """The record names its files as they lie below it, or just by their names."""
    for t, name in enumerate(NAMES):
        put(tmp_path / "tiles" / name, GREY[t], reference(f"{prefix}{home}", t))
    if home.endswith(".tif"):
        put(tmp_path / home, 0, record(names, identifier(9)))
    else:
        (tmp_path / home).write_text(record(names, identifier(9)))
    for named in NAMES:
        image = open_image(tmp_path / "tiles" / named)
        assert [int(image.plane(t, 0, 0).max()) for t in range(3)] == list(GREY)
    assert len(find_inputs(tmp_path).entries) == 1
    assert len(find_inputs(tmp_path / "tiles").entries) == 1


def test_files_in_folders_beside_each_other_are_found(tmp_path):
    """Every file has the record, which names all of them as they lie below the parent folder."""
    names = [f"time {t}/{name}" for t, name in enumerate(NAMES)]
    for t, name in enumerate(names):
        put(tmp_path / name, GREY[t], record(names, identifier(t)))
    for name in names:
        image = open_image(tmp_path / name)
        assert [int(image.plane(t, 0, 0).max()) for t in range(3)] == list(GREY)
    assert len(find_inputs(tmp_path).entries) == 1


def test_several_images_of_one_record_come_from_their_own_files(tmp_path):
    """Every file holds one image and the record of all."""
    images = "".join(
        f'<Image ID="Image:{i}" Name="site {i}"><Pixels DimensionOrder="XYZCT" ID="Pixels:{i}" SizeC="1" SizeT="1" '
        f'SizeX="9" SizeY="7" SizeZ="1" Type="uint16"><Channel ID="Channel:{i}:0" Name="dye {i}" SamplesPerPixel="1"/>'
        f'<TiffData IFD="0" PlaneCount="1"><UUID FileName="{name}">{identifier(i)}</UUID></TiffData></Pixels></Image>'
        for i, name in enumerate(NAMES)
    )
    for i, name in enumerate(NAMES):
        put(tmp_path / name, GREY[i], f'<OME {NAMESPACE} UUID="{identifier(i)}">{images}</OME>')
    for named in NAMES:
        scenes = read_scenes(tmp_path / named)
        assert [(scene.name, scene.channels[0].name) for scene in scenes] == [
            (f"site {i}", f"dye {i}") for i in range(3)
        ]
        assert [int(scene.plane(0, 0, 0).max()) for scene in scenes] == list(GREY)
    assert len(find_inputs(tmp_path).entries) == 1


def test_a_renamed_or_cropped_copy_is_read_as_itself(tmp_path):
    """The record still names the file it was copied from, which may lie beside it."""
    text = record(NAMES[:1], identifier(0), [identifier(0)]).replace('SizeT="3"', 'SizeT="1"')
    put(tmp_path / "f0.ome.tif", 11, text)
    put(tmp_path / "copy.ome.tif", 44, text)
    assert open_image(tmp_path / "copy.ome.tif").plane(0, 0, 0).max() == 44
    assert len(find_inputs(tmp_path).entries) == 2


def test_a_renamed_member_of_a_set_is_known_by_its_identifier(tmp_path):
    record_in_the_first(tmp_path)
    (tmp_path / "f1.ome.tif").rename(tmp_path / "second.ome.tif")
    image = open_image(tmp_path / "second.ome.tif")
    assert [int(image.plane(t, 0, 0).max()) for t in range(3)] == list(GREY)


def refusal(path):
    with pytest.raises(UnreadableFile) as caught:
        open_image(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_that_its_record_does_not_name_is_refused(tmp_path):
    record_in_the_first(tmp_path)
    put(tmp_path / "other.ome.tif", 77, reference("f0.ome.tif", 7))
    assert "refers to the record in f0.ome.tif, which does not name it" in refusal(tmp_path / "other.ome.tif")


def test_a_missing_record_is_named(tmp_path):
    put(tmp_path / "f1.ome.tif", 22, reference("f0.ome.tif"))
    assert "its metadata are in f0.ome.tif; put that file beside it" in refusal(tmp_path / "f1.ome.tif")


@pytest.mark.parametrize(
    "where", ["{}/secret.ome.tif", "../../secret.ome.tif", "a/../../../secret.ome.tif", "C:\\a.ome.tif"]
)
def test_a_record_may_not_lead_out_of_its_folder(tmp_path, where):
    """Files of the same folder, below it, or of the parent are opened, whatever else a record names."""
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    put(tmp_path / "secret.ome.tif", 99, record(NAMES, identifier(0)))
    where = where.format(tmp_path)
    put(folder / "by_record.ome.tif", 1, record(["by_record.ome.tif", where, where]))
    put(folder / "by_reference.ome.tif", 1, reference(where))
    for name in ("by_record.ome.tif", "by_reference.ome.tif"):
        assert "only files in its own folder, below it, or in the parent folder are opened" in refusal(folder / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("linked", [False, True])
def test_a_pipe_is_never_opened(tmp_path, linked):
    pipe = tmp_path / "f2.ome.tif"
    os.mkfifo(tmp_path / "pipe")
    if linked:
        pipe.symlink_to(tmp_path / "pipe")
    else:
        (tmp_path / "pipe").rename(pipe)
    put(tmp_path / "f0.ome.tif", 11, record(NAMES, identifier(0)))
    put(tmp_path / "f1.ome.tif", 22, reference("f2.ome.tif"))
    assert "is a named pipe, not a file" in refusal(pipe)
    assert "names f2.ome.tif, which is a named pipe" in refusal(tmp_path / "f0.ome.tif")
    assert "names f2.ome.tif, which is a named pipe" in refusal(tmp_path / "f1.ome.tif")
    assert "is a device, not a file" in refusal("/dev/zero")


def micromanager(path, places, grey, shape=(1, 1, 1, 1)):
    """Write a Micro-Manager stack file: its index names (channel, slice, frame, position) of every page."""
    import json
    import struct

    frames, positions, slices, channels = shape
    summary = {
        "MicroManagerVersion": "2.0.1",
        "Prefix": "run",
        "Frames": frames,
        "Positions": positions,
        "Slices": slices,
        "Channels": channels,
        "TimeFirst": True,
        "SlicesFirst": False,
        "ChNames": ["DAPI", "GFP"][:channels],
    }
    pages = [np.full((8, 10), value, np.uint16) for value in grey]
    text = json.dumps(summary).encode()
    head = 40 + len(text) + 8 + 20 * len(pages)
    head += head % 2
    body, offsets = b"", []
    for number, page in enumerate(pages):
        # Directory of 162 bytes, then the pixels, as Micro-Manager lays them out.
        at = head + len(body)
        offsets.append(at)
        tags = [
            (256, 3, 1, 10), (257, 3, 1, 8), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, at + 162),
            (277, 3, 1, 1), (278, 3, 1, 8), (279, 4, 1, page.nbytes), (51123, 2, 8, at + 140),
        ]  # fmt: skip
        following = at + 162 + page.nbytes if number + 1 < len(pages) else 0
        directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
        directory = (directory + struct.pack("<I", following)).ljust(140, b"\0") + b"{}".ljust(22, b" ")
        body += directory + page.tobytes()
    index = b"".join(struct.pack("<5I", *place, at) for place, at in zip(places, offsets, strict=True))
    header = struct.pack("<2sHI", b"II", 42, head)
    header += struct.pack("<8I", 54773648, 40 + len(text), 483765892, 0, 99384722, 0, 2355492, len(text)) + text
    header += struct.pack("<2I", 3453623, len(pages)) + index
    path.write_bytes(header.ljust(head, b"\0") + body)


def test_a_micromanager_set_is_read_and_named_once(tmp_path):
    """Two positions of two channels, one position a file."""
    for position in range(2):
        grey = (10 * position + 1, 10 * position + 2)
        places = [(channel, 0, 0, position) for channel in range(2)]
        micromanager(tmp_path / f"run_MMStack_Pos{position}.tif", places, grey, (1, 2, 1, 2))
    for position in range(2):
        scenes = read_scenes(tmp_path / f"run_MMStack_Pos{position}.tif")
        found = [[int(scene.plane(0, c, 0).max()) for c in range(2)] for scene in scenes]
        assert found == [[1, 2], [11, 12]]
    assert len(find_inputs(tmp_path).entries) == 1
