"""One file a finished job, written whole or not at all: what makes long runs resumable."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from autodip_ij._support.files import temporary
from autodip_ij.errors import BadInput, UnreadableFile, UnwritableOutput

_SAFE_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=,-]*")
_DONE, _FAILED = ".json", ".failed.json"
ADDED_LATER = {"added_later": True}
"""Metadata of a dataclass field that counts only if it differs from its default: results from before it stay valid."""


@dataclass(frozen=True)
class JobStore:
    """A folder of results, one JSON file a job.

    Attributes
    ----------
    folder
        Where the files are; made when the first one is written.
    """

    folder: Path

    def is_done(self, key: str, fingerprint: str) -> bool:
        """Whether the job of this key has finished with the same arguments; not so where its file is damaged."""
        path = self._path(key, _DONE)
        try:
            return path.is_file() and _read(path).get("fingerprint") == fingerprint
        except UnreadableFile:
            return False

    def record_result(self, key: str, fingerprint: str, seconds: float, result: Any) -> None:
        """Store what a job returned (JSON-like; NaN and infinity allowed) and how long it took."""
        self._write(self._path(key, _DONE), {"fingerprint": fingerprint, "seconds": seconds, "result": result})
        self._path(key, _FAILED).unlink(missing_ok=True)

    def record_failure(self, key: str, fingerprint: str, error: str, traceback: str) -> None:
        """Store why a job failed; it is tried again by the next run."""
        record = {"fingerprint": fingerprint, "error": error, "traceback": traceback}
        self._write(self._path(key, _FAILED), record)

    def results(self) -> dict[str, Any]:
        """Return what every finished job returned, by key, sorted."""
        return {key: record["result"] for key, record in self._records(_DONE)}

    def seconds(self) -> dict[str, float]:
        """Return how long every finished job took, by key, sorted."""
        return {key: float(record["seconds"]) for key, record in self._records(_DONE)}

    def failures(self) -> dict[str, str]:
        """Return the error of every job that failed last time, by key, sorted."""
        return {key: str(record["error"]) for key, record in self._records(_FAILED)}

    def _path(self, key: str, suffix: str) -> Path:
        if not _SAFE_KEY.fullmatch(key):
            raise BadInput(f"job key '{key}' is no file name; use letters, digits and . _ - + = , only")
        return self.folder / f"{key}{suffix}"

    def _records(self, suffix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for path in sorted(self.folder.glob(f"*{suffix}")):
            if suffix == _FAILED or not path.name.endswith(_FAILED):
                yield path.name.removesuffix(suffix), _read(path)

    def _write(self, path: Path, record: Mapping[str, Any]) -> None:
        partial = temporary(path)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with partial.open("w", encoding="utf-8") as stream:
                json.dump(record, stream, default=_plain)
                stream.flush()
                os.fsync(stream.fileno())
            partial.replace(path)
        except OSError as error:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            raise UnwritableOutput(f"cannot write {path}: {error.strerror or error}") from error


def fingerprint(function_name: str, arguments: Mapping[str, Any]) -> str:
    """Return a digest of what a job will do, so that a result of other arguments is not taken for its own.

    Raises
    ------
    autodip_ij.errors.BadInput
        For arguments that are not plain data (numbers, texts, paths, enums, dataclasses, lists, mappings of these).
    """
    text = json.dumps([function_name, arguments], default=_plain, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableFile(f"{path} is no job result ({error}); delete it to have the job run again") from error
    if not isinstance(record, dict):
        raise UnreadableFile(f"{path} is no job result; delete it to have the job run again")
    return record


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: found
            for field in fields(value)
            if (found := getattr(value, field.name)) != field.default or "added_later" not in field.metadata
        }
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, set | frozenset):
        return sorted(value)
    if hasattr(value, "tolist"):  # numpy scalars and small arrays
        return value.tolist()
    raise BadInput(f"jobs take and return plain data; got {type(value).__name__}")
