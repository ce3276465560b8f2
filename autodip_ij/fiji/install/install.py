"""Puts scripts and macros into a Fiji or ImageJ folder, and takes exactly these away again.

What was installed stands in a manifest with a hash of every file: a file that someone else put there, or that was
changed since, is neither overwritten nor removed.
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
    """What happens to one file."""

    INSTALL = "install"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    REMOVE = "remove"
    KEEP = "keep"


@dataclass(frozen=True)
class Step:
    """One file of the application folder, and what happens to it.

    Attributes
    ----------
    action
        What happens.
    path
        Relative to the folder.
    note
        Why, or what exactly.
    """

    action: Action
    path: PurePosixPath
    note: str = ""

    def __str__(self) -> str:
        """Return a line for the user."""
        return f"{self.action:<9} {self.path}{f' ({self.note})' if self.note else ''}"


def shipped_files(folder: FijiFolder) -> dict[PurePosixPath, bytes]:
    """Return the content of every file that belongs into `folder`, by its place there.

    Scripts become menu commands below ``scripts/Plugins/AUTO-DIP``; the macros that call the command line become menu
    commands below ``plugins/AUTO-DIP``; the macros to be opened and changed go to ``macros/AUTO-DIP``. An ImageJ alone
    cannot run the first and the last.
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
    """Install or update; doing it again changes nothing.

    Parameters
    ----------
    folder
        A Fiji, or an ImageJ alone.
    requirement
        What pip installs into Fiji's Python environment; by default this package as it is installed here.
    overwrite
        Replace files of other origin, and files that were changed since.
    dry_run
        Only say what would be done.

    Returns
    -------
    list of Step
        One a file.

    Raises
    ------
    autodip_ij.errors.BadInput
        If a file of other origin, or one that was changed since, is in the way; nothing is changed then.
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
            f"{folder.root}: not of this installer, or changed since: {names}; move them away, or --overwrite"
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
    """Remove what `install` put there; files that were changed since are kept.

    Raises
    ------
    autodip_ij.errors.BadInput
        If nothing is installed there.
    """
    manifest = Manifest.read(folder)
    if manifest is None:
        raise BadInput(f"{folder.root}: autodip_ij is not installed here")
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
    """Return the requirement that gives Fiji's environment the same autodip_ij as this one.

    From a clone or an address it is that place; else the version of a package index.
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
    """Return the removal of files that an older version installed and this one has no more."""
    gone = [path for path in map(PurePosixPath, sorted(old.files)) if path not in set(files)]
    return [_removal(folder, path, old.files[str(path)]) for path in gone if (folder.root / path).exists()]


def _removal(folder: FijiFolder, path: PurePosixPath, expected: str) -> Step:
    present = content_of(folder.root / path)
    if present is None:
        return Step(Action.UNCHANGED, path, "is gone already")
    if digest(present) != expected:
        return Step(Action.KEEP, path, "changed since it was installed")
    return Step(Action.REMOVE, path)


def _environment(
    folder: FijiFolder, requirement: str, old: Manifest, manifest: Manifest
) -> tuple[bytes | None, Step | None]:
    """Return the new content of ``environment.yml`` (None: as it is) and its step; notes the added lines."""
    if not folder.is_fiji:
        return None, None
    place = PurePosixPath(folder.environment_file.relative_to(folder.root).as_posix())
    present = content_of(folder.environment_file)
    if present is None:
        return None, Step(
            Action.KEEP, place, f"is not there; install {requirement} into Fiji's Python environment by hand"
        )
    before = present.decode("utf-8")
    manifest.environment_lines = old.environment_lines
    at = package_line(before, requirement)
    line = before.splitlines()[at].strip() if at is not None else None
    ours = old.environment_lines[-1].strip() if old.environment_lines else None
    if line is not None and line != ours:
        return None, Step(Action.UNCHANGED, place, f"'{line}' is yours")
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
