"""Run jobs and store each result in its own file, written atomically, so that long runs can be resumed."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from autodip_ij._support.files import write_text
from autodip_ij.batch.loop import answers
from autodip_ij.batch.processes import Answer, Call
from autodip_ij.errors import BadInput, Cancelled, UnreadableFile
from autodip_ij.progress import Progress, Silent, Stop

_SAFE_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=,-]*")
_DONE, _FAILED = ".json", ".failed.json"


@dataclass(frozen=True)
class JobStore:
    """A folder of results, one JSON file per job.

    Attributes
    ----------
    folder
        Where the files are; created when the first one is written.
    """

    folder: Path

    def is_done(self, key: str, fingerprint: str) -> bool:
        """Whether the job of this key has finished with the same arguments, and its file is intact."""
        path = self._path(key, _DONE)
        try:
            return path.is_file() and _read(path).get("fingerprint") == fingerprint
        except UnreadableFile:
            return False

    def record_result(self, key: str, fingerprint: str, seconds: float, result: Any) -> None:
        """Store the result of a job (JSON-like; NaN and infinity are allowed) and its duration."""
        self._write(self._path(key, _DONE), {"fingerprint": fingerprint, "seconds": seconds, "result": result})
        self._path(key, _FAILED).unlink(missing_ok=True)

    def record_failure(self, key: str, fingerprint: str, error: str, traceback: str) -> None:
        """Store why a job failed; the next run retries it."""
        record = {"fingerprint": fingerprint, "error": error, "traceback": traceback}
        self._write(self._path(key, _FAILED), record)

    def results(self) -> dict[str, Any]:
        """Return the results of all finished jobs, sorted by key."""
        return {key: record["result"] for key, record in self._records(_DONE)}

    def seconds(self) -> dict[str, float]:
        """Return the durations of all finished jobs in seconds, sorted by key."""
        return {key: float(record["seconds"]) for key, record in self._records(_DONE)}

    def failures(self) -> dict[str, str]:
        """Return the errors of all jobs that failed in their last run, sorted by key."""
        return {key: str(record["error"]) for key, record in self._records(_FAILED)}

    def _path(self, key: str, suffix: str) -> Path:
        if not _SAFE_KEY.fullmatch(key):
            raise BadInput(f"job key '{key}' is not a valid file name; use only letters, digits and . _ - + = ,")
        return self.folder / f"{key}{suffix}"

    def _records(self, suffix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for path in sorted(self.folder.glob(f"*{suffix}")):
            if suffix == _FAILED or not path.name.endswith(_FAILED):
                yield path.name.removesuffix(suffix), _read(path)

    def _write(self, path: Path, record: Mapping[str, Any]) -> None:
        write_text(path, json.dumps(record, default=_plain), sync=True)


def fingerprint(function_name: str, arguments: Mapping[str, Any]) -> str:
    """Return a digest of function and arguments, so that the result of other arguments is not mistaken for this job's.

    An argument with a method ``job_argument`` is represented by its return value, so that a class can gain fields
    without invalidating stored results.

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
        raise UnreadableFile(f"{path} is not a job result ({error}); delete it to run the job again") from error
    if not isinstance(record, dict):
        raise UnreadableFile(f"{path} is not a job result; delete it to run the job again")
    return record


def _plain(value: Any) -> Any:
    if hasattr(value, "job_argument"):
        return value.job_argument()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, set | frozenset):
        return sorted(value)
    if hasattr(value, "tolist"):  # numpy scalars and small arrays
        return value.tolist()
    raise BadInput(f"jobs take and return plain data; got {type(value).__name__}")


