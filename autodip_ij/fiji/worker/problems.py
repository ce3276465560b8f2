"""Failures on their way from the worker to Fiji: an exception becomes a record, and the record an exception again."""

from __future__ import annotations

import traceback

from autodip_ij import errors
from autodip_ij.errors import AutodipError, EnvironmentProblem, OutOfMemory


class WorkerCrashed(EnvironmentProblem):
    """The worker process ended in the middle of a job.

    Attributes
    ----------
    details
        What it wrote on standard error last.
    """

    details: str = ""


class UnexpectedFailure(AutodipError):
    """An error nobody foresaw: a bug of this package or of one it uses.

    Attributes
    ----------
    details
        Its traceback.
    """

    details: str = ""


def describe(error: BaseException) -> dict[str, str]:
    """Return the record of an exception: ``kind``, ``message`` (one line) and ``details`` (traceback)."""
    details = "".join(traceback.format_exception(error))
    if isinstance(error, AutodipError):
        return {"kind": type(error).__name__, "message": str(error), "details": details}
    if _is_memory_error(error):
        line = _first_line(error) or "no more memory could be had"
        way_out = "process a smaller part of the image, a smaller tile, or close other programs"
        return {"kind": OutOfMemory.__name__, "message": f"out of memory ({line}); {way_out}", "details": details}
    line = f"{type(error).__name__}: {_first_line(error)}".rstrip(": ")
    return {"kind": UnexpectedFailure.__name__, "message": line, "details": details}


def restore(record: dict[str, str]) -> AutodipError:
    """Return the exception of a record, of its kind where this package knows it."""
    kind = getattr(errors, record["kind"], UnexpectedFailure)
    error: AutodipError = kind(record["message"])
    error.details = record["details"]  # type: ignore[attr-defined]
    return error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0]


def _is_memory_error(error: BaseException) -> bool:
    # torch.OutOfMemoryError is no MemoryError, and torch may not be imported here.
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
