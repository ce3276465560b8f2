"""Run methods on pairs: one job per pair and method, one row of scores per job."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from autodip_ij._support.files import write_bytes
from autodip_ij.batch.jobs import Job, JobStore, RunSummary, run_jobs
from autodip_ij.errors import BadInput
from autodip_ij.evaluation.datasets.model import Pair
from autodip_ij.evaluation.scoring.cost import expected
from autodip_ij.evaluation.scoring.matching import Options, central, matched_pair, scoring_device
from autodip_ij.evaluation.scoring.measures import score
from autodip_ij.evaluation.scoring.methods import parse_method, run
from autodip_ij.progress import Progress

_JOB = "autodip_ij.evaluation.comparison.compare_one"  # as in the fingerprints of stored results

Plane = npt.NDArray[np.float32]
_LONGEST_KEY = 180
"""Characters of a job's name; longer ones are shortened and get a digest, since file systems allow 255 bytes."""
_INTERVAL_SECONDS = 0.02
"""Between two readings of the memory."""


@dataclass(frozen=True)
class Comparison:
    """Rows of scores, and the summary of the run.

    Attributes
    ----------
    rows
        One mapping per pair and method: the pair's facts, ``method``, ``seconds``, ``memory_mb``, the measures of
        `autodip_ij.evaluation.scoring.measures.MEASURES`, and what was done to the reference.
    summary
        Counts and failures of the run.
    """

    rows: tuple[Mapping[str, Any], ...]
    summary: RunSummary


def compare(
    pairs: Sequence[Pair],
    methods: Sequence[str],
    folder: str | Path,
    options: Options | None = None,
    texts: Mapping[str, Mapping[str, str]] | None = None,
    **running: Any,
) -> Comparison:
    """Run every method on every pair and score the results; resumes an interrupted run.

    Parameters
    ----------
    pairs
        Noisy images with their clean counterparts.
    methods
        As in `autodip_ij.evaluation.scoring.methods.parse_method`.
    folder
        Folder of results; those of finished jobs are in its subfolder ``jobs``.
    options
        How every pair is treated.
    texts
        By method and name of a pair, the text that is run instead: the method with parameters for that pair. The rows
        carry the name of the method.
    **running
        As in `run_tasks`.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown method, or pairs of a super-resolution data set.
    """
    if not methods:
        raise BadInput("no method to compare; name at least one, e.g. gaussian")
    # Method by method: with the cheap ones named first, a first table is available early.
    tasks = [(pair, method) for method in dict.fromkeys(methods) for pair in pairs]
    own = {method: of_pair for method, of_pair in (texts or {}).items() if method in methods}
    made = run_tasks(
        [(pair, own.get(method, {}).get(pair.name, method)) for pair, method in tasks], folder, options, **running
    )
    named = {text: method for method, of_pair in own.items() for text in of_pair.values()}
    rows = tuple({**row, "method": named.get(row["method"], row["method"])} for row in made.rows)
    return Comparison(rows, made.summary)


def run_tasks(
    tasks: Sequence[tuple[Pair, str]],
    folder: str | Path,
    options: Options | None = None,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    threads: int = 1,
    progress: Progress | None = None,
) -> Comparison:
    """Run assigned methods on pairs and score the results; resumes an interrupted run.

    Parameters
    ----------
    tasks
        Pairs with the method to be run on each.
    folder, options
        As in `compare`.
    workers, scheduler, threads, progress
        As in `autodip_ij.batch.jobs.run_jobs`.
    """
    jobs = jobs_for(tasks, options or Options())
    store = JobStore(Path(folder) / "jobs")
    if progress is not None:
        _announce(tasks, jobs, store, options or Options(), workers, scheduler, progress)
    summary = run_jobs(
        jobs,
        store.folder,
        workers=workers,
        scheduler=scheduler,
        threads=threads,
        progress=progress,
        message="images",
    )
    results = store.results()
    finished = {*summary.done, *summary.resumed}
    return Comparison(tuple(results[job.key] for job in jobs if job.key in finished), summary)


