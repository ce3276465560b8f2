"""What an installation put into an application folder, with a hash of every file."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from autodip_ij._version import __version__
from autodip_ij.errors import UnreadableFile, UnwritableOutput
from autodip_ij.fiji.install.folder import FijiFolder

MANIFEST = PurePosixPath("plugins/AUTO-DIP/autodip-install.json")


@dataclass
class Manifest:
    """What an installation put where.

    Attributes
    ----------
    version
        Version of autodip_ij that installed.
    files
        SHA-256 of every installed file, by its path relative to the folder.
    folders
        Folders that were made for them.
    environment_lines
        Lines added to ``config/environment.yml``.
    """

    version: str = __version__
    files: dict[str, str] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    environment_lines: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, folder: FijiFolder) -> Manifest | None:
        """Return the manifest of `folder`; None if nothing is installed there.

        Raises
        ------
        autodip_ij.errors.UnreadableFile
            If it is damaged.
        """
        path = folder.root / MANIFEST
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{name: content[name] for name in cls.__dataclass_fields__})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UnreadableFile(
                f"{path}: damaged ({type(error).__name__}); delete it and the AUTO-DIP files beside it, then install"
            ) from error

    def write(self, folder: FijiFolder) -> None:
        """Write the manifest of `folder`."""
        replace_file(folder.root / MANIFEST, (json.dumps(asdict(self), indent=2) + "\n").encode())


def digest(content: bytes) -> str:
    """Return the SHA-256 of `content`."""
    return hashlib.sha256(content).hexdigest()


def content_of(path: Path) -> bytes | None:
    """Return the content of a file; None if it is not there."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror or error}") from error


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, with its folders; one of equal content is left alone."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if content_of(path) == content:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        raise UnwritableOutput(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        temporary.unlink(missing_ok=True)


def delete_file(path: Path) -> None:
    """Remove a file, if it is there."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise UnwritableOutput(f"{path}: cannot be removed ({error.strerror or error})") from error
