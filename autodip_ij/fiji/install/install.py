"""Install scripts and macros into a Fiji or ImageJ folder, and remove exactly these again.

A manifest records every installed file with its hash: a file of other origin, or one that has been changed since, is
neither overwritten nor removed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import PurePosixPath

from autodip_ij._support.versions import shipped
from autodip_ij._version import __version__
from autodip_ij.errors import BadInput
from autodip_ij.fiji.install.environment_file import add_requirement, package_line, remove_lines
from autodip_ij.fiji.install.folder import MANIFEST, FijiFolder, Manifest, content_of, delete_file, digest, replace_file

EXTRAS = "readers,fiji"


class Action(StrEnum):
    """Action on one file."""

    INSTALL = "install"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    REMOVE = "remove"
    KEEP = "keep"


@dataclass(frozen=True)
class Step:
    """One file of the application folder and the action on it.

    Attributes
    ----------
    action
        The action.
    path
        Path relative to the folder.
    note
        Reason or details.
    """

    action: Action
    path: PurePosixPath
    note: str = ""

    def __str__(self) -> str:
        """Return the step as a line of output."""
        return f"{self.action:<9} {self.path}{f' ({self.note})' if self.note else ''}"


def shipped_files(folder: FijiFolder) -> dict[PurePosixPath, bytes]:
    """Return the content of every file to install into `folder`, by its path there.

    Scripts become menu commands below ``scripts/Plugins/AUTO-DIP``, and the macros that call the command line become
    menu commands below ``plugins/AUTO-DIP``. The template macros go to ``macros/AUTO-DIP``. A plain ImageJ can run only
    the macros that call the command line.
    """
    files: dict[PurePosixPath, bytes] = {}
    for path in sorted(shipped("macros").glob("*.ijm")):
        external = path.stem.endswith("_External")
        if external or folder.is_fiji:
            place = "plugins" if external else "macros"
            files[PurePosixPath(place, "AUTO-DIP", path.name)] = path.read_bytes()
    if folder.is_fiji:
        root = shipped("fiji_scripts")
        for path in sorted(root.rglob("*.py")):
            files[PurePosixPath("scripts", path.relative_to(root).as_posix())] = path.read_bytes()
    return files


def install(
    folder: FijiFolder, *, requirement: str | None = None, overwrite: bool = False, dry_run: bool = False
) -> list[Step]:
    """Install into or update a folder; repeating it changes nothing.

    Parameters
    ----------
    folder
        A Fiji or a plain ImageJ.
    requirement
        Requirement that pip installs into Fiji's Python environment; by default this package as installed here.
    overwrite
        Replace files of other origin and files changed since their installation.
    dry_run
        Return the steps without changing anything.

    Returns
    -------
    list of Step
        One step per file.

    Raises
    ------
    autodip_ij.errors.BadInput
        If a file of other origin, or one changed since, would be overwritten; nothing is changed then.
    autodip_ij.errors.UnwritableOutput
        If the folder cannot be written.
    """
    old = Manifest.read(folder) or Manifest()
    files = shipped_files(folder)
    steps = [_step(folder, path, content, old, overwrite) for path, content in files.items()]
    foreign = [str(step.path) for step in steps if step.action is Action.KEEP]
    if foreign:
        names = ", ".join(foreign)
        raise BadInput(
            f"{folder.root}: of different origin or changed since: {names}; move them away, or use --overwrite"
        )
    steps += _superseded(folder, files, old)
    manifest = Manifest(files={str(path): digest(content) for path, content in files.items()})
    manifest.files |= {str(step.path): old.files[str(step.path)] for step in steps if step.action is Action.KEEP}
    manifest.folders = sorted({*old.folders, *_missing_folders(folder, [*files, MANIFEST])})
    text, step = _environment(folder, requirement or this_requirement(), old, manifest)
    steps += [step] if step else []
    if not dry_run:
        for path, content in files.items():
            replace_file(folder.root / path, content)
        for superseded in steps:
            if superseded.action is Action.REMOVE:
                delete_file(folder.root / superseded.path)
        if text is not None:
            replace_file(folder.environment_file, text)
        manifest.write(folder)
    return steps


def uninstall(folder: FijiFolder, *, dry_run: bool = False) -> list[Step]:
    """Remove the files that `install` wrote, except those changed since.

    Raises
    ------
    autodip_ij.errors.BadInput
        If nothing is installed in the folder.
    """
    manifest = Manifest.read(folder)
    if manifest is None:
        raise BadInput(f"{folder.root}: autodip_ij is not installed in this folder")
    steps = [_removal(folder, PurePosixPath(path), expected) for path, expected in sorted(manifest.files.items())]
    text = _without_lines(folder, manifest.environment_lines)
    if text is not None:
        place = PurePosixPath(folder.environment_file.relative_to(folder.root).as_posix())
        steps.append(Step(Action.UPDATE, place, f"without '{manifest.environment_lines[-1].strip()}'"))
    if dry_run:
        return steps
    for step in steps:
        if step.action is Action.REMOVE:
            delete_file(folder.root / step.path)
    if text is not None:
        replace_file(folder.environment_file, text)
    delete_file(folder.root / MANIFEST)
    for path in sorted(manifest.folders, reverse=True):
        if (folder.root / path).is_dir() and not any((folder.root / path).iterdir()):
            (folder.root / path).rmdir()
    return steps


def this_requirement() -> str:
    """Return the requirement with which Fiji's environment gets the same autodip_ij as this one.

    It names the clone or address this package was installed from, else its version in a package index.
    """
    name = f"autodip_ij[{EXTRAS}]"
    try:
        origin = json.loads(distribution("autodip_ij").read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        origin = {}
    if "vcs_info" in origin:
        return f"{name} @ {origin['vcs_info']['vcs']}+{origin['url']}@{origin['vcs_info']['commit_id']}"
    return f"{name} @ {origin['url']}" if "url" in origin else f"{name}=={__version__}"


def _step(folder: FijiFolder, path: PurePosixPath, content: bytes, old: Manifest, overwrite: bool) -> Step:
    present = content_of(folder.root / path)
    if present is None:
        return Step(Action.INSTALL, path)
    if present == content:
        return Step(Action.UNCHANGED, path)
    if old.files.get(str(path)) == digest(present):
        return Step(Action.UPDATE, path, f"from version {old.version}")
    return Step(Action.UPDATE, path, "overwritten") if overwrite else Step(Action.KEEP, path)


def _superseded(folder: FijiFolder, files: Iterable[PurePosixPath], old: Manifest) -> list[Step]:
    """Return the removal of files that an older version installed and this one lacks."""
    gone = [path for path in map(PurePosixPath, sorted(old.files)) if path not in set(files)]
    return [_removal(folder, path, old.files[str(path)]) for path in gone if (folder.root / path).exists()]


def _removal(folder: FijiFolder, path: PurePosixPath, expected: str) -> Step:
    present = content_of(folder.root / path)
    if present is None:
        return Step(Action.UNCHANGED, path, "already removed")
    if digest(present) != expected:
        return Step(Action.KEEP, path, "changed since it was installed")
    return Step(Action.REMOVE, path)


def _environment(
    folder: FijiFolder, requirement: str, old: Manifest, manifest: Manifest
) -> tuple[bytes | None, Step | None]:
    """Return the new content of ``environment.yml`` (None: unchanged) and its step; record the added lines."""
    if not folder.is_fiji:
        return None, None
    place = PurePosixPath(folder.environment_file.relative_to(folder.root).as_posix())
    present = content_of(folder.environment_file)
    if present is None:
        return None, Step(
            Action.KEEP, place, f"not found; install {requirement} into Fiji's Python environment by hand"
        )
    before = present.decode("utf-8")
    manifest.environment_lines = old.environment_lines
    at = package_line(before, requirement)
    line = before.splitlines()[at].strip() if at is not None else None
    ours = old.environment_lines[-1].strip() if old.environment_lines else None
    if line is not None and line != ours:
        return None, Step(Action.UNCHANGED, place, f"'{line}' was not added by this installer")
    if line == f"- {requirement}":
        return None, Step(Action.UNCHANGED, place, line)
    text, manifest.environment_lines = add_requirement(remove_lines(before, old.environment_lines), requirement)
    return text.encode("utf-8"), Step(Action.UPDATE, place, f"- {requirement}")


def _without_lines(folder: FijiFolder, added: list[str]) -> bytes | None:
    present = content_of(folder.environment_file)
    if present is None or not added:
        return None
    text = remove_lines(present.decode("utf-8"), added).encode("utf-8")
    return text if text != present else None


def _missing_folders(folder: FijiFolder, files: Sequence[PurePosixPath]) -> list[str]:
    parents = {parent for path in files for parent in path.parents if parent != PurePosixPath(".")}
    return [str(parent) for parent in parents if not (folder.root / parent).is_dir()]
