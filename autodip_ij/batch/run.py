"""Denoise many files, one by one or on several workers: resumable, and a bad file does not stop the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from autodip_ij._support.ownership import regularly
from autodip_ij._support.text import duration
from autodip_ij.batch.arrivals import Arrivals, Incoming, Watch
from autodip_ij.batch.claim import claimed
from autodip_ij.batch.inputs import Entry, Shard, find_inputs
from autodip_ij.batch.loop import answers
from autodip_ij.batch.page import Page
from autodip_ij.batch.result import BatchResult
from autodip_ij.batch.resume import Fingerprint
from autodip_ij.batch.status import StatusFile
from autodip_ij.batch.table import Table
from autodip_ij.batch.targets import Job, plan_jobs
from autodip_ij.batch.units import Units
from autodip_ij.batch.work import FileShare, Outcome, Overall, Watching, perform
from autodip_ij.errors import AutodipError, BadInput, Cancelled, UnreadableFile, UnwritableOutput, failed_import
from autodip_ij.progress import Progress, Silent, Stop
from autodip_ij.settings import DenoiseSettings

_CLUSTER_PROCESSES = 16
"""For which a file is divided on a cluster, whose workers come and go."""


def run_batch(
    source: str | Path,
    output: str | Path,
    settings: DenoiseSettings | None = None,
    *,
    suffix: str = ".ome.tif",
    all_scenes: bool = False,
    overwrite: bool = False,
    workers: int = 0,
    scheduler: str | None = None,
    watch: Watch | None = None,
    report: bool = False,
    shard: Shard | None = None,
    progress: Progress | None = None,
) -> BatchResult:
    """Denoise all images in a folder tree, matching a glob pattern, or named in a list file.

    A killed batch resumes when it is started again: results appear in the output folder complete or not at all, and a
    file is skipped if its output, sidecar, input and settings agree.

    Parameters
    ----------
    source
        Folder, pattern or list; see `autodip_ij.batch.find_inputs`.
    output
        Folder for the results, created if missing, with the sub-folders of the input. Only one batch at a time may
        write to it: a second one is refused.
    settings
        For every file; group ``auto`` infers the group of every channel of every file.
    suffix
        ``.ome.tif``, ``.ome.zarr`` or ``.tif``.
    all_scenes
        Denoise every scene of files with several scenes, not only the selected one.
    overwrite
        Replace existing outputs that do not agree; without it, these files count as failed and remain unchanged.
    workers
        Local processes, each with one file at a time: a file that kills its process costs nothing else. With 0, the
        work is done in this process, or in one beside it where an earlier batch died.
    scheduler
        Address or file of a Dask scheduler whose workers see the same files, instead of local processes.
    watch
        Go on with the files that come into the folder, each when it no longer grows, until the watch ends or the user
        stops it. The work is done in worker processes, at least one.
    report
        Write the report page of every result beside it; of finished files those that are missing.
    shard
        Denoise this share of the files alone, into the folder `Shard.folder` of `output`.
    progress
        Progress reporter; may request cancellation: in this process `Stop.KEEP` writes the result so far of the current
        file. Otherwise it is dropped, and its complete planes are kept for the next run. Finished files remain.

    Returns
    -------
    BatchResult
        One row per file, and one per folder that could not be searched; ``exit_code`` for the command line.

    Raises
    ------
    autodip_ij.errors.BadInput
        If there is nothing to do, or input, list or settings cannot be used.
    autodip_ij.errors.UnwritableOutput
        If results would be written among the inputs, the output folder is not writable, or another batch uses it.
    autodip_ij.errors.EnvironmentProblem
        If the device is missing, torch cannot be loaded, or the scheduler cannot be reached.

    Examples
    --------
    >>> result = run_batch("raw", "denoised", DenoiseSettings(group="widefield"))  # doctest: +SKIP
    >>> result.summary  # doctest: +SKIP
    '12 files: 11 done, 1 failed; denoised/status.csv'
    """
    if workers < 0:
        raise BadInput(f"workers: {workers} is not possible; give 0 or more")
    if shard and watch:
        raise BadInput("shard and watch exclude each other: files that come later would change the shares; omit one")
    folder, settings = Path(output) / (shard.folder if shard else ""), settings or DenoiseSettings()
    watcher = progress or Silent()
    arrivals = Arrivals(source, watch, watcher.log) if watch else None
    inputs = replace(arrivals.inputs, entries=()) if arrivals else find_inputs(source)
    names = [entry.relative for entry in inputs.entries]
    if shard:
        inputs = replace(inputs, entries=shard.share(inputs.entries))
    jobs = plan_jobs(inputs, folder, settings, suffix=suffix, all_scenes=all_scenes, beside=names)
    if inputs.results:
        watcher.log(f"{len(inputs.results)} results of autodip among the inputs are omitted")
    _make_folders(folder, jobs)
    with claimed(folder) as claim:
        table = Table(StatusFile(folder), folder, jobs, claim, inputs.unread, Page(folder, f"Batch of {source}"))
        for row in table.rows[len(jobs) :]:
            watcher.log(f"{row.file}: {row.message}")
        waiting = table.sort_out(overwrite)
        if done_before := len(jobs) - len(waiting):
            watcher.log(f"{done_before} of {len(jobs)} files need no work: {table.counts()}")
        stopped = False
        with regularly(1.0, table.catch_up):
            try:
                for index in set(range(len(jobs))) - set(waiting) if report else ():
                    _write_page(jobs[index], watcher)
                if (waiting or arrivals) and scheduler is None:
                    _refuse_device(settings)
                if arrivals:

                    def plan(entries: Sequence[Entry]) -> list[Job]:
                        seen = arrivals.inputs
                        come = replace(seen, entries=tuple(entries))
                        names = [entry.relative for entry in seen.entries]
                        found = plan_jobs(come, folder, settings, suffix=suffix, all_scenes=all_scenes, beside=names)
                        _make_folders(folder, found)
                        return found

                    incoming = Incoming(arrivals, plan, table, overwrite, watcher)
                    overall: Overall = Watching(watcher, str(source))
                    outcomes = _on_workers(waiting, max(1, workers), scheduler, overall, table, incoming)
                else:
                    overall = Overall(watcher, [_size(jobs[index]) for index in waiting])
                    deadly = [table.jobs[index].title for index in waiting if table.deaths(index)]
                    if deadly and not workers:
                        watcher.log(
                            f"the last batch died while working on {deadly[0]}: files have a process beside it now"
                        )
                    if not workers and scheduler is None and not deadly:
                        outcomes = _one_by_one(waiting, overall, table)
                    else:
                        outcomes = _on_workers(waiting, max(1, workers), scheduler, overall, table)
                with closing(outcomes):
                    for index, outcome in outcomes:
                        if outcome is None:
                            stopped = True
                            break
                        table.finish(index, outcome)
                        if report and outcome.report is not None:
                            _write_page(table.jobs[index], watcher)
                        if outcome.error:
                            watcher.log(f"{table.jobs[index].title}: failed: {outcome.error}")
                        elif watch:
                            watcher.log(f"{table.jobs[index].title}: done in {duration(outcome.seconds)}")
            finally:
                table.leave()
    return BatchResult(str(source), folder, table.file.path, tuple(table.rows), stopped)


def _write_page(job: Job, watcher: Progress) -> None:
    """Write the report page of a result that has none of this age; a page is no reason to end a batch."""
    from autodip_ij.report_page.page import report_path, write_report

    try:
        page = report_path(job.target)
        if not page.exists() or page.stat().st_mtime_ns < job.target.stat().st_mtime_ns:
            write_report(job.target, page, source=job.entry.path)
    except Exception as error:  # readers may raise any
        watcher.log(f"{job.title}: no report page: {error}")


def _size(job: Job) -> int:
    """Return the size of an input in bytes; 0 if it is missing or not a file, which its job will report."""
    try:
        return Fingerprint.of(job.entry.path).size
    except UnreadableFile:
        return 0


def _refuse_device(settings: DenoiseSettings) -> None:
    """Raise, before the first file, the errors that would occur with every file."""
    try:
        from autodip_ij.dip.devices import likely_device, resolve_device

        # Filters need no PyTorch, which takes seconds to load.
        (resolve_device if settings.method == "dip" else likely_device)(settings.device)
    except AutodipError:
        raise
    except Exception as error:
        raise failed_import(error) or error from error


def _make_folders(folder: Path, jobs: Sequence[Job]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnwritableOutput(
            f"{error.filename or folder}: cannot create the output folder ({error.strerror})"
        ) from error
    for place in {job.target.parent for job in jobs}:
        with suppress(OSError):  # reported by the jobs that write there
            place.mkdir(parents=True, exist_ok=True)


Outcomes = Generator[tuple[int, Outcome | None], None, None]


def _one_by_one(waiting: Sequence[int], overall: Overall, table: Table) -> Outcomes:
    """Yield the index and outcome of each job as it ends; None as outcome if the user stopped the batch."""
    for position, index in enumerate(waiting):
        title = table.jobs[index].title
        if overall.progress.stop_request() is not Stop.NO:
            yield index, None
            return
        table.begin(index, here=True)
        try:
            outcome = perform(
                table.jobs[index], FileShare(overall, position, f"{position + 1} of {len(waiting)}, {title}")
            )
        except Cancelled:
            yield index, None
            return
        yield index, outcome
        overall.ended(position, title)
        if outcome.stopped:
            yield index, None
            return


def _on_workers(
    waiting: Sequence[int],
    workers: int,
    scheduler: str | None,
    overall: Overall,
    table: Table,
    more: Callable[[], list[int] | None] | None = None,
) -> Outcomes:
    """Do the same as `_one_by_one` in worker processes; if the user stops the batch, unfinished files are dropped.

    Jobs that come later are taken from `more`.
    """
    order = list(waiting)

    def come() -> list[Job] | None:
        found = more() if more else None
        order.extend(found or ())
        return None if found is None else [table.jobs[index].absolute() for index in found]

    def begun(call: int) -> None:
        if (file := units.begin(call)) is not None:
            table.begin(order[file])

    def told(call: int, what: str, *arguments: Any) -> None:
        file = units.file_of(call)
        if file not in shares:
            title = table.jobs[order[file]].title
            shares[file] = FileShare(overall, file, title if more else f"{file + 1} of {len(order)}, {title}")
        getattr(shares[file], what)(*arguments)

    shares: dict[int, FileShare] = {}
    processes = _CLUSTER_PROCESSES if scheduler else workers if workers > 1 else 0
    cores, side_by_side = os.cpu_count() or 1, workers if more else min(workers, max(1, len(waiting)))
    jobs = [table.jobs[index].absolute() for index in waiting]
    units = Units(jobs, come, processes, threads=max(1, cores // workers))
    answered = answers(
        units.first,
        workers,
        scheduler,
        threads=max(1, cores // side_by_side) if workers > 1 else None,
        begun=begun,
        told=told,
        stopped=lambda: overall.progress.stop_request() is not Stop.NO,
        more=units.more,
        deaths=[table.deaths(index) for index in waiting],
    )
    with units, closing(answered):
        for call, answer in answered:
            if answer is None:
                yield -1, None
                return
            if (ended := units.take(call, answer)) is not None:
                file, outcome = ended
                yield order[file], outcome
                shares.pop(file, None)
                overall.ended(file, table.jobs[order[file]].title)
