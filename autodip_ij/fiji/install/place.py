"""The environment of the worker on this computer: where it lies, whether it is complete, whether it is being built.

Fiji's command *AUTO-DIP Set Up...* builds it through Appose; what it writes is read here, by `autodip fiji doctor`.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from autodip_ij.errors import BadInput, UnwritableOutput
from autodip_ij.fiji.install.folder import Manifest

STATE = "autodip-environment.json"
"""File that is written last, once the worker has answered: an environment without it is incomplete."""
_NAME = "autodip"
_PROGRAMS = (
    ".venv/bin/python",
    ".venv/Scripts/python.exe",
    ".pixi/envs/default/bin/python",
    ".pixi/envs/default/python.exe",
    "bin/python",
    "Scripts/python.exe",
)
"""Programs of an environment by uv, by pixi, and by uv from requirements, as without a network."""


@dataclass(frozen=True)
class Environment:
    """The folder of the worker's environment.

    Attributes
    ----------
    folder
        Its folder, which need not exist.
    """

    folder: Path

    @classmethod
    def find(cls) -> Environment:
        """Return the environment that Fiji uses on this computer.

        It is named by ``AUTODIP_ENVIRONMENT``, else by the first line of ``autodip.path`` in Appose's folder of
        environments (where *Set Up* notes a folder chosen by the user), else it is the folder ``autodip`` there.
        """
        if given := os.environ.get("AUTODIP_ENVIRONMENT"):
            return cls(Path(given))
        base = _base()
        with suppress(OSError, UnicodeDecodeError):
            lines = (base / f"{_NAME}.path").read_text(encoding="utf-8").splitlines()
            if lines and lines[0].strip():
                return cls(Path(lines[0].strip()))
        return cls(base / _NAME)

    @property
    def lock(self) -> Path:
        """The file that a Fiji locks while it builds the environment."""
        return self.folder.with_name(f"{self.folder.name}.lock")

    def python(self) -> Path | None:
        """Return its Python program; None if there is none."""
        return next((at for program in _PROGRAMS if (at := self.folder / program).is_file()), None)

    def state(self) -> dict[str, str] | None:
        """Return what *Set Up* noted of the complete environment: version, variant, builder; None if incomplete."""
        try:
            noted = json.loads((self.folder / STATE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return {str(key): str(value) for key, value in noted.items()} if isinstance(noted, dict) else None

    def is_being_built(self) -> bool:
        """Return whether a process holds the lock."""
        try:
            with self.lock.open("r+b") as file:
                return not _can_lock(file)
        except OSError:
            return False

    def remove(self) -> None:
        """Delete the folder, the note of where it lies, and the compiled commands of Fiji.

        Raises
        ------
        autodip_ij.errors.BadInput
            If *Set Up* did not complete an environment there, or is building it.
        autodip_ij.errors.UnwritableOutput
            If something in it cannot be deleted, as on Windows while a worker runs.
        """
        if self.is_being_built():
            raise BadInput(f"{self.folder}: a Fiji is building this environment")
        if self.state() is None:
            raise BadInput(f"{self.folder}: not an environment that Set Up completed; delete it by hand")
        try:
            shutil.rmtree(self.folder)
            self.lock.unlink(missing_ok=True)
            shutil.rmtree(_base() / f"{_NAME}-classes", ignore_errors=True)
            noted = _base() / f"{_NAME}.path"
            if not os.environ.get("AUTODIP_ENVIRONMENT"):
                noted.unlink(missing_ok=True)
        except OSError as error:
            raise UnwritableOutput(
                f"{error.filename or self.folder}: cannot be removed ({error.strerror}); quit Fiji first"
            ) from error

    def problem(self, manifest: Manifest) -> str:
        """Return what is wrong with the environment for the files of a Fiji; empty if nothing."""
        if self.is_being_built():
            return "being built"
        if not self.folder.is_dir():
            return "not built"
        state = self.state()
        if state is None or self.python() is None:
            return "incomplete: its build did not end"
        if state.get("wheel_sha256") != manifest.files.get(manifest.wheel):
            return f"made for version {state.get('version', 'unknown')}, this Fiji has {manifest.version}"
        return ""


def _base() -> Path:
    """Return Appose's folder of environments."""
    return Path(os.environ.get("APPOSE_ENVS_DIR") or Path.home() / ".local" / "share" / "appose")


def _can_lock(file: IO[bytes]) -> bool:
    """Return whether nobody else holds a lock on the first byte, as Java's ``FileChannel.tryLock`` sets it."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
            msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.lockf(file, fcntl.LOCK_UN)
    except OSError:
        return False
    return True
