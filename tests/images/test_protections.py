"""Files made to harm: what they try does not work, and the declared versions are those from which on it does not."""

import json
import pickle
import struct
import tomllib
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import tifffile
from lxml import etree
from packaging.requirements import Requirement
from packaging.version import Version

from autodip_ij.errors import UnreadableFile
from autodip_ij.images import open_image, open_metadata
from autodip_ij.images.reading.open import read_scenes
from autodip_ij.images.reading.tiff_pages import refuse_circular_chain

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"

# Why each: see the comments beside the versions in pyproject.toml.
LEAST = {"lxml": "6.1", "tifffile": "2025.9.30", "zarr": "3.1"}


@pytest.mark.parametrize("package", LEAST)
def test_the_declared_versions_have_the_protections_relied_on(package):
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    (requirement,) = [found for found in map(Requirement, declared) if found.name == package]
    lower = max(Version(clause.version) for clause in requirement.specifier if clause.operator == ">=")
    assert lower >= Version(LEAST[package])
    assert version(package) in requirement.specifier


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret.txt"
    path.write_text("the password is swordfish")
    return path


def hostile_record(secret):
    """A record that asks its reader to paste another file into the name of the image and of its channel."""
    return (
        f'<!DOCTYPE OME [<!ENTITY theirs SYSTEM "{secret.as_uri()}">]><OME xmlns="{NAMESPACE}"><Image ID="Image:0">'
        '<Description>&theirs;</Description><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="5" '
        'SizeY="4" SizeZ="1" SizeC="1" SizeT="1"><Channel ID="Channel:0:0" Name="DAPI"/><TiffData IFD="0"/></Pixels>'
        "</Image></OME>"
    )


def test_records_read_no_other_files(tmp_path, secret):
    record = hostile_record(secret)
    (tmp_path / "a.ome.xml").write_text(record)
    tifffile.imwrite(tmp_path / "a.ome.tif", np.zeros((4, 5), np.uint8), description=record, metadata=None, ome=False)
    for path, call in ((tmp_path / "a.ome.xml", open_metadata), (tmp_path / "a.ome.tif", read_scenes)):
        try:
            found = call(path)
        except UnreadableFile as error:
            found = [str(error)]
        assert "swordfish" not in repr(found) + "".join(getattr(entry, "metadata", entry).__repr__() for entry in found)


def test_no_parser_of_lxml_reads_other_files_by_itself(tmp_path, secret):
    path = tmp_path / "a.xml"
    path.write_text(hostile_record(secret))
    texts = []
    try:
        texts += [element.text or "" for _, element in etree.iterparse(path)]
    except etree.XMLSyntaxError:
        texts.append("refused")
    try:
        texts += [element.text or "" for element in etree.parse(path).iter()]
    except etree.XMLSyntaxError:
        texts.append("refused")
    assert texts
    assert "swordfish" not in "".join(texts)


