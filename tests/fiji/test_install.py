"""Installing into an application folder: idempotent, said, undone exactly, never over other people's files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from ruamel.yaml import YAML

from autodip_ij.errors import BadInput
from autodip_ij.fiji.install.bundle import Mode, make_bundle
from autodip_ij.fiji.install.folder import FijiFolder, Manifest, digest
from autodip_ij.fiji.install.install import Action, bundle_for, install, uninstall
from autodip_ij.fiji.install.layout import FORMER_MANIFEST, MANIFEST

REQUIREMENT = "autodip_ij[readers,fiji]==1.2"
# As Fiji ships it (github.com/fiji/fiji, config/environment.yml, 2026), with its comments.
ENVIRONMENT = """\
# Use this file to configure Fiji's primary Python environment.

name: fiji
channels:
  - conda-forge
dependencies:
  - python = 3.12
  - pip
  - pip:
    - pyimagej>=1.7.0 # required! see config/jaunch/fiji.py
    # Niceties:
    - scikit-image
    - ndv[qt]
"""


@pytest.fixture
def fiji(tmp_path: Path) -> FijiFolder:
    root = tmp_path / "my Fiji.app"
    for name in ("jars", "plugins", "macros", "config"):
        (root / name).mkdir(parents=True)
    (root / "config/environment.yml").write_text(ENVIRONMENT)
    return FijiFolder.at(root)


def install_python(folder: FijiFolder, requirement: str = REQUIREMENT, *, dry_run: bool = False) -> list[Any]:
    return install(folder, bundle=make_bundle(Mode.PYTHON), requirement=requirement, dry_run=dry_run)


def contents(folder: FijiFolder) -> dict[str, bytes]:
    return {
        path.relative_to(folder.root).as_posix(): path.read_bytes()
        for path in sorted(folder.root.rglob("*"))
        if path.is_file()
    }


def test_every_script_and_macro_is_installed_where_it_becomes_a_command(fiji: FijiFolder) -> None:
    steps = install(fiji)
    there = contents(fiji)
    # Below plugins each macro would be a command beside those that are.
    assert [path for path in there if path.startswith("plugins/")] == ["plugins/AUTO-DIP/AUTO-DIP_Menu.jar"]
    assert "macros/AUTO-DIP/AUTO-DIP_Denoise_External.ijm" in there
    assert "macros/AUTO-DIP/AUTO-DIP_Batch_Folder.ijm" in there
    assert any(path.startswith("scripts/Plugins/AUTO-DIP/AUTO-DIP_Denoise") for path in there)
    for path, content in bundle_for(fiji).files.items():
        assert there[str(path)] == content
    assert {step.action for step in steps} == {Action.INSTALL}
    assert there["config/environment.yml"] == ENVIRONMENT.encode()


def test_nothing_but_commands_stands_below_scripts(fiji: FijiFolder) -> None:
    install(fiji)
    names = [Path(path).name for path in contents(fiji) if path.startswith("scripts/")]
    assert names
    assert all(name.startswith("AUTO-DIP_") and name.endswith((".py", ".groovy")) for name in names)
    assert len({Path(name).stem for name in names}) == len(names)


def test_installing_again_changes_nothing(fiji: FijiFolder) -> None:
    install(fiji)
    before = contents(fiji)
    steps = install(fiji)
    assert contents(fiji) == before
    assert {step.action for step in steps} == {Action.UNCHANGED}


def test_a_dry_run_prints_the_same_and_does_nothing(fiji: FijiFolder) -> None:
    before = contents(fiji)
    said = install_python(fiji, dry_run=True)
    assert contents(fiji) == before
    assert said == install_python(fiji)
    installed = contents(fiji)
    said = uninstall(fiji, dry_run=True)
    assert contents(fiji) == installed
    assert said == uninstall(fiji)


def test_uninstalling_leaves_the_folder_as_it_was(fiji: FijiFolder) -> None:
    before, folders = contents(fiji), sorted(fiji.root.rglob("*"))
    install_python(fiji)
    uninstall(fiji)
    assert contents(fiji) == before
    assert sorted(fiji.root.rglob("*")) == folders
    with pytest.raises(BadInput, match="not installed"):
        uninstall(fiji)


def test_a_file_of_other_origin_is_refused_before_anything_is_changed(fiji: FijiFolder) -> None:
    foreign = fiji.root / "macros/AUTO-DIP/AUTO-DIP_Denoise_External.ijm"
    foreign.parent.mkdir()
    foreign.write_text("// mine\n")
    before = contents(fiji)
    with pytest.raises(BadInput, match=r"AUTO-DIP_Denoise_External\.ijm; move them away, or use --overwrite"):
        install(fiji)
    assert contents(fiji) == before
    install(fiji, overwrite=True)
    assert foreign.read_text() != "// mine\n"


def test_a_file_changed_since_is_neither_overwritten_nor_removed(fiji: FijiFolder) -> None:
    install(fiji)
    changed = fiji.root / "macros/AUTO-DIP/AUTO-DIP_Denoise_External.ijm"
    changed.write_text(changed.read_text() + "// my own line\n")
    with pytest.raises(BadInput, match="changed since"):
        install(fiji)
    kept = [step.path.name for step in uninstall(fiji) if step.action is Action.KEEP]
    assert kept == [changed.name]
    assert changed.read_text().endswith("// my own line\n")
    assert [path for path in contents(fiji) if "AUTO-DIP" in path] == [f"macros/AUTO-DIP/{changed.name}"]


def test_an_update_replaces_older_files_and_removes_those_that_are_no_more(fiji: FijiFolder) -> None:
    install_python(fiji, "autodip_ij==1.1")
    manifest = Manifest.read(fiji)
    assert manifest is not None
    old, gone = "macros/AUTO-DIP/AUTO-DIP_Denoise_External.ijm", "plugins/AUTO-DIP/AUTO-DIP_Gone.ijm"
    for path in (old, gone):
        (fiji.root / path).write_bytes(b"// version 1.1\n")
        manifest.files[path] = digest(b"// version 1.1\n")
    manifest.write(fiji)
    steps = {str(step.path): step.action for step in install_python(fiji, "autodip_ij==1.2")}
    assert (steps[old], steps[gone], steps["config/environment.yml"]) == (Action.UPDATE, Action.REMOVE, Action.UPDATE)
    assert not (fiji.root / gone).exists()
    text = fiji.environment_file.read_text()
    assert "autodip_ij==1.2" in text
    assert "autodip_ij==1.1" not in text


def test_a_damaged_manifest_is_named(fiji: FijiFolder) -> None:
    install(fiji)
    (fiji.root / MANIFEST).write_text("{")
    with pytest.raises(BadInput, match="damaged"):
        uninstall(fiji)


def test_the_environment_gains_one_pip_line_and_keeps_every_other(fiji: FijiFolder) -> None:
    install_python(fiji)
    text = fiji.environment_file.read_text()
    assert [line for line in text.splitlines() if line not in ENVIRONMENT.splitlines()] == [f"    - {REQUIREMENT}"]
    assert YAML(typ="safe", pure=True).load(text)["dependencies"][-1]["pip"][-1] == REQUIREMENT


def test_a_requirement_that_the_user_wrote_is_left_alone(fiji: FijiFolder) -> None:
    mine = ENVIRONMENT.replace("    - ndv[qt]", "    - Autodip-IJ[readers] >= 0.9  # mine")
    fiji.environment_file.write_text(mine)
    install_python(fiji)
    assert fiji.environment_file.read_text() == mine
    uninstall(fiji)
    assert fiji.environment_file.read_text() == mine


def test_the_line_is_found_again_after_fiji_has_written_the_file_anew(fiji: FijiFolder) -> None:
    install_python(fiji)
    # The dialog Edit > Options > Python... drops comments and sorts its own packages to the end.
    rewritten = "name: fiji\nchannels:\n  - conda-forge\ndependencies:\n  - python = 3.12\n  - pip\n  - pip:\n"
    fiji.environment_file.write_text(f"{rewritten}    - {REQUIREMENT}\n    - pyimagej>=1.7.0\n")
    uninstall(fiji)
    assert fiji.environment_file.read_text() == f"{rewritten}    - pyimagej>=1.7.0\n"


def test_a_fiji_without_environment_file_gets_everything_else_and_a_message(fiji: FijiFolder) -> None:
    fiji.environment_file.unlink()
    last = install_python(fiji)[-1]
    assert last.action is Action.KEEP
    assert REQUIREMENT in last.note
    assert not fiji.environment_file.exists()


def test_an_imagej_alone_gets_the_macros_that_need_no_python(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "ij.jar").touch()
    install(FijiFolder.at(tmp_path))
    names = sorted(path.name for path in tmp_path.rglob("*.*") if path.is_file() and path.name != "ij.jar")
    assert names == ["AUTO-DIP_Denoise_External.ijm", "AUTO-DIP_Denoise_Folder_External.ijm", MANIFEST.name]


def test_python_mode_takes_the_wheel_of_the_bundle(fiji: FijiFolder) -> None:
    install(fiji, bundle=make_bundle(Mode.PYTHON))
    manifest = Manifest.read(fiji)
    assert manifest is not None
    line = YAML(typ="safe", pure=True).load(fiji.environment_file.read_text())["dependencies"][-1]["pip"][-1]
    name, _, address = line.partition(" @ ")
    assert name == "autodip_ij[readers,fiji]"
    assert Path(url2pathname(urlsplit(address).path)) == fiji.root / manifest.wheel
    assert (fiji.root / manifest.wheel).is_file()


def test_changing_the_mode_leaves_one_set_of_commands_and_no_line(fiji: FijiFolder) -> None:
    install_python(fiji)
    assert REQUIREMENT in fiji.environment_file.read_text()
    install(fiji)
    assert fiji.environment_file.read_text() == ENVIRONMENT
    manifest = Manifest.read(fiji)
    assert manifest is not None
    assert (manifest.mode, manifest.environment_lines) == ("java", [])
    assert set(manifest.files) == {str(path) for path in bundle_for(fiji).files}


def test_an_installation_of_an_older_version_is_found_and_updated(fiji: FijiFolder) -> None:
    old = fiji.root / "scripts/Plugins/AUTO-DIP/AUTO-DIP_Gone.py"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"# 0.1\n")
    files = {old.relative_to(fiji.root).as_posix(): digest(b"# 0.1\n")}
    record = {"version": "0.1", "files": files, "folders": ["plugins/AUTO-DIP"], "environment_lines": []}
    (fiji.root / FORMER_MANIFEST).parent.mkdir()
    (fiji.root / FORMER_MANIFEST).write_text(json.dumps(record))
    install(fiji)
    assert not old.exists()
    assert not (fiji.root / FORMER_MANIFEST).exists()
    assert (fiji.root / MANIFEST).is_file()


@pytest.mark.parametrize("path", ["../outside", "/etc/hosts", "lib/../../outside", ""])
def test_a_manifest_that_names_files_outside_the_folder_is_refused(fiji: FijiFolder, path: str) -> None:
    install(fiji)
    written = json.loads((fiji.root / MANIFEST).read_text())
    written["files"][path] = digest(b"")
    (fiji.root / MANIFEST).write_text(json.dumps(written))
    with pytest.raises(BadInput, match="damaged"):
        uninstall(fiji)


@pytest.mark.parametrize("below", ["", "..", "Fiji.sh"])
def test_the_folder_its_parent_or_its_program_name_the_installation(fiji: FijiFolder, below: str) -> None:
    fiji.root.rename(fiji.root.with_name("Fiji.app"))
    root = fiji.root.with_name("Fiji.app")
    (root / "Fiji.sh").touch()
    assert FijiFolder.at(root / below).root == root


def test_a_folder_without_fiji_is_refused_with_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="neither Fiji nor ImageJ"):
        FijiFolder.at(tmp_path)
    with pytest.raises(BadInput, match="no such folder"):
        FijiFolder.at(tmp_path / "nowhere")


def test_the_manifest_lists_what_was_installed_with_hashes(fiji: FijiFolder) -> None:
    import hashlib

    install(fiji)
    written = json.loads((fiji.root / MANIFEST).read_text())
    assert set(written["files"]) == {str(path) for path in bundle_for(fiji).files}
    for path, expected in written["files"].items():
        assert hashlib.sha256((fiji.root / path).read_bytes()).hexdigest() == expected


def as_fiji(root: Path) -> Path:
    for name in ("jars", "plugins"):
        (root / name).mkdir(parents=True)
    return root


@pytest.fixture
def no_fiji(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without Fiji, on a machine without one."""
    monkeypatch.setattr("autodip_ij.fiji.install.folder._usual_bases", lambda: [tmp_path, tmp_path / "Desktop"])
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


