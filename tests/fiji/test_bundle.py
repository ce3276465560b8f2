"""The bundle: unpacked it is an installation, an update site can carry each file, and removal takes exactly it away."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_string
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement

from autodip_ij._version import __version__
from autodip_ij.cli import app as cli
from autodip_ij.errors import BadInput
from autodip_ij.fiji.install.bundle import Mode, make_bundle, write_bundle
from autodip_ij.fiji.install.environments import VARIANTS
from autodip_ij.fiji.install.folder import FijiFolder, Manifest, digest
from autodip_ij.fiji.install.install import install, uninstall
from autodip_ij.fiji.install.layout import MANIFEST, SCRIPTS, is_uploaded
from autodip_ij.fiji.install.wheel import own_wheel, wheel_name

ROOT = Path(__file__).resolve().parents[2]


def empty_fiji(root: Path) -> FijiFolder:
    for name in ("jars", "plugins", "macros", "scripts", "lib"):
        (root / name).mkdir(parents=True)
    return FijiFolder.at(root)


def contents(folder: FijiFolder) -> dict[str, bytes]:
    found = (path for path in sorted(folder.root.rglob("*")) if path.is_file())
    return {path.relative_to(folder.root).as_posix(): path.read_bytes() for path in found}


@pytest.mark.parametrize("mode", list(Mode))
def test_an_update_site_can_carry_every_file(mode: Mode) -> None:
    paths = [*make_bundle(mode).files, MANIFEST]
    assert [str(path) for path in paths if not is_uploaded(path)] == []
    # On Windows and macOS two names that differ in case only are one file.
    assert len({str(path).lower() for path in paths}) == len(paths)


@pytest.mark.parametrize(
    ("path", "carried"),
    [
        ("scripts/Plugins/AUTO-DIP/AUTO-DIP_Denoise....groovy", True),
        ("scripts/Plugins/AUTO-DIP/pyproject.toml", False),
        ("plugins/AUTO-DIP/autodip-install.json", False),
        ("macros/AUTO-DIP/a.ijm", True),
        ("macros/AUTO-DIP/a.py", False),
        ("lib/AUTO-DIP/autodip_ij-1.0-py3-none-any.whl", True),
        ("lib/AUTO-DIP/.python-version", False),
        ("lib/AUTO-DIP/a.older", False),
        ("lib/linux64/libx.so", False),  # would be installed on Linux only
        ("docs/fiji.md", False),
    ],
)
def test_what_the_updater_of_fiji_uploads(path: str, carried: bool) -> None:
    assert is_uploaded(PurePosixPath(path)) is carried


def test_the_unpacked_zip_is_the_installation_and_is_removed_exactly(tmp_path: Path) -> None:
    by_zip, by_command = empty_fiji(tmp_path / "zip" / "Fiji"), empty_fiji(tmp_path / "command" / "Fiji (1) ü")
    before = sorted(path for path in by_zip.root.rglob("*"))
    made = write_bundle(make_bundle(), tmp_path, as_zip=True)
    assert made.name == f"AUTO-DIP-Fiji-{__version__}.zip"
    zipfile.ZipFile(made).extractall(by_zip.root)
    install(by_command)
    unpacked, installed = contents(by_zip), contents(by_command)
    assert {path: text for path, text in unpacked.items() if path != str(MANIFEST)} == {
        path: text for path, text in installed.items() if path != str(MANIFEST)
    }
    written = json.loads(unpacked[str(MANIFEST)])
    assert written["files"] == {path: digest(content) for path, content in unpacked.items() if path != str(MANIFEST)}
    assert written["wheel"] in unpacked
    assert all(entry["uv"] in unpacked for entry in written["environments"].values())
    assert {step.action.value for step in install(by_zip)} == {"unchanged"}
    uninstall(by_zip)
    assert sorted(path for path in by_zip.root.rglob("*")) == before


def test_a_changed_file_of_an_unpacked_zip_is_kept_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTODIP_ENVIRONMENT", str(tmp_path / "environment"))
    fiji = empty_fiji(tmp_path / "Fiji")
    assert cli.run(["fiji", "bundle", str(tmp_path / "out.zip"), "--zip"]) == 0
    zipfile.ZipFile(tmp_path / "out.zip").extractall(fiji.root)
    changed = fiji.root / "macros/AUTO-DIP/AUTO-DIP_Batch_Folder.ijm"
    changed.write_text("// mine\n")
    (tmp_path / "environment").mkdir()
    assert cli.run(["fiji", "remove", "--fiji", str(fiji.root)]) == 0
    said = capsys.readouterr().out
    assert "keep      macros/AUTO-DIP/AUTO-DIP_Batch_Folder.ijm (changed since" in said
    assert f"keep      {tmp_path / 'environment'} (for other Fijis" in said
    assert list(contents(fiji)) == ["macros/AUTO-DIP/AUTO-DIP_Batch_Folder.ijm"]


def test_a_folder_with_files_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(BadInput, match="not empty"):
        write_bundle(make_bundle(), tmp_path)
    assert write_bundle(make_bundle(), tmp_path / "new") == tmp_path / "new"
    assert (tmp_path / "new" / MANIFEST).is_file()


def test_each_mode_has_every_command_once() -> None:
    stems = {}
    for mode in Mode:
        names = [path for path in make_bundle(mode).files if path.is_relative_to(SCRIPTS)]
        stems[mode] = {path.stem for path in names}
        assert len(stems[mode]) == len(names)
        assert len({path.suffix for path in names}) == 1
    assert stems[Mode.PYTHON] <= stems[Mode.JAVA]
    assert stems[Mode.JAVA] - stems[Mode.PYTHON] <= {"AUTO-DIP_Set_Up..."}


def test_the_wheel_installs_and_runs_on_its_own(tmp_path: Path) -> None:
    name, content = own_wheel()
    (tmp_path / name).write_bytes(content)
    where = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run([*command, "--target", str(where), str(tmp_path / name)], check=True, timeout=120)
    code = "import autodip_ij; from autodip_ij._support.versions import shipped; print(shipped('fiji_scripts'))"
    made = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(where), "PATH": ""},
        text=True,
        timeout=60,
        stdout=subprocess.PIPE,
        check=True,
    )
    assert Path(made.stdout.strip()).is_relative_to(where)
    for folder in ("calibration", "fiji_java", "fiji_scripts", "macros"):
        shipped = {path.relative_to(ROOT / folder) for path in (ROOT / folder).rglob("*") if path.is_file()}
        there = where / "autodip_ij/_shipped" / folder
        assert {path.relative_to(there) for path in there.rglob("*") if path.is_file()} == shipped


def test_the_wheel_tells_what_pyproject_requires() -> None:
    import io

    entries = zipfile.ZipFile(io.BytesIO(own_wheel()[1]))
    info = f"autodip_ij-{__version__}.dist-info"
    said = message_from_string(entries.read(f"{info}/METADATA").decode())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = [Requirement(text) for text in said.get_all("Requires-Dist", [])]
    assert [str(entry) for entry in required if entry.marker is None] == [
        str(Requirement(text)) for text in project["dependencies"]
    ]
    extras = project["optional-dependencies"]
    assert said.get_all("Provides-Extra") == list(extras)
    for extra, texts in extras.items():
        chosen = {entry.name for entry in required if entry.marker and entry.marker.evaluate({"extra": extra})}
        assert chosen == {Requirement(text).name for text in texts}
    upstream = entries.read(f"{info}/licenses/calibration/paper/LICENSE")
    assert b"IPMI @ UKE" in upstream  # the notice of the published tables travels with them
    assert f"{info}/licenses/LICENSE" in entries.namelist()
    assert own_wheel.__wrapped__()[1] == own_wheel()[1]  # equal contents, equal bytes


def test_only_a_wheel_of_this_version_is_accepted(tmp_path: Path) -> None:
    other = tmp_path / wheel_name("0.0.1")
    other.write_bytes(own_wheel()[1])
    with pytest.raises(BadInput, match="not the wheel of this version"):
        make_bundle(wheel=other)
    (tmp_path / wheel_name()).write_text("x")
    with pytest.raises(BadInput, match="not a wheel"):
        make_bundle(wheel=tmp_path / wheel_name())


@pytest.mark.parametrize("variant", VARIANTS)
def test_torch_comes_from_its_own_index_and_nothing_else_does(variant: str) -> None:
    files = {str(path): text.decode() for path, text in make_bundle().files.items() if path.suffix == ".toml"}
    place = f"lib/AUTO-DIP/environments/{variant}"
    uv, pixi = tomllib.loads(files[f"{place}/pyproject.toml"]), tomllib.loads(files[f"{place}/pixi.toml"])
    sources = uv["tool"]["uv"]["sources"]
    assert (
        sources.pop("autodip_ij") == {"path": wheel_name()} == {"path": pixi["pypi-dependencies"]["autodip_ij"]["path"]}
    )
    assert set(sources) == ({"torch", "torchvision"} if VARIANTS[variant].torch else set())
    # In uv, a source counts for direct dependencies only.
    assert set(sources) <= {Requirement(text).name for text in uv["project"]["dependencies"]}
    assert all(index["explicit"] for index in uv["tool"]["uv"].get("index", []))
    indexes = {
        entry["index"] for target in pixi.get("target", {}).values() for entry in target["pypi-dependencies"].values()
    }
    assert indexes == {index["url"] for index in uv["tool"]["uv"].get("index", [])}


def test_a_build_without_a_network_names_no_index_and_the_wheel_of_the_bundle() -> None:
    bundle = make_bundle()
    text = bundle.files[PurePosixPath(bundle.manifest.environments["offline"]["uv"])].decode()
    requirements = [Requirement(line) for line in text.splitlines()]
    assert [entry.name for entry in requirements] == ["autodip_ij", "appose"]
    assert wheel_name(next(iter(requirements[0].specifier)).version) in bundle.manifest.wheel


def test_the_manifest_names_sizes_and_times() -> None:
    environments = make_bundle().manifest.environments
    for entry in (environments[name] for name in VARIANTS):
        assert 0 < entry["download_gb"] < entry["disk_gb"] < 10
        assert entry["minutes"] >= 1
    assert Manifest().environments == {}
