"""Files and folders appear complete or not at all."""

import os

import pytest

from autodip_ij._support.files import write_bytes, write_text, written_whole
from autodip_ij.errors import UnreadableFile, UnwritableOutput


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def fail_in_the_middle(target, error):
    with written_whole(target) as partial:
        partial.write_text("half")
        raise error


def test_a_text_is_written_with_its_folders_and_its_ends_of_lines(tmp_path):
    path = write_text(tmp_path / "a" / "b.csv", "µ\n1\n")
    assert path.read_bytes() == "µ\n1\n".encode()
    assert write_bytes(path, b"new", sync=True).read_bytes() == b"new"
    assert names(path.parent) == ["b.csv"]


@pytest.mark.parametrize("error", [OSError(28, "no space"), UnreadableFile("damaged"), KeyboardInterrupt()])
def test_a_failed_write_leaves_only_the_old_file(tmp_path, error):
    target = write_text(tmp_path / "a.txt", "old")
    expected = UnwritableOutput if type(error) is OSError else type(error)
    with pytest.raises(expected):
        fail_in_the_middle(target, error)
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_folder_replaces_another(tmp_path):
    target = tmp_path / "image.zarr"
    for content in ("old", "new"):
        with written_whole(target) as partial:
            partial.mkdir()
            (partial / content).touch()
    assert names(target) == ["new"]
    assert names(tmp_path) == ["image.zarr"]


def test_the_message_names_what_where_and_why(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UnwritableOutput, match=r"^cannot write the sidecar .*file.a\.json: .+"):
        write_text(tmp_path / "file" / "a.json", "{}", "the sidecar")


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_a_file_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    written = write_text(tmp_path / "whole", "")
    assert written.stat().st_mode == (tmp_path / "plain").stat().st_mode
