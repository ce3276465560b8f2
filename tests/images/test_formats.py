"""A format is one row, one reading module and one module of facts; everything else derives from the row."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from autodip_ij.batch.inputs import find_inputs
from autodip_ij.errors import UnreadableFile
from autodip_ij.groups import infer_groups, load_vocabulary
from autodip_ij.groups.facts import Fact, Kind
from autodip_ij.images import Channel, Image, SourceMetadata, open_image, scene_names, write
from autodip_ij.images.reading import formats
from autodip_ij.images.reading.formats import Flavour, Format, Package
from autodip_ij.images.reading.lazy import lazy_planes
from autodip_ij.images.reading.recognition import is_file_name, sniff, stem_of

from .page import formats_table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "formats.md"
ROW = Format(
    "dummy",
    "Dummyscope",
    (".dummy",),
    "dummy",
    (Flavour("dummy", "its header", facts="dummy", stored="info"),),
    (Package("json", "PSF-2.0"),),
    ((0, (b"DUMMY",)),),
)
PIXELS = np.arange(24, dtype=np.uint8).reshape(4, 6)


def read_scenes(path: Path) -> list[Image]:
    """Read the one scene of a dummy file: a mark, pixels of 4 x 6, a text."""

    def plane(t: int, c: int, z: int) -> np.ndarray:
        return np.frombuffer(path.read_bytes(), np.uint8, 24, 5).reshape(4, 6)

    info = path.read_bytes()[29:].decode()
    metadata = SourceMetadata("dummy", ("DAPI",), native={"info": info}, file_name=path.name)
    data = lazy_planes(plane, (1, 1, 1, 4, 6), np.uint8, path)
    return [Image(data, (Channel("DAPI"),), metadata, name=path.stem, source=path, axes="YX")]


def facts(native: dict[str, Any], channels: int) -> list[Fact]:
    """Return the mode that the text states."""
    return [Fact(Kind.MODE, native["info"], "header", channel) for channel in range(channels)]


@pytest.fixture
def dummy_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of a format that is known by its row and its two modules only."""
    for name, function in (("images.reading", read_scenes), ("groups.extract", facts)):
        module = ModuleType(f"autodip_ij.{name}.dummy")
        setattr(module, function.__name__, function)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(formats, "FORMATS", (*formats.FORMATS, ROW))
    path = tmp_path / "cells.dummy"
    path.write_bytes(b"DUMMY" + PIXELS.tobytes() + b"confocal")
    return path


def test_a_new_format_is_read(dummy_file: Path) -> None:
    np.testing.assert_array_equal(open_image(dummy_file).plane(0, 0, 0), PIXELS)
    assert scene_names(dummy_file) == ["cells"]


def test_a_new_format_is_told_by_name_and_content(dummy_file: Path) -> None:
    assert (sniff(dummy_file), stem_of(dummy_file)) == ("dummy", "cells")
    assert is_file_name("c:1/2 - cells.dummy")
    renamed = dummy_file.rename(dummy_file.with_suffix(".tif"))
    with pytest.raises(UnreadableFile, match=r"contains Dummyscope; rename it to end in \.dummy"):
        open_image(renamed)


def test_a_new_format_is_listed(dummy_file: Path) -> None:
    assert ("Dummyscope", "json", True) in formats.reader_packages()
    assert "Dummyscope" in formats.readable_titles()
    assert "| Dummyscope | `.dummy` | json (PSF-2.0) | its header |" in formats_table()
    assert [entry.path for entry in find_inputs(str(dummy_file.parent)).entries] == [dummy_file]


def test_the_facts_of_a_new_format_give_the_group_also_of_what_is_written(dummy_file: Path) -> None:
    image = open_image(dummy_file)
    written = write(image, dummy_file.with_name("written.ome.tif"))
    for metadata in (image.metadata, open_image(written).metadata):
        assert [decision.group for decision in infer_groups(metadata)] == ["confocal/nucleus"]


def test_the_page_has_the_table_of_the_rows() -> None:
    shown = re.search(r"<!-- formats: begin -->\n(.*)\n<!-- formats: end -->", PAGE.read_text("utf-8"), re.DOTALL)
    assert shown is not None
    assert shown[1] == formats_table(), "put the result of formats_table() there"


@pytest.mark.parametrize("row", formats.FORMATS, ids=lambda row: row.name)
def test_every_row_names_what_there_is(row: Format) -> None:
    assert not row.reader or find_spec(f"autodip_ij.images.reading.{row.reader}") is not None
    assert row.suffixes == tuple(suffix.lower() for suffix in row.suffixes)
    assert row.flavours
    for flavour in row.flavours:
        assert set(flavour.suffixes) <= set(row.suffixes)
        assert not flavour.rule or flavour.rule in load_vocabulary().rules
        assert not flavour.facts or callable(import_module(f"autodip_ij.groups.extract.{flavour.facts}").facts)
