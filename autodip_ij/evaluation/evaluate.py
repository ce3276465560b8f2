"""Evaluations: their options, and methods compared on pairs of noisy and clean images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autodip_ij.errors import AutodipError, require
from autodip_ij.evaluation.datasets.catalogue import open_datasets
from autodip_ij.evaluation.datasets.model import Dataset, Pair, Selection
from autodip_ij.evaluation.report import write_comparison
from autodip_ij.evaluation.scoring.comparison import Comparison, compare
from autodip_ij.evaluation.scoring.matching import Options
from autodip_ij.evaluation.scoring.summary import means_of, paired_tests, table_of
from autodip_ij.progress import Progress, Silent

if TYPE_CHECKING:
    import pandas as pd

    from autodip_ij.evaluation.scoring.summary import PairedTest


__all__ = ["Request", "Running", "Scoring", "Selection"]


@dataclass(frozen=True)
class Scoring:
    """How results are compared with clean images.

    Attributes
    ----------
    register
        Register clean to noisy images; as the data set needs it if omitted.
    match_intensity
        Fit gain and offset between clean and noisy images; as the data set needs it if omitted.
    lpips
        Compute LPIPS; if omitted, only where its weights are available.
    lpips_weights
        Folder of LPIPS backbone weights for machines without a network.
    """

    register: bool | None = None
    match_intensity: bool | None = None
    lpips: bool | None = None
    lpips_weights: str = ""

    @property
    def perceptual(self) -> bool:
        """Whether LPIPS is computed."""
        if self.lpips is not None:
            return self.lpips
        from autodip_ij.metrics import lpips_available

        return lpips_available(weights=self.lpips_weights or None)


@dataclass(frozen=True)
class Running:
    """Where and how the work is done.

    Attributes
    ----------
    device
        auto, cuda, mps or cpu.
    workers
        Local worker processes; 0 computes in this process.
    scheduler
        Address of an existing Dask scheduler, or a scheduler file, instead of local processes.
    threads
        Threads of the numeric libraries in each local worker.
    """

    device: str = "auto"
    workers: int = 1
    scheduler: str | None = None
    threads: int = 1

    @property
    def for_jobs(self) -> dict[str, Any]:
        """The arguments of `autodip_ij.batch.jobs.run_jobs` that say where jobs run."""
        return {"workers": self.workers, "scheduler": self.scheduler, "threads": self.threads}


@dataclass(frozen=True)
class Request:
    """All options of an evaluation.

    Attributes
    ----------
    selection, scoring, running
        The parts.
    against
        Method against which the others are tested; the first if omitted.
    panels
        Number of image panels to draw, one per group of images.
    metadata
        Whether the methods may know microscope and specimen.
    """

    selection: Selection = field(default_factory=Selection)
    scoring: Scoring = field(default_factory=Scoring)
    running: Running = field(default_factory=Running)
    against: str = ""
    panels: int = 0
    metadata: bool = True

    def options(self, images: str = "") -> Options:
        """Return how every pair is treated; `images` is the folder for result images, none are stored if empty."""
        return Options(
            crop=self.selection.crop,
            register=self.scoring.register,
            match_intensity=self.scoring.match_intensity,
            perceptual=self.scoring.perceptual,
            weights=self.scoring.lpips_weights,
            device=self.running.device,
            images=images,
        )


TESTED = ("psnr_fixed", "psnr_reference", "ssim", "lpips_01", "lpips_11")
"""Measures with paired tests."""


@dataclass(frozen=True)
class Evaluation:
    """Scores and tests of a comparison, and the files they were written to.

    Attributes
    ----------
    table
        One row per pair and method.
    means
        Means of the measures by table of the report: ``all``, ``levels``, ``microscopes``, ``groups``.
    tests
        Paired tests against one method.
    failed
        Error by job.
    files
        Files written, by kind: ``scores``, ``levels``, ``microscopes``, ``groups``, ``tests``, ``report``, and figures.
    stopped
        Whether it was cancelled before its end.
    """

    table: pd.DataFrame
    means: Mapping[str, pd.DataFrame]
    tests: tuple[PairedTest, ...]
    failed: Mapping[str, str]
    files: Mapping[str, Path]
    stopped: bool = False


def find_pairs(data: str | Path, request: Request) -> tuple[tuple[Dataset, ...], tuple[Pair, ...]]:
    """Return the data sets of a folder and the selected pairs.

    Raises
    ------
    autodip_ij.errors.AutodipError
        If the folder is not a data set, or the selection is empty.
    """
    datasets = open_datasets(data, request.selection.dataset)
    pairs = [replace(pair, metadata=request.metadata) for dataset in datasets for pair in dataset.pairs]
    return datasets, request.selection.apply(pairs)


def evaluate_methods(
    data: str | Path, methods: Sequence[str], out: str | Path, request: Request, *, progress: Progress | None = None
) -> Evaluation:
    """Run methods on a data folder, score them, and write tables, tests and figures.

    Parameters
    ----------
    data
        Folder or table that `autodip_ij.evaluation.datasets` reads.
    methods
        As in `autodip_ij.evaluation.scoring.methods.parse_method`.
    out
        Folder for results; a run that was interrupted resumes in it.
    request
        Which images, how they are scored, where it runs.
    progress
        Progress reporter; may request cancellation.

    Raises
    ------
    autodip_ij.errors.AutodipError
        If there is nothing to compare, or every job failed.
    """
    _, pairs = find_pairs(data, request)
    return evaluate_pairs(pairs, methods, Path(out), request, progress or Silent())


def evaluate_pairs(
    pairs: Sequence[Pair],
    methods: Sequence[str],
    out: Path,
    request: Request,
    progress: Progress,
    texts: Mapping[str, Mapping[str, str]] | None = None,
) -> Evaluation:
    """Run methods on pairs, score them, and write tables, tests and figures.

    Parameters
    ----------
    pairs
        Noisy and clean images.
    methods, out, request, progress
        As in `evaluate_methods`.
    texts
        As in `autodip_ij.evaluation.scoring.comparison.compare`: methods with parameters of a pair's own.
    """
    require("evaluation")
    options = request.options(str(out / "images") if request.panels else "")
    if not options.perceptual and request.scoring.lpips is None:
        progress.log(
            "LPIPS is omitted: its weights are not available (--lpips-weights FOLDER, or --lpips to download them)"
        )
    found = compare(pairs, methods, out, options, texts, **request.running.for_jobs, progress=progress)
    _refuse_if_all_failed(found)
    table = table_of(found.rows)
    against = request.against or methods[0]
    measured = [name for name in TESTED if table[name].notna().any()]
    several = table["method"].nunique() > 1 and against in set(table["method"])
    tests = tuple(paired_tests(table, against, measured)) if several else ()
    means = means_of(table)
    files = write_comparison(out, found, table, means, tests, pairs, methods, options, panels=request.panels)
    return Evaluation(table, means, tests, found.summary.failed, files, found.summary.stopped)


def _refuse_if_all_failed(found: Comparison) -> None:
    if found.rows or not found.summary.failed:
        return
    job, error = next(iter(found.summary.failed.items()))
    raise AutodipError(f"all {len(found.summary.failed)} jobs failed, first {job}: {error}")