@pytest.mark.parametrize("place", ["Fiji", "Fiji.app", "Desktop/Fiji.app", "Desktop/Fiji"])
def test_fiji_is_found_where_people_keep_it(no_fiji: Path, place: str) -> None:
    root = as_fiji(no_fiji / place)
    assert FijiFolder.find() == FijiFolder(root, is_fiji=True)


def test_fiji_is_found_by_its_program(no_fiji: Path) -> None:
    root = as_fiji(no_fiji / "somewhere else" / "Fiji")
    (root / "fiji").write_text("")
    (root / "fiji").chmod(0o755)
    (no_fiji / "bin").mkdir()
    (no_fiji / "bin" / "fiji").symlink_to(root / "fiji")
    assert FijiFolder.find().root == root


def test_no_fiji_and_several_fijis_are_reported(no_fiji: Path) -> None:
    with pytest.raises(BadInput, match=r"no Fiji in the usual places.*--fiji"):
        FijiFolder.find()
    roots = [as_fiji(no_fiji / "Fiji.app"), as_fiji(no_fiji / "Desktop" / "Fiji")]
    with pytest.raises(BadInput, match="more than one Fiji") as caught:
        FijiFolder.find()
    assert all(str(root) in str(caught.value) for root in roots)


@pytest.mark.parametrize("given", ["", "Fiji.app", "Fiji.app/Contents/MacOS", "Fiji.app/Contents/MacOS/fiji-macos"])
def test_the_application_within_the_folder_on_macos_stands_for_the_folder(tmp_path: Path, given: str) -> None:
    root = as_fiji(tmp_path / "Fiji")
    (root / "Fiji.app" / "Contents" / "MacOS").mkdir(parents=True)
    (root / "Fiji.app" / "Contents" / "MacOS" / "fiji-macos").write_text("")
    assert FijiFolder.at(root / given).root == root
    assert FijiFolder.at(tmp_path).root == root
