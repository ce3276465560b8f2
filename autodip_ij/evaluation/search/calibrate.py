"""From pairs of noisy and clean images to a calibration pack: plan, run, judge, write."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from autodip_ij.calibration.pack.files import Descriptor, jobs_folder
from autodip_ij.calibration.pack.write import PackContent, PackImage, write_pack
from autodip_ij.calibration.parameters import architecture_of
from autodip_ij.errors import AutodipError, UnwritableOutput, require
from autodip_ij.evaluation.search.criteria import preferred_criterion
from autodip_ij.evaluation.search.halving import Climbed, climb, rung_plan
from autodip_ij.evaluation.search.job import OUT_OF_MEMORY, PreparedPair, gpu_count, prepare_pair
from autodip_ij.evaluation.search.page import About, embedding, page, pictures_of, provenance
from autodip_ij.evaluation.search.plan import SearchPlan
from autodip_ij.evaluation.search.results import find_best, stops_at_an_end, tabulate
from autodip_ij.progress import Progress, Silent

if TYPE_CHECKING:
    import pandas as pd

    from autodip_ij.batch.jobs import RunSummary
    from autodip_ij.evaluation.datasets import Pair
    from autodip_ij.evaluation.search.selection import Selected

_ALIKE = 1.25
"""Sides within this factor count as one."""


@dataclass(frozen=True)
class Workers:
    """Where the fits run: see `autodip_ij.batch.jobs.run_jobs`."""

    count: int = 1
    scheduler: str | None = None
    threads: int = 1


def calibrate(
    plan: SearchPlan,
    target: str | Path,
    about: About,
    *,
    workers: Workers | None = None,
    with_images: bool = True,
    selection: Sequence[Selected] = (),
    overwrite: bool = False,
    keep_jobs: bool = False,
    progress: Progress | None = None,
) -> Path | None:
    """Run a search and write its calibration pack.

    The result of every fit is stored in a folder beside the target until the pack is written, so that an interrupted
    search resumes.

    Parameters
    ----------
    plan
        What to do.
    target
        Pack to write: a folder, or a zip.
    about
        Description of a pack.
    workers
        Where the fits run; one local process by default.
    with_images
        Whether the noisy images are put into the pack, for the strategies that compare pixels.
    selection
        How the images were selected, for the record and the plot.
    overwrite
        Replace a pack that is there.
    keep_jobs
        Keep the results of the single fits afterwards, so that a larger grid can go on from them.
    progress
        Progress reporter; may request cancellation.

    Returns
    -------
    Path or None
        The pack; None if the user stopped the search, which goes on with the same call.

    Raises
    ------
    autodip_ij.errors.AutodipError
        If fits failed for a reason that another attempt may not meet.
    autodip_ij.errors.UnwritableOutput
        If the target exists or cannot be written.
    """
    require("evaluation")
    path = Path(target)
    if path.exists() and not overwrite:
        raise UnwritableOutput(f"{path} exists already; choose another name or add --overwrite")
    progress, workers = progress or Silent(), workers or Workers()
    folder = jobs_folder(path)
    climbed: list[Climbed] = []
    for number, rung in enumerate(plan.grid.rungs, 1):
        tried = rung_plan(plan, rung)
        measured = _fitted(tried, folder, workers, progress, f"fits of rung {number}")
        if measured is None:
            return None
        climbed.append(climb(plan, rung, tried, measured))
        progress.log(f"rung {number} of {len(plan.grid.rungs)}: {climbed[-1]}")
        plan = plan.restricted({*climbed[-1].kept, *climbed[-1].unjudged})
    results = _fitted(plan, folder, workers, progress, "fits")
    if results is None:
        return None
    content = make_pack(
        plan, results, about, with_images=with_images, selection=selection, climbed=climbed, progress=progress
    )
    written = write_pack(content, path, overwrite=overwrite)
    if not keep_jobs:
        shutil.rmtree(folder, ignore_errors=True)
    return written


def _fitted(plan: SearchPlan, folder: Path, workers: Workers, progress: Progress, message: str) -> pd.DataFrame | None:
    """Perform the fits of a plan that are not done yet; return all results, None if the user stopped."""
    from autodip_ij.batch.jobs import JobStore, run_jobs

    summary = run_jobs(
        [run.job for run in plan.runs],
        folder,
        workers=workers.count,
        scheduler=workers.scheduler,
        threads=workers.threads,
        progress=progress,
        message=message,
    )
    if summary.stopped:
        progress.log(
            f"stopped; the same command resumes after the {len(summary.done) + len(summary.resumed)} {message} done"
        )
        return None
    return tabulate(plan, {**JobStore(folder).results(), **_died(summary)})


def make_pack(
    plan: SearchPlan,
    results: pd.DataFrame,
    about: About,
    *,
    with_images: bool = True,
    selection: Sequence[Selected] = (),
    climbed: Sequence[Climbed] = (),
    progress: Progress | None = None,
) -> PackContent:
    """Return the pack that follows from the results of a search; `climbed` are the rungs before it."""
    import pandas as pd

    verdict = find_best(results, plan.grid)
    default = preferred_criterion(results)
    remarks = [
        f"{name}: no parameters, since no setting worked on all of its images" for name in verdict.without_result
    ]
    if ends := stops_at_an_end(verdict.parameters, plan.grid, default):
        remarks.append(
            f"chosen at the first or last stop of the grid, so that a better one may lie beyond: {', '.join(ends)}"
        )
    if verdict.too_small:
        remarks.append(
            f"parameters of wider groups, since of fewer than {plan.grid.fewest_images} images: "
            f"{', '.join(verdict.too_small)}"
        )
    for remark in remarks:
        (progress or Silent()).log(remark)
    groups = list(dict.fromkeys(group for _, group, _ in verdict.parameters))
    pictures = pictures_of(results, groups)
    if selection:
        pictures["pictures/embedding.png"] = embedding(selection, f"{about.name}: {len(selection)} images")
    images = [_pack_image(pair, plan, with_images) for pair in plan.pairs]
    record = provenance(plan, results, about, verdict, climbed)
    lines = [
        about.source,
        f"Made {record['made']} on {record['machine']['processor']}; {len(images)} images.",
        *(f"Rung {number}: {rung}." for number, rung in enumerate(climbed, 1)),
        *remarks,
    ]
    files: dict[str, bytes] = {
        "results.parquet": results.to_parquet(None, index=False),
        "pareto.csv": verdict.pareto.to_csv(index=False).encode(),
        "provenance.json": json.dumps(record, indent=2, default=str).encode(),
        "index.html": page(about.name, lines, default, verdict.parameters, pictures),
        **pictures,
    }
    if selection:
        files["selection.csv"] = pd.DataFrame([asdict(image) for image in selection]).to_csv(index=False).encode()
    return PackContent(
        name=about.name,
        title=f"Grid search over {len(images)} images",
        source=about.source,
        licence=about.licence,
        side_px=_common_side(plan),
        default_criterion=default,
        parameters=verdict.parameters,
        images=images,
        image_parameters=verdict.image_parameters,
        noise_parameters=verdict.noise_parameters,
        original_dip=verdict.original_dip,
        files=files,
    )


def _common_side(plan: SearchPlan) -> int | None:
    """Return the side of the images, px; None if they differ too much for one number of iterations."""
    sides = [sqrt(height * width) for height, width in plan.shapes.values()]
    return round(median(sides)) if max(sides) <= _ALIKE * min(sides) else None


def _pack_image(pair: Pair, plan: SearchPlan, with_images: bool) -> PackImage:
    prepared = prepare_pair(pair, plan.options.crop)
    return PackImage(
        name=pair.name,
        microscope=pair.microscope,
        specimen=pair.specimen,
        shape=prepared.shape,
        field=pair.field,
        level=pair.level,
        noise=plan.noise[pair.name],
        pixels=prepared.noisy if with_images else None,
        descriptor=_describe(prepared, plan),
    )


def _describe(prepared: PreparedPair, plan: SearchPlan) -> Descriptor:
    from autodip_ij.calibration.descriptors import describe

    options = plan.options
    return describe(prepared.noisy, weights=options.weights, with_features=options.with_lpips)


def _died(summary: RunSummary) -> Mapping[str, Mapping[str, Any]]:
    """Return the fits whose worker died repeatedly as failed settings; refuse any other failure.

    A worker that the system kills has run out of memory; it would do so again.
    """
    died = {key: error for key, error in summary.failed.items() if error.startswith("KilledWorker")}
    others = {key: error for key, error in summary.failed.items() if key not in died}
    if others:
        key, error = next(iter(others.items()))
        raise AutodipError(f"{len(others)} of the fits failed, first {key}: {error}; the same command retries them")
    return {
        key: {
            "status": OUT_OF_MEMORY,
            "message": error,
            "stops": [],
            "scores": {},
            "seconds_per_iteration": None,
            "device": None,
            "precision": None,
            "engine": None,
            "version": None,
        }
        for key, error in died.items()
    }


def default_workers(plan: SearchPlan, threads: int = 1) -> int:
    """Return how many local processes suit a plan: one per GPU, else as many as cores and free memory allow."""
    import os

    import psutil

    from autodip_ij.dip import estimate_cost, resolve_device

    device = resolve_device(plan.options.device)
    if device.startswith("cuda"):
        return gpu_count()
    if device == "mps":
        return 1
    costliest = plan.runs[0]
    stops = costliest.stops
    architecture = architecture_of(costliest.configuration.parameters(stops[-1]))
    need = estimate_cost(architecture, costliest.shape, stops[-1], device=device, precision=plan.options.precision)
    by_memory = int(psutil.virtual_memory().available // max(need.bytes, 1))
    by_cores = max((os.cpu_count() or 1) // threads, 1)
    return max(1, min(by_cores, by_memory, len(plan.runs)))