class Payload:
    """What unpickling runs."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.mark.parametrize(
    "stored",
    [
        {"dtype": "<u2", "compressor": {"id": "pickle", "protocol": 5}, "filters": None},
        {"dtype": "<u2", "compressor": None, "filters": [{"id": "pickle", "protocol": 5}]},
        {"dtype": "|O", "compressor": None, "filters": [{"id": "pickle", "protocol": 5}]},
    ],
    ids=["compressor", "filter", "objects"],
)
def test_an_array_of_python_objects_is_refused_and_runs_nothing(tmp_path, stored):
    mark = tmp_path / "it ran"
    folder = tmp_path / "a.zarr"
    (folder / "0").mkdir(parents=True)
    (folder / ".zgroup").write_text('{"zarr_format": 2}')
    axes = [{"name": name, "type": "space"} for name in "yx"]
    scale = [{"type": "scale", "scale": [1, 1]}]
    multiscale = {"version": "0.4", "axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
    (folder / ".zattrs").write_text(json.dumps({"multiscales": [multiscale]}))
    array = {"zarr_format": 2, "shape": [4, 5], "chunks": [4, 5], "fill_value": 0, "order": "C", **stored}
    (folder / "0" / ".zarray").write_text(json.dumps(array))
    (folder / "0" / "0.0").write_bytes(pickle.dumps(Payload(mark)))
    with pytest.raises(UnreadableFile) as caught:
        open_image(folder).plane(0, 0, 0)
    assert "\n" not in str(caught.value)
    assert not mark.exists()


def chain(path, pages, back):
    """Write `pages` pages, the last followed by page `back`."""
    length = 2 + 9 * 12 + 4
    offsets = [8 + number * (length + 32) for number in range(pages)]
    data = bytearray(struct.pack("<2sHI", b"II", 42, 8))
    for number, offset in enumerate(offsets):
        following = offsets[number + 1] if number + 1 < pages else offsets[back] if back is not None else 0
        tags = [
            (256, 3, 1, 4), (257, 3, 1, 4), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 1),
            (273, 4, 1, offset + length), (277, 3, 1, 1), (278, 3, 1, 4), (279, 4, 1, 32),
        ]  # fmt: skip
        data += struct.pack("<H", 9) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
        data += struct.pack("<I", following) + struct.pack("<H", number) * 16
    path.write_bytes(data)


@pytest.mark.parametrize(("pages", "back"), [(1, 0), (3, 1), (100, 0), (150, 3), (150, 149), (1000, 500)])
def test_a_chain_of_pages_that_runs_in_a_circle_is_refused(tmp_path, pages, back):
    chain(tmp_path / "a.tif", pages, back)
    with pytest.raises(UnreadableFile, match="chain of its pages is circular"):
        open_image(tmp_path / "a.tif")


def test_a_long_chain_is_no_circle(tmp_path):
    chain(tmp_path / "a.tif", 300, None)
    assert open_image(tmp_path / "a.tif").shape == (1, 1, 300, 4, 4)
    for name, options in {"big": {"bigtiff": True}, "motorola": {"byteorder": ">"}, "lsm": {}}.items():
        tifffile.imwrite(
            tmp_path / name, np.zeros((3, 4, 5), np.uint8), metadata=None, photometric="minisblack", **options
        )
        refuse_circular_chain(tmp_path / name)
    (tmp_path / "short").write_bytes(b"II*\0\x08\0\0\0")
    refuse_circular_chain(tmp_path / "short")


def test_a_page_that_grew_by_damage_is_refused_before_it_costs(tmp_path):
    """One bit of the height of a later page: its pieces would be looked for, million by million."""
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        for _ in range(2):
            file.write(np.ones((48, 40), np.uint16), metadata=None)
    with tifffile.TiffFile(path) as file:
        place = file.pages[1].tags["ImageLength"].valueoffset
    data = bytearray(path.read_bytes())
    data[place + 2] = 32
    path.write_bytes(data)
    with pytest.raises(UnreadableFile, match="cannot be read"):
        [scene.plane(0, 0, z) for scene in read_scenes(path) for z in range(scene.shape[2])]


@pytest.mark.parametrize(
    ("name", "value", "refused", "said"),
    [
        ("StripOffsets", 0, True, "where the header is"),
        ("StripOffsets", 500, False, "share bytes"),
        ("StripByteCounts", 0, False, "are empty"),
    ],
)
def test_pixels_that_stand_where_they_cannot_are_reported(tmp_path, caplog, name, value, refused, said):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.ones((48, 40), np.uint16), metadata=None, rowsperstrip=8)
    with tifffile.TiffFile(path) as file:
        tag = file.pages[0].tags[name]
    data = bytearray(path.read_bytes())
    kind = "<I" if tag.dtype.name == "LONG" else "<H"
    struct.pack_into(kind, data, tag.valueoffset + struct.calcsize(kind), value)
    path.write_bytes(data)
    if refused:
        with pytest.raises(UnreadableFile, match=said):
            open_image(path)
    else:
        open_image(path)
        assert said in caplog.text


@pytest.mark.parametrize("strips", [48, 8])
@pytest.mark.parametrize(
    ("name", "value", "reported"),
    [
        ("StripByteCounts", 3000, True),
        ("StripByteCounts", None, False),
        ("ImageLength", 50, True),
        ("ImageLength", 40, True),
        ("ImageWidth", 30, True),
    ],
)
def test_byte_counts_that_do_not_fit_the_size_of_the_image_are_reported(
    tmp_path, caplog, name, value, reported, strips
):
    """The size or the counts are damaged: which, nothing tells."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.ones((48, 40), np.uint16), metadata=None, rowsperstrip=strips)
    with tifffile.TiffFile(path) as file:
        tag = file.pages[0].tags[name]
    if value is not None:
        data = bytearray(path.read_bytes())
        kind = "<I" if tag.dtype.name == "LONG" else "<H"
        struct.pack_into(kind, data, tag.valueoffset, value if strips == 48 or value < 1000 else value // 6)
        path.write_bytes(data)
    try:
        open_image(path)
    except UnreadableFile:
        assert reported
    else:
        assert ("its size may be damaged" in caplog.text) == reported


def test_a_last_strip_may_declare_the_bytes_of_a_whole_one(tmp_path, caplog):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.ones((44, 40), np.uint16), metadata=None, rowsperstrip=8)
    with tifffile.TiffFile(path) as file:
        tag = file.pages[0].tags["StripByteCounts"]
    data = bytearray(path.read_bytes()) + bytes(640)
    kind = "<I" if tag.dtype.name == "LONG" else "<H"
    struct.pack_into(kind, data, tag.valueoffset + 5 * struct.calcsize(kind), 640)
    path.write_bytes(data)
    assert open_image(path).shape == (1, 1, 1, 44, 40)
    assert not caplog.text


def test_an_ome_tiff_without_a_readable_record_is_said_to_be_one(tmp_path, caplog):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, np.ones((2, 8, 9), np.uint16), metadata={"axes": "CYX"})
    data = path.read_bytes()
    path.write_bytes(data.replace(b"</OME>", bytes(6)))
    assert open_image(path).shape == (1, 1, 2, 8, 9)
    assert "no OME record that can be read" in caplog.text
