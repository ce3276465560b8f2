"""Which files a batch finds."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from autodip_ij.batch import find_inputs
from autodip_ij.errors import BadInput, UnreadableFile

MakeTiff = Callable[..., Path]


def names(source: object) -> list[str]:
    return [entry.relative.as_posix() for entry in find_inputs(str(source)).entries]


def test_a_folder_is_searched_with_its_sub_folders_and_other_files_are_left_out(
    tmp_path: Path, make_tiff: MakeTiff
) -> None:
    for name in ("b.tif", "day 1/ä.tif", "day 1/deep/c.ome.tiff"):
        make_tiff(tmp_path / name)
    (tmp_path / "notes.docx").write_text("x")
    (tmp_path / "._b.tif").write_text("a resource fork of macOS")
    make_tiff(tmp_path / ".trash" / "old.tif")
    assert names(tmp_path) == ["b.tif", "day 1/ä.tif", "day 1/deep/c.ome.tiff"]


def test_an_ome_zarr_folder_is_one_image_and_not_searched(tmp_path: Path, make_tiff: MakeTiff) -> None:
    make_tiff(tmp_path / "cells.ome.zarr" / "0" / "looks-like.tif")
    make_tiff(tmp_path / "cells.tif")
    assert names(tmp_path) == ["cells.ome.zarr", "cells.tif"]
    assert names(tmp_path / "cells.ome.zarr") == ["cells.ome.zarr"]


def test_the_planes_beside_an_oif_file_are_part_of_it(tmp_path: Path, make_tiff: MakeTiff) -> None:
    (tmp_path / "cells.oif").write_bytes(b"\xff\xfe[\0")
    make_tiff(tmp_path / "cells.oif.files" / "s_C001.tif")
    assert names(tmp_path) == ["cells.oif"]


def test_a_folder_named_like_an_image_is_searched(tmp_path: Path, make_tiff: MakeTiff) -> None:
    make_tiff(tmp_path / "series.tif" / "a.tif")
    assert names(tmp_path) == ["series.tif/a.tif"]


def test_results_of_autodip_are_not_denoised_again(tmp_path: Path, make_tiff: MakeTiff) -> None:
    make_tiff(tmp_path / "a.tif")
    make_tiff(tmp_path / "a_autodip.ome.tif")
    (tmp_path / "a_autodip.ome.tif.autodip.json").write_text("{}")
    found = find_inputs(tmp_path)
    assert [entry.relative.name for entry in found.entries] == ["a.tif"]
    assert [path.name for path in found.results] == ["a_autodip.ome.tif"]


@pytest.mark.skipif(os.name == "nt", reason="making links needs rights on Windows")
def test_linked_folders_are_followed_and_a_circle_ends(tmp_path: Path, make_tiff: MakeTiff) -> None:
    make_tiff(tmp_path / "elsewhere" / "a.tif")
    root = tmp_path / "in"
    root.mkdir()
    (root / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "circle").symlink_to(root)
    assert names(root) == ["link/a.tif"]


def test_a_pattern_chooses_and_its_fixed_part_is_the_root(tmp_path: Path, make_tiff: MakeTiff) -> None:
    for name in ("raw/a.tif", "raw/b.tif", "raw/day 1/a.tif", "raw/day 1/c.ome.tif"):
        make_tiff(tmp_path / name)
    assert names(tmp_path / "raw/*.tif") == ["a.tif", "b.tif"]
    assert names(tmp_path / "raw/**/a.tif") == ["a.tif", "day 1/a.tif"]
    assert find_inputs(str(tmp_path / "raw/*/*.tif")).root == tmp_path / "raw"


def test_a_list_names_files_relative_to_itself_in_its_own_order(tmp_path: Path, make_tiff: MakeTiff) -> None:
    for name in ("data/b.tif", "data/sub/ä b.tif"):
        make_tiff(tmp_path / name)
    listing = tmp_path / "list.txt"
    listing.write_text("# the good ones\ndata/sub/ä b.tif\n\ndata/b.tif\ndata/b.tif\n", encoding="utf-8")
    assert names(listing) == ["sub/ä b.tif", "b.tif"]
    assert find_inputs(listing).root == tmp_path / "data"


def test_a_table_gives_settings_to_single_files(tmp_path: Path, make_tiff: MakeTiff) -> None:
    for name in ("a.tif", "b.tif"):
        make_tiff(tmp_path / name)
    table = tmp_path / "files.csv"
    table.write_text("\ufefffile,group\na.tif,confocal/actin\nb.tif,\n", encoding="utf-8")
    assert [dict(entry.settings) for entry in find_inputs(table).entries] == [{"group": "confocal/actin"}, {}]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("list.txt", "# nothing\n", "lists no files"),
        ("list.txt", "missing.tif\n", "does not exist"),
        ("list.txt", "list.txt\n", "not a readable image"),
        ("files.csv", "path,group\na.tif,all\n", "no column 'file'"),
        ("files.csv", "file,group\na.tif,all,more\n", "more values than columns"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_with_the_reason(
    tmp_path: Path, make_tiff: MakeTiff, name: str, content: str, message: str
) -> None:
    make_tiff(tmp_path / "a.tif")
    (tmp_path / name).write_text(content)
    with pytest.raises(BadInput, match=message):
        find_inputs(tmp_path / name)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="no such folder, file, list or pattern"):
        find_inputs(tmp_path / "nowhere")
    with pytest.raises(BadInput, match="no readable image"):
        find_inputs(tmp_path)
    with pytest.raises(BadInput, match="no readable image"):
        find_inputs(str(tmp_path / "*.czi"))


def test_a_table_of_a_spreadsheet_may_have_semicolons(tmp_path: Path) -> None:
    for name in ("a.tif", "b;c.tif"):
        (tmp_path / name).touch()
    (tmp_path / "list.csv").write_text('file;group;channel\na.tif;confocal/actin;0,1\n"b;c.tif";;\n')
    found = find_inputs(tmp_path / "list.csv").entries
    assert [(entry.path.name, dict(entry.settings)) for entry in found] == [
        ("a.tif", {"group": "confocal/actin", "channel": "0,1"}),
        ("b;c.tif", {}),
    ]
