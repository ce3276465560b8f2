"""Install the bundle into a Fiji or ImageJ folder, and remove exactly this again.

A manifest records every installed file with its hash: a file of other origin, or one that has been changed since, is
neither overwritten nor removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from autodip_ij.errors import BadInput
from autodip_ij.fiji.install.bundle import Bundle, Mode, make_bundle, make_imagej_bundle
from autodip_ij.fiji.install.environment_file import add_requirement, package_line, remove_lines
from autodip_ij.fiji.install.folder import FijiFolder, Manifest, content_of, delete_file, digest, replace_file
from autodip_ij.fiji.install.layout import FORMER_MANIFEST, MANIFEST

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


def bundle_for(folder: FijiFolder, mode: Mode = Mode.JAVA, *, wheel: Path | None = None) -> Bundle:
    """Return what a folder gets: a plain ImageJ only the macros that call the command line."""
    return make_bundle(mode, wheel=wheel) if folder.is_fiji else make_imagej_bundle()


def install(
    folder: FijiFolder,
    *,
    bundle: Bundle | None = None,
    requirement: str | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
) -> list[Step]:
    """Install into or update a folder; repeating it changes nothing.

    Parameters
    ----------
    folder
        A Fiji or a plain ImageJ.
    bundle
        What to install; by default the commands that need no Python mode.
    requirement
        In Python mode: requirement that pip installs into Fiji's environment; by default the bundle's wheel.
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
    bundle = bundle or bundle_for(folder)
    old = Manifest.read(folder) or Manifest()
    files = bundle.files
    steps = [_step(folder, path, content, old, overwrite) for path, content in files.items()]
    foreign = [str(step.path) for step in steps if step.action is Action.KEEP]
    if foreign:
        names = ", ".join(foreign)
        raise BadInput(
            f"{folder.root}: of different origin or changed since: {names}; move them away, or use --overwrite"
        )
    steps += _superseded(folder, files, old)
    manifest = bundle.manifest
    manifest.files |= {str(step.path): old.files[str(step.path)] for step in steps if step.action is Action.KEEP}
    manifest.folders = sorted({*old.folders, *_missing_folders(folder, [*files, MANIFEST])})
    if bundle.mode is Mode.PYTHON:
        text, step = _environment(folder, requirement or requirement_of(folder, manifest), old, manifest)
    else:
        text, step = _without_environment(folder, old)
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
    text, step = _without_environment(folder, manifest)
    steps += [step] if step else []
    if dry_run:
        return steps
    for step in steps:
        if step.action is Action.REMOVE:
            delete_file(folder.root / step.path)
    if text is not None:
        replace_file(folder.environment_file, text)
    delete_file(folder.root / MANIFEST)
    delete_file(folder.root / FORMER_MANIFEST)
    for path in sorted(manifest.folders, reverse=True):
        if (folder.root / path).is_dir() and not any((folder.root / path).iterdir()):
            (folder.root / path).rmdir()
    return steps


def requirement_of(folder: FijiFolder, manifest: Manifest) -> str:
    """Return the requirement with which Fiji's own environment gets the wheel of the bundle."""
    return f"autodip_ij[{EXTRAS}] @ {(folder.root / manifest.wheel).as_uri()}"


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


def _without_environment(folder: FijiFolder, old: Manifest) -> tuple[bytes | None, Step | None]:
    """Return ``environment.yml`` without the lines that an installation added (None: unchanged), and the step."""
    present = content_of(folder.environment_file)
    if present is None or not old.environment_lines:
        return None, None
    text = remove_lines(present.decode("utf-8"), old.environment_lines).encode("utf-8")
    if text == present:
        return None, None
    place = PurePosixPath(folder.environment_file.relative_to(folder.root).as_posix())
    return text, Step(Action.UPDATE, place, f"without '{old.environment_lines[-1].strip()}'")


def _missing_folders(folder: FijiFolder, files: Sequence[PurePosixPath]) -> list[str]:
    parents = {parent for path in files for parent in path.parents if parent != PurePosixPath(".")}
    return [str(parent) for parent in parents if not (folder.root / parent).is_dir()]