def _announce(
    tasks: Sequence[tuple[Pair, str]],
    jobs: Sequence[Job],
    store: JobStore,
    options: Options,
    workers: int,
    scheduler: str | None,
    progress: Progress,
) -> None:
    """Report the amount of work and its expected cost, unless all jobs are done."""
    waiting = [task for task, job in zip(tasks, jobs, strict=True) if not store.is_done(job.key, job.fingerprint)]
    if waiting:
        found = expected(waiting, options.device, lambda image: central(image, options.crop))
        # The number and speed of a cluster's workers are unknown here.
        progress.log(found.words(len(waiting), len(jobs), 1 if scheduler else workers))


def jobs_for(tasks: Sequence[tuple[Pair, str]], options: Options) -> list[Job]:
    """Return the job of each task, in their order."""
    enlarged = next((pair for pair, _ in tasks if pair.scale != 1), None)
    if enlarged is not None:
        raise BadInput(f"{enlarged.name}: the clean image is {enlarged.scale} times finer; that is for superres")
    keys = {text: parse_method(text).key for text in dict.fromkeys(method for _, method in tasks)}
    return [
        Job(
            job_key(pair.name, keys[method], method),
            compare_one,
            {"pair": pair, "method": method, "options": options},
            name=_JOB,
        )
        for pair, method in tasks
    ]


def job_key(pair: str, method: str, text: str) -> str:
    """Return the name of the result file of a pair and a method, unique even if shortened."""
    key = f"{pair}__{method}"
    if len(key) <= _LONGEST_KEY:
        return key
    return f"{key[:_LONGEST_KEY]}-{hashlib.sha256(f'{pair} {text}'.encode()).hexdigest()[:10]}"


def compare_one(pair: Pair, method: str, options: Options) -> dict[str, Any]:
    """Denoise one pair by one method and return its row; the function that workers run."""
    noisy, clean = (central(recipe.read(), options.crop) for recipe in (pair.noisy, pair.clean))
    matched = matched_pair(pair, noisy, clean, options)
    with PeakMemory() as peak:
        result = run(parse_method(method), noisy, pair.decision(), device=options.device)
    scores = score(
        matched.inner(matched.reference),
        matched.inner(result.image),
        matched.inner(noisy),
        value_range=pair.value_range,
        perceptual=options.perceptual,
        weights=options.weights or None,
        device=scoring_device(options.device),
    )
    if options.images:
        _keep(Path(options.images), pair.name, method, result.image)
    return {
        **facts(pair),
        "method": method,
        "seconds": result.seconds,
        "memory_mb": peak.megabytes,
        **scores,
        "height": noisy.shape[0],
        "width": noisy.shape[1],
        "shift_y": matched.shift_y,
        "shift_x": matched.shift_x,
        "gain": matched.gain,
        "offset": matched.offset,
        "details": dict(result.details),
    }


def facts(pair: Pair) -> dict[str, Any]:
    """Return the facts about a pair, as columns."""
    return {
        "pair": pair.name,
        "dataset": pair.dataset,
        "microscope": pair.microscope or "",
        "specimen": pair.specimen or "",
        "subject": pair.subject,
        "field": pair.field,
        "level": pair.level,
        "fixed_scale": pair.value_range,
    }


def image_file(folder: Path, pair: str, method: str) -> Path:
    """Return the file of the result image of a method."""
    return folder / f"{job_key(pair, parse_method(method).key, method)}.tif"


def _keep(folder: Path, pair: str, method: str, image: Plane) -> None:
    import tifffile

    target = image_file(folder, pair, method)
    content = BytesIO()
    tifffile.imwrite(content, image, compression="zlib")
    write_bytes(target, content.getvalue())


class PeakMemory:
    """Measure the peak resident memory of this process, libraries included, while the block runs.

    Examples
    --------
    >>> with PeakMemory() as peak:
    ...     ballast = bytearray(1_000_000)
    >>> peak.megabytes > 1
    True
    """

    def __init__(self) -> None:
        self.megabytes = 0.0
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._look()
        self._watcher.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._watcher.join()
        self._look()

    def _watch(self) -> None:
        while not self._ended.wait(_INTERVAL_SECONDS):
            self._look()

    def _look(self) -> None:
        import psutil

        self.megabytes = max(self.megabytes, psutil.Process().memory_info().rss / 1e6)
