"""Many files, one after the other or on several workers: resumed, watched, one bad file never stops the rest."""

from __future__ import annotations

import os
import queue
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autodip_ij.batch.inputs import find_inputs
from autodip_ij.batch.resume import Fingerprint, Standing, examine, remove_leftovers
from autodip_ij.batch.share import FileShare, Overall
from autodip_ij.batch.status import DONE, FAILED, RUNNING, SKIPPED, STOPPED, Row, StatusFile
from autodip_ij.batch.targets import Job, plan_jobs
from autodip_ij.batch.work import DenoiseFile, Outcome, perform
from autodip_ij.cluster import dask_client
from autodip_ij.errors import AutodipError, BadInput, Cancelled, UnwritableOutput
from autodip_ij.progress import Progress, Silent, Stop
from autodip_ij.quality import worst
from autodip_ij.settings import DenoiseSettings

_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class BatchResult:
    """What a batch did.

    Attributes
    ----------
    input, output
        As given.
    status_file
        The table ``status.csv``.
    rows
        Its rows, one a job.
    stopped
        Whether the user stopped the batch before its end.
    """

    input: str
    output: Path
    status_file: Path
    rows: tuple[Row, ...]
    stopped: bool = False

    def count(self, status: str) -> int:
        """Return the number of rows of this status."""
        return Counter(row.status for row in self.rows)[status]

    @property
    def exit_code(self) -> int:
        """0 if every file is done; 1 if some failed; 130 if the user stopped the batch."""
        if self.stopped:
            return Cancelled.exit_code
        return 1 if self.count(FAILED) else 0

    @property
    def summary(self) -> str:
        """One line for the user."""
        counts = Counter(row.status for row in self.rows)
        words = ", ".join(f"{number} {status}" for status, number in counts.items())
        return f"{len(self.rows)} files: {words}; {self.status_file}"

    def to_json(self) -> dict[str, Any]:
        """Return the object that ``autodip batch --json`` prints."""
        return {
            "input": self.input,
            "output": str(self.output),
            "status_file": str(self.status_file),
            "counts": dict(Counter(row.status for row in self.rows)),
            "stopped": self.stopped,
            "files": [asdict(row) for row in self.rows],
        }


def run_batch(
    source: str | Path,
    output: str | Path,
    settings: DenoiseSettings | None = None,
    *,
    suffix: str = ".ome.tif",
    all_scenes: bool = False,
    overwrite: bool = False,
    workers: int = 1,
    scheduler: str | None = None,
    denoise: DenoiseFile | None = None,
    progress: Progress | None = None,
) -> BatchResult:
    """Denoise every image of a folder tree, of a glob pattern or of a list file.

    A batch that was killed goes on where it was when it is started again: results appear in the output folder complete
    or not at all, and a file is skipped where its output, sidecar, input and settings agree.

    Parameters
    ----------
    source
        Folder, pattern or list; see `autodip_ij.batch.find_inputs`.
    output
        Folder for the results, made if missing. Sub-folders of the input are kept. One batch at a time may write to it.
    settings
        For every file; group ``auto`` infers the group of every channel of every file.
    suffix
        ``.ome.tif``, ``.ome.zarr`` or ``.tif``.
    all_scenes
        Denoise every scene of files with several, not only the chosen one.
    overwrite
        Replace outputs that are there and do not agree; without it, these files count as failed and are kept.
    workers
        Local processes, each with one file at a time; 1 works in this process.
    scheduler
        Address or file of a Dask scheduler whose workers see the same files, instead of local processes.
    denoise
        How one file is denoised in this process, instead of `autodip_ij.denoising.denoise_file`.
    progress
        Who is told and may stop the batch: with `Stop.KEEP` the file in work is written as far as it is, with
        `Stop.DISCARD` it is dropped; finished files stay in both cases.

    Returns
    -------
    BatchResult
        One row a file; ``exit_code`` for the command line.

    Raises
    ------
    autodip_ij.errors.BadInput
        If there is nothing to do, or input, list or settings cannot be used.
    autodip_ij.errors.UnwritableOutput
        If results would land among the inputs, or the output folder cannot be written.

    Examples
    --------
    >>> result = run_batch("raw", "denoised", DenoiseSettings(group="widefield"))  # doctest: +SKIP
    >>> result.summary  # doctest: +SKIP
    '12 files: 11 done, 1 failed; denoised/status.csv'
    """
    if workers < 1:
        raise BadInput(f"workers: {workers} is not possible; give 1 or more")
    folder = Path(output)
    watcher = progress or Silent()
    inputs = find_inputs(source)
    jobs = plan_jobs(inputs, folder, settings or DenoiseSettings(), suffix=suffix, all_scenes=all_scenes)
    if inputs.results:
        watcher.log(f"{len(inputs.results)} results of autodip among the inputs are left out")
    _make_folders(folder, jobs)
    table = _Table(StatusFile(folder), folder, jobs)
    waiting = table.sort_out(overwrite)
    if done_before := len(jobs) - len(waiting):
        watcher.log(f"{done_before} of {len(jobs)} files need nothing: {table.counts()}")
    overall = Overall(watcher, [Fingerprint.of(jobs[index].entry.path).size for index in waiting])
    if workers == 1 and scheduler is None:
        outcomes = _one_by_one(jobs, waiting, denoise, overall, table)
    else:
        outcomes = _on_workers(jobs, waiting, min(workers, max(1, len(waiting))), scheduler, overall, table)
    stopped = False
    with closing(outcomes):
        for index, outcome in outcomes:
            if outcome is None:
                stopped = True
                break
            table.finish(index, outcome)
            if outcome.error:
                watcher.log(f"{jobs[index].title}: failed: {outcome.error}")
    table.leave()
    return BatchResult(str(source), folder, table.file.path, tuple(table.rows), stopped)