__all__ = ["Job", "JobStore", "RunSummary", "run_jobs"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One call to be made by a worker.

    Attributes
    ----------
    key
        Name of the result file: letters, digits and ``. _ - + = ,``; unique in its run.
    function
        A function at the top level of a module that the workers can import. Returns JSON-like data.
    arguments
        Keyword arguments: plain data (numbers, texts, paths, enums, dataclasses, and lists and mappings of these).
    weight
        Progress steps of the job, so that the remaining time is correct if jobs differ in cost.
    name
        Name of the function in the fingerprint, so that stored results remain valid when it moves to another module;
        by default its module and name.
    """

    key: str
    function: Callable[..., Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    weight: int = 1
    name: str = ""

    @property
    def fingerprint(self) -> str:
        """Digest of function and arguments; a stored result is valid only if its fingerprint is equal."""
        own = getattr(self.function, "__qualname__", repr(self.function))
        return fingerprint(self.name or f"{getattr(self.function, '__module__', '')}.{own}", self.arguments)


@dataclass(frozen=True)
class RunSummary:
    """Summary of a run.

    Attributes
    ----------
    done
        Keys of the jobs that finished in this run.
    resumed
        Keys of the jobs whose results were already stored.
    failed
        Error text of the jobs that failed, by key; the next run retries them.
    stopped
        Whether the user stopped the run before its end.
    """

    done: tuple[str, ...]
    resumed: tuple[str, ...]
    failed: Mapping[str, str]
    stopped: bool = False


@dataclass(frozen=True)
class _Outcome:
    seconds: float
    result: Any = None
    error: str = ""
    traceback: str = ""


def run_jobs(
    jobs: Sequence[Job],
    folder: str | Path,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    threads: int = 1,
    progress: Progress | None = None,
    message: str = "jobs",
) -> RunSummary:
    """Run the jobs whose results are not yet in `folder`.

    A killed run resumes where it ended: each result is one file, renamed into place when complete. A job that raises,
    or whose worker dies twice (the second time running alone), is recorded as failed and does not stop the others.

    Parameters
    ----------
    jobs
        The jobs, in order of priority; their keys must differ.
    folder
        Where the results are written (by this process, so that workers need not share its disk).
    workers
        Local worker processes; 0 runs the jobs in this process.
    scheduler
        Address of an existing Dask scheduler (``tcp://host:8786``, or a scheduler file ``*.json``), instead of local
        processes.
    threads
        Threads of the numeric libraries in each local worker.
    progress
        Progress reporter; may request cancellation between jobs.
    message
        Shown while it runs.

    Returns
    -------
    RunSummary
        Which jobs were done, resumed and failed.

    Raises
    ------
    autodip_ij.errors.BadInput
        For equal keys, keys that are not valid file names, or arguments that are not plain data.
    autodip_ij.errors.EnvironmentProblem
        If the scheduler cannot be reached.
    autodip_ij.errors.Cancelled
        If the user discarded the run; finished results remain in the folder.
    """
    if len({job.key for job in jobs}) < len(jobs):
        raise BadInput("two jobs have the same key; keys must be unique")
    watcher = progress or Silent()
    store = JobStore(Path(folder))
    fingerprints = {job.key: job.fingerprint for job in jobs}
    resumed = tuple(job.key for job in jobs if store.is_done(job.key, fingerprints[job.key]))
    waiting = [job for job in jobs if job.key not in set(resumed)]

    watcher.start(sum(job.weight for job in jobs), message)
    if resumed:
        watcher.advance(sum(job.weight for job in jobs if job.key in set(resumed)))
        watcher.log(f"{len(resumed)} of {len(jobs)} {message} were done before")
    done: list[str] = []
    failed: dict[str, str] = {}
    stopped = False
    calls = [Call(_call, (job.function, dict(job.arguments))) for job in waiting]
    answered = answers(calls, workers, scheduler, threads=threads, stopped=lambda: _asked_to_stop(watcher))
    with closing(answered):
        for index, answer in answered:
            if answer is None:
                stopped = True
                break
            job, outcome = waiting[index], _outcome(answer)
            if outcome.error:
                logger.warning("%s failed: %s", job.key, outcome.error)
                store.record_failure(job.key, fingerprints[job.key], outcome.error, outcome.traceback)
                failed[job.key] = outcome.error
            else:
                store.record_result(job.key, fingerprints[job.key], outcome.seconds, outcome.result)
                done.append(job.key)
            watcher.advance(job.weight, f"{message}: {len(resumed) + len(done) + len(failed)} of {len(jobs)}")
    return RunSummary(tuple(done), resumed, failed, stopped)


def _outcome(answer: Answer) -> _Outcome:
    if answer.error:
        return _Outcome(0.0, error=f"KilledWorker: {answer.error}" if answer.died else answer.error)
    outcome: _Outcome = answer.value
    return outcome


def _call(function: Callable[..., Any], arguments: Mapping[str, Any]) -> _Outcome:
    began = time.perf_counter()
    try:
        result = function(**arguments)
    except Exception as error:
        return _Outcome(time.perf_counter() - began, None, f"{type(error).__name__}: {error}", traceback.format_exc())
    return _Outcome(time.perf_counter() - began, result)


def _asked_to_stop(progress: Progress) -> bool:
    request = progress.stop_request()
    if request is Stop.DISCARD:
        raise Cancelled("stopped; the results of finished jobs are stored, and the next run resumes from them")
    return request is Stop.KEEP
