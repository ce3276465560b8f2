"""``autodip calibrate``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from autodip_ij.evaluation.datasets.model import Selection

if TYPE_CHECKING:
    from autodip_ij.evaluation.datasets import Pair
    from autodip_ij.evaluation.search.plan import SearchPlan
    from autodip_ij.evaluation.search.selection import Selected
    from autodip_ij.progress import Progress

Flag = Annotated[bool, Parameter(negative="")]


def calibrate(
    data: Path,
    output: Path,
    *,
    grid: Path | None = None,
    selection: Annotated[Selection | None, Parameter(name="*", consume_multiple=True, negative="")] = None,
    select: int | None = None,
    validation: int = 0,
    share_fields: Flag = False,
    selection_seed: int = 0,
    seed: int = 1,
    device: Literal["auto", "cuda", "mps", "cpu"] = "auto",
    precision: Literal["auto", "float32", "bfloat16"] = "auto",
    lpips_weights: str = "",
    workers: int | None = None,
    threads: int = 1,
    scheduler: str | None = None,
    name: str = "",
    source: str = "",
    licence: str = "",
    images: bool = True,
    keep_jobs: Flag = False,
    dry_run: Flag = False,
    overwrite: Flag = False,
    quiet: Flag = False,
    json: Flag = False,
) -> int:
    """Find the best network and number of iterations for your own images, and write them as a calibration pack.

    Every network of the grid is fitted once to every noisy image and compared with the clean image at every stop; if
    the grid has rungs, only those that did well on small parts of few images. Run the same command again after an
    interruption to resume. Use the pack with `autodip denoise FILE --calibration OUTPUT`.

    Parameters
    ----------
    data
        Folder of noisy and clean images: with a pairs.csv, or a public data set. Of images larger than 512 px only the
        centre is used, unless --crop is given.
    output
        Calibration pack to write: a folder, or .zip.
    grid
        TOML file of the grid to search; by default that of the paper, 70 networks and 30 stops.
    select
        Number of images per group to calibrate on, selected by UMAP to cover their variety; all by default.
    validation
        Number of further images per group to reserve for validation; the pack lists them.
    share_fields
        Allow validation images from fields of view that also provide calibration images, as published.
    selection_seed
        Seed of the selection.
    seed
        Seed of the fits.
    device
        Where to compute.
    precision
        Number format of the networks.
    lpips_weights
        Folder of LPIPS backbone weights; also $AUTODIP_LPIPS_WEIGHTS.
    workers
        Number of processes on this machine; by default one per GPU, or as many as cores and memory allow.
    threads
        Number of threads of each process.
    scheduler
        Address (tcp://host:8786) or file (*.json) of a Dask scheduler, instead of processes on this machine.
    name
        Name of the calibration; by default that of the output.
    source
        Description of the data for the pack.
    licence
        Licence of the pack.
    images
        Store the noisy images in the pack, for strategies that compare pixels; --no-images stores only descriptors.
    keep_jobs
        Retain the results of single fits, so that a larger grid can reuse them.
    dry_run
        Only show the plan and its cost.
    overwrite
        Replace an existing pack.
    quiet
        Show errors only.
    json
        Print the plan (with --dry-run) or the path of the pack as JSON.
    """
    from autodip_ij.cli.console import console_progress
    from autodip_ij.evaluation.datasets import open_dataset
    from autodip_ij.evaluation.search.calibrate import Workers, default_workers
    from autodip_ij.evaluation.search.calibrate import calibrate as run
    from autodip_ij.evaluation.search.grid import Grid, read_grid
    from autodip_ij.evaluation.search.job import LARGEST_SIDE
    from autodip_ij.evaluation.search.page import About
    from autodip_ij.evaluation.search.plan import SearchOptions, plan_search
    from autodip_ij.evaluation.search.selection import select_pairs

    wanted = selection or Selection()
    tried = read_grid(grid) if grid else Grid()
    dataset = open_dataset(data, wanted.dataset)
    pairs: list[Pair] = list(wanted.apply(dataset.pairs))
    chosen: list[Selected] = []
    with console_progress(quiet=quiet) as progress:
        if select is not None:
            pairs, chosen = select_pairs(
                pairs, select, validation=validation, share_fields=share_fields, seed=selection_seed
            )
        with_lpips = _lpips_available(lpips_weights, progress, download=not dry_run)
        options = SearchOptions(wanted.crop or LARGEST_SIDE, seed, device, precision, with_lpips, lpips_weights or None)
        plan = plan_search(pairs, tried, options)
        count = workers if workers is not None else default_workers(plan, threads)
        if dry_run:
            _show_plan(plan, count, scheduler, json)
            return 0
        if plan.too_deep:
            progress.log(
                f"{sum(plan.too_deep.values())} fits omitted: the images are too small for this number of levels"
            )
        title = source or f"{dataset.name}: {', '.join(sorted({pair.dataset for pair in pairs}))}"
        written = run(
            plan,
            output,
            About(name or output.stem, title, licence, _command_line()),
            workers=Workers(count, scheduler, threads),
            with_images=images,
            selection=chosen,
            overwrite=overwrite,
            keep_jobs=keep_jobs,
            progress=progress,
        )
    if written is None:
        return 1
    if json:
        from json import dumps

        print(dumps({"pack": str(written), "fits": len(plan.runs), "images": len(pairs)}))
    elif not quiet:
        from autodip_ij.cli.console import say

        say(written)
    return 0


def _lpips_available(weights: str, progress: Progress, *, download: bool) -> bool:
    """Whether LPIPS can be measured; report the omitted criteria if it cannot."""
    from autodip_ij.errors import EnvironmentProblem
    from autodip_ij.metrics import lpips_available
    from autodip_ij.metrics.perceptual_distance import lpips_network

    if lpips_available(weights=weights or None):
        return True
    try:
        if weights or download:
            lpips_network(weights=weights or None)
            return True
        cause = "they would be downloaded"
    except EnvironmentProblem as error:
        if weights:
            raise
        cause = str(error)
    progress.log(f"LPIPS cannot be measured yet, so the criteria lpips and lpips_psnr are omitted: {cause}")
    return False


def _show_plan(plan: SearchPlan, workers: int, scheduler: str | None, as_json: bool) -> None:
    from autodip_ij._support.text import duration
    from autodip_ij.evaluation.search.halving import expected
    from autodip_ij.evaluation.search.plan import estimate_seconds

    steps = [
        {
            "crop": step.options.crop,
            "images": len(step.pairs),
            "fits": round(share * len(step.runs)),
            "tera_operations": share * step.operations / 1e12,
            "seconds_of_fits": share * estimate_seconds(step),
        }
        for step, share in expected(plan)
    ]
    fits, operations, seconds = (
        sum(step[key] for step in steps) for key in ("fits", "tera_operations", "seconds_of_fits")
    )
    groups: dict[str, int] = {}
    for pair in plan.pairs:
        groups[pair.group] = groups.get(pair.group, 0) + 1
    record = {
        "images": len(plan.pairs),
        "groups": groups,
        "configurations": len(plan.grid.configurations()),
        "stops": list(plan.grid.stops),
        "fits": fits,
        "rungs": steps[:-1],
        "too_deep": plan.too_deep,
        "tera_operations": operations,
        "seconds_of_fits": seconds,
        "workers": None if scheduler else workers,
    }
    if as_json:
        from json import dumps

        print(dumps(record, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    from autodip_ij.cli.console import add_row

    table = Table(show_header=False)
    add_row(table, "images", ", ".join(f"{group}: {count}" for group, count in groups.items()))
    table.add_row("networks", str(record["configurations"]))
    stops = plan.grid.stops
    table.add_row("stops", f"{stops[0]} to {stops[-1]}, {len(stops)} of them")
    for number, step in enumerate(steps if len(steps) > 1 else [], 1):
        what = f"{step['fits']} fits on {step['images']} images, {step['crop']} px: {duration(step['seconds_of_fits'])}"
        table.add_row(f"rung {number}" if number < len(steps) else "final search", what)
    table.add_row("fits", f"{fits}" + (f", {sum(plan.too_deep.values())} too deep" if plan.too_deep else ""))
    table.add_row("operations", f"{operations:,.1f} TFLOP")
    table.add_row("time of the fits", f"{duration(seconds)} one after the other on this machine")
    if not scheduler:
        table.add_row("with workers", f"about {duration(seconds / workers)} with {workers}")
    Console().print(table)


def _command_line() -> str:
    """Return the command line with file names in place of paths, which a shared pack must not reveal."""
    import shlex

    def without_folder(word: str) -> str:
        path = Path(word)
        return path.name if path.is_absolute() or ("/" in word and path.exists()) else word

    return shlex.join(["autodip", *map(without_folder, sys.argv[1:])])