class _Table:
    """The rows of the status file, kept with their jobs."""

    def __init__(self, file: StatusFile, folder: Path, jobs: Sequence[Job]) -> None:
        self.file = file
        self._jobs = jobs
        self.rows = [
            Row(job.entry.relative.as_posix(), job.scene, job.target.relative_to(folder).as_posix()) for job in jobs
        ]

    def sort_out(self, overwrite: bool) -> list[int]:
        """Return the indices of the jobs to do, and mark the others."""
        interrupted = self.file.interrupted()
        waiting = []
        for index, (job, row) in enumerate(zip(self._jobs, self.rows, strict=True)):
            try:
                if row.output in interrupted:
                    remove_leftovers(job)
                finding = examine(job, interrupted=row.output in interrupted)
            except AutodipError as error:
                row.status, row.message = FAILED, str(error)
                continue
            if finding.standing is Standing.DONE:
                row.status = SKIPPED
            elif finding.standing is Standing.OTHER and not overwrite:
                row.status = FAILED
                row.message = f"{finding.reason}; give --overwrite to replace it, or choose another output folder"
            else:
                waiting.append(index)
        self.file.write(self.rows)
        return waiting

    def begin(self, *indices: int) -> None:
        for index in indices:
            self.rows[index].status = RUNNING
        self.file.write(self.rows)

    def finish(self, index: int, outcome: Outcome) -> None:
        row = self.rows[index]
        row.status = FAILED if outcome.error else STOPPED if outcome.stopped else DONE
        row.message = outcome.error
        row.seconds = round(outcome.seconds, 1)
        row.finished = datetime.now(UTC).isoformat(timespec="seconds")
        if outcome.report:
            row.group = ";".join(channel.group for channel in outcome.report.channels)
            row.quality = worst(check for channel in outcome.report.channels for check in channel.checks)
        self.file.write(self.rows)

    def leave(self) -> None:
        """Mark what was being done as not finished."""
        for row in self.rows:
            if row.status == RUNNING:
                row.status = STOPPED
        self.file.write(self.rows)

    def counts(self) -> str:
        found = Counter(row.status for row in self.rows if row.status in (SKIPPED, FAILED))
        return ", ".join(f"{number} {status}" for status, number in found.items())


def _make_folders(folder: Path, jobs: Sequence[Job]) -> None:
    try:
        for place in {folder, *(job.target.parent for job in jobs)}:
            place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        place = error.filename or folder
        raise UnwritableOutput(f"{place}: cannot make the output folder ({error.strerror})") from error


Outcomes = Generator[tuple[int, Outcome | None], None, None]


def _one_by_one(
    jobs: Sequence[Job], waiting: Sequence[int], denoise: DenoiseFile | None, overall: Overall, table: _Table
) -> Outcomes:
    """Yield the index and outcome of each job as it ends; None as outcome where the user stopped the batch."""
    for position, index in enumerate(waiting):
        if overall.progress.stop_request() is not Stop.NO:
            yield index, None
            return
        share = FileShare(overall, position, f"{position + 1} of {len(waiting)}, {jobs[index].title}")
        table.begin(index)
        try:
            outcome = perform(jobs[index], denoise, share)
        except Cancelled:
            yield index, None
            return
        yield index, outcome
        overall.update(position, 1.0, jobs[index].title)
        if outcome.stopped:
            yield index, None
            return


def _on_workers(
    jobs: Sequence[Job], waiting: Sequence[int], workers: int, scheduler: str | None, overall: Overall, table: _Table
) -> Outcomes:
    """As `_one_by_one`, on Dask workers; files in work are dropped when the user stops the batch."""
    if not waiting:
        return
    finished: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
    threads = max(1, (os.cpu_count() or 1) // workers)
    with dask_client(workers, scheduler, threads=threads) as client:
        table.begin(*waiting)
        futures = []
        for position, index in enumerate(waiting):
            future = client.submit(perform, jobs[index].absolute(), pure=False, priority=-position)
            future.add_done_callback(lambda future, position=position: finished.put((position, future)))
            futures.append(future)
        remaining = len(futures)
        while remaining:
            if overall.progress.stop_request() is not Stop.NO:
                client.cancel(futures)
                yield waiting[0], None
                return
            try:
                position, future = finished.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            remaining -= 1
            error = future.exception()
            lost = f"its worker process died ({type(error).__name__}), perhaps for lack of memory; use fewer workers"
            yield waiting[position], Outcome(0.0, error=lost) if error else future.result()
            overall.update(position, 1.0, jobs[waiting[position]].title)
            future.release()
