"""Decide whether a job was already done: output, sidecar, input and settings must agree.

The input is identified by three values that the batch adds to the sidecar: its size, its modification time, and the
SHA-256 of its content. If size and time are unchanged, the content is assumed unchanged and not read again, so that
checking a folder of large files takes seconds; if the time differs (a copied or touched file), the content decides.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from autodip_ij._support.files import left_behind
from autodip_ij._support.text import encodable
from autodip_ij.batch.inputs import refuse_special
from autodip_ij.batch.targets import Job
from autodip_ij.batch.thumbnails import thumbnail_names
from autodip_ij.denoising.report import InputRecord, Report, read_sidecar, sidecar_path, write_sidecar
from autodip_ij.denoising.result import uncertainty_path
from autodip_ij.errors import AutodipError, BadInput, UnreadableFile
from autodip_ij.settings import DenoiseSettings, current_names


class Standing(StrEnum):
    """State of a job before the run, which decides what is done about it."""

    MISSING = "missing"
    """The output does not exist."""
    UNFINISHED = "unfinished"
    """The output was left by an interrupted run of this batch; it is computed again."""
    DONE = "done"
    """Output, sidecar, input and settings agree."""
    OTHER = "other"
    """The output exists, but for another input or with other settings; only ``--overwrite`` replaces it."""


@dataclass(frozen=True)
class Finding:
    """The standing of a job; if it is not obvious, the reason; and the record of a result that is done."""

    standing: Standing
    reason: str = ""
    report: Report | None = None


@dataclass(frozen=True)
class Fingerprint:
    """Size in bytes and modification time in nanoseconds of a file, or of all files of a folder."""

    size: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> Fingerprint:
        """Measure `path`.

        Raises
        ------
        autodip_ij.errors.UnreadableFile
            If it is missing, not readable, or neither a file nor a folder.
        """
        refuse_special(path)
        try:
            stats = [file.stat() for file in _files(path)]
        except OSError as error:
            raise UnreadableFile(f"{path}: {error.strerror or error}") from error
        return cls(sum(stat.st_size for stat in stats), max((stat.st_mtime_ns for stat in stats), default=0))


def content_hash(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of all files of a folder in sorted order.

    Raises
    ------
    autodip_ij.errors.UnreadableFile
        If something cannot be read.
    """
    refuse_special(path)
    try:
        if not path.is_dir():
            return _digest(path)
        whole = hashlib.sha256()
        for file in _files(path):
            whole.update(f"{file.relative_to(path).as_posix()}\0{_digest(file)}\n".encode("utf-8", "surrogateescape"))
        return whole.hexdigest()
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror or error}") from error


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(file for file in path.rglob("*") if file.is_file())
    else:
        yield path


def note_input(report: Report, output: Path, fingerprint: Fingerprint, digest: str) -> Report:
    """Add the values that identify the input file to the sidecar of `output`."""
    record = report.input.model_copy(
        update={"file_bytes": fingerprint.size, "file_modified_ns": fingerprint.modified_ns, "file_sha256": digest}
    )
    output_record = report.output.model_copy(update={"file": output.name})
    noted = report.model_copy(update={"input": record, "output": output_record})
    write_sidecar(noted, output)
    return noted


def examine(job: Job, *, interrupted: bool) -> Finding:
    """Determine whether a job was already done.

    Parameters
    ----------
    job
        The job.
    interrupted
        Whether the last run ended while working on it: then an incomplete output is its own.
    """
    if not os.path.lexists(job.target):
        return Finding(Standing.MISSING)
    unproven = Standing.UNFINISHED if interrupted else Standing.OTHER
    if not os.path.lexists(sidecar_path(job.target)):
        return Finding(unproven, f"{job.target.name} exists without a sidecar")
    try:
        report = read_sidecar(job.target)
    except AutodipError as error:
        return Finding(unproven, str(error))
    if difference := _difference(report, job.settings):
        return Finding(Standing.OTHER, f"{job.target.name} exists, but was computed with {difference}")
    if report.input.file_sha256 is None:
        return Finding(unproven, f"{job.target.name} exists, and its sidecar does not identify the input file")
    if not _same_input(report.input, job.entry.path):
        return Finding(Standing.OTHER, f"{job.target.name} exists, and the input has changed since")
    if any(channel.fit.stopped for channel in report.channels):
        return Finding(Standing.UNFINISHED, "stopped early by the user")
    return Finding(Standing.DONE, report=report)


def remove_leftovers(job: Job) -> None:
    """Remove the temporary files left by a killed process beside the output of `job`."""
    for made in _made(job.target):
        for partial in left_behind(made):
            _remove(partial)


def remove_results(job: Job) -> None:
    """Remove the output of `job`, its sidecar, its uncertainty map and its thumbnails."""
    pictures = thumbnail_names(job.target.relative_to(job.folder).as_posix())
    for made in (*_made(job.target), *(job.folder / name for name in pictures)):
        _remove(made)


def _made(target: Path) -> tuple[Path, ...]:
    """Return all files written for an output, the sidecar first: without it, the job counts as not done."""
    return sidecar_path(target), target, uncertainty_path(target)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _same_input(record: InputRecord, path: Path) -> bool:
    now = Fingerprint.of(path)
    if (record.file_bytes, record.file_modified_ns) == (now.size, now.modified_ns):
        return True
    return record.file_bytes == now.size and record.file_sha256 == content_hash(path)


def _difference(report: Report, settings: DenoiseSettings) -> str:
    """Describe the first setting that differs from that in `report`; empty if none does."""
    try:
        made_with = DenoiseSettings.parse(**current_names(report.settings, warn=False))
    except BadInput as error:
        return f"settings of another version ({error})"
    for name in DenoiseSettings.model_fields:
        # The sidecar stores valid text, even for a path that is not.
        if (old := getattr(made_with, name)) != (new := encodable(getattr(settings, name))):
            return f"{name} '{_text(old)}' instead of '{_text(new)}'"
    return ""


def _text(value: object) -> str:
    return "" if value is None else str(value)
