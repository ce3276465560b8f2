"""What a method gains by residual grain: its result mixed with a little of the noisy image.

LPIPS falls when some noise is mixed into a smooth result, whatever made it. A method is better than another only if
its curve of PSNR over LPIPS, with 0 to 20 % of the noisy image, lies above the other's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import tifffile

from autodip_ij import metrics
from autodip_ij.batch.jobs import Job, JobStore, run_jobs
from autodip_ij.errors import BadInput
from autodip_ij.evaluation.datasets.model import Pair
from autodip_ij.evaluation.figures.plots import COLOURS, GREY, INK, LINE, figure, save
from autodip_ij.evaluation.scoring.comparison import facts, image_file, job_key
from autodip_ij.evaluation.scoring.matching import Options, central, matched_pair, scoring_device
from autodip_ij.evaluation.scoring.measures import measure_of
from autodip_ij.evaluation.scoring.methods import parse_method

_JOB = "autodip_ij.evaluation.mixing.mix_one"  # as in the fingerprints of stored results

Curve = npt.NDArray[np.float64]
SHARES = (0.0, 0.05, 0.1, 0.15, 0.2)
"""Shares of the noisy image."""
_DASHES = ("-", "--", ":")
_BETWEEN = 50
"""Points to which the stretch between two shares is filled for a comparison."""


def mixing_curves(
    tasks: Sequence[tuple[Pair, str]],
    folder: str | Path,
    options: Options,
    shares: Sequence[float] = SHARES,
    **running: Any,
) -> list[dict[str, Any]]:
    """Score the stored results of methods, mixed with the noisy image; resumes an interrupted run.

    Parameters
    ----------
    tasks
        Pairs with the method whose result is mixed; the result must be in ``options.images``.
    folder
        Results of finished jobs.
    options
        Options with which the results were computed.
    shares
        Of the noisy image in the mixture.
    **running
        As in `autodip_ij.batch.jobs.run_jobs`.

    Returns
    -------
    list of dict
        The pair's facts, ``method``, ``share``, ``psnr``, ``ssim``, ``lpips_01``, ``lpips_11``; without the tasks that
        have no stored result.
    """
    jobs = [job for pair, method in tasks if (job := _job(pair, method, options, tuple(shares))) is not None]
    summary = run_jobs(jobs, folder, message="mixtures", **running)
    finished = {*summary.done, *summary.resumed}
    results = JobStore(Path(folder)).results()
    return [row for job in jobs if job.key in finished for row in results[job.key]]


def mix_one(pair: Pair, method: str, options: Options, shares: tuple[float, ...], digest: str) -> list[dict[str, Any]]:
    """Score one stored result at every share; the function that workers run. `digest` distinguishes results."""
    noisy, clean = (central(recipe.read(), options.crop) for recipe in (pair.noisy, pair.clean))
    matched = matched_pair(pair, noisy, clean, options)
    reference = matched.inner(matched.reference)
    result = tifffile.imread(image_file(Path(options.images), pair.name, method))
    scale: Any = pair.value_range if pair.value_range is not None else "reference"
    conventions: Mapping[str, Any] = {"lpips_01": "zero_one", "lpips_11": "minus_one_one"} if options.perceptual else {}
    rows = []
    for share in shares:
        mixture = matched.inner((result + np.float32(share) * (noisy - result)).astype(np.float32))
        scores = {
            "psnr": metrics.psnr(reference, mixture, data_range=scale),
            "ssim": metrics.ssim(reference, mixture, data_range=scale),
        }
        for name, convention in conventions.items():
            scores[name] = metrics.lpips(
                reference,
                mixture,
                data_range=scale,
                convention=convention,
                weights=options.weights or None,
                device=scoring_device(options.device),
            )
        rows.append({**facts(pair), "method": method, "share": share, **scores})
    return rows


def common_images(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the images that every method of their microscope has, so that mean curves compare."""
    wanted = rows.groupby("microscope")["method"].transform("nunique")
    return rows[rows.groupby("pair")["method"].transform("nunique") == wanted]


def mean_curve(rows: pd.DataFrame, method: str, lpips: str = "lpips_01") -> Curve:
    """Return the mean (LPIPS, PSNR) of a method at each share, ascending: (shares, 2)."""
    of_it = rows[rows["method"] == method]
    return of_it.groupby("share", sort=True)[[lpips, "psnr"]].mean().to_numpy(np.float64)


def least_lead(curve: Curve, rival: Curve) -> float:
    """Return by how much a curve lies above a rival's at the rival's best point, in dB; negative where it lies below.

    For every point of the rival, the lead is the PSNR of the best mixture of `curve` with no higher LPIPS, less the
    rival's PSNR; the least of them counts. Minus infinity where the rival reaches an LPIPS that `curve` does not.

    Parameters
    ----------
    curve, rival
        (points, 2): LPIPS and PSNR, in the order of the shares; straight lines between the points are sampled.

    Examples
    --------
    >>> ours, theirs = np.array([[0.2, 35.0], [0.1, 34.0]]), np.array([[0.2, 34.0], [0.15, 33.5]])
    >>> round(least_lead(ours, theirs), 1), least_lead(theirs, ours)
    (1.0, -inf)
    """
    ours, theirs = _filled(curve), _filled(rival)
    reached = ours[None, :, 0] <= theirs[:, None, 0] + 1e-9
    best = np.where(reached, ours[None, :, 1], -np.inf).max(axis=1)
    return float((best - theirs[:, 1]).min())


def mixing_plot(rows: pd.DataFrame, path: str | Path, *, lpips: str = "lpips_01") -> Path:
    """Draw the mixing curves of all methods, one panel per microscope; the large dot is the result itself.

    Parameters
    ----------
    rows
        The rows of `mixing_curves`, as a table.
    path
        File to write.
    lpips
        ``lpips_01`` or ``lpips_11``.

    Raises
    ------
    autodip_ij.errors.BadInput
        If there is no curve with LPIPS.
    """
    if rows.empty or lpips not in rows or not rows[lpips].notna().any():
        raise BadInput("no mixing curves with LPIPS to draw")
    microscopes = sorted(rows["microscope"].unique())
    methods = list(dict.fromkeys(rows["method"]))
    drawing = figure((0.6 + 3.6 * len(microscopes), 4.2 + 0.16 * len(methods)))
    grid = drawing.subplots(1, len(microscopes), squeeze=False)[0]
    for axes, microscope in zip(grid, microscopes, strict=True):
        of_it = rows[rows["microscope"] == microscope]
        for index, method in enumerate(methods):
            if not (of_it["method"] == method).any():
                continue
            curve = mean_curve(of_it, method, lpips)
            colour, dashes = COLOURS[index % len(COLOURS)], _DASHES[index // len(COLOURS) % len(_DASHES)]
            axes.plot(curve[:, 0], curve[:, 1], dashes, color=colour, marker=".", linewidth=1.3, label=method)
            axes.plot(*curve[0], "o", color=colour, markersize=6)
        axes.set_title(f"{microscope}, {of_it['pair'].nunique()} images", color=INK, fontsize=10)
        axes.set_xlabel(f"{measure_of(lpips).label} (lower is better)", color=INK, fontsize=9)
        axes.tick_params(colors=GREY, labelsize=8.5, labelcolor=INK)
        axes.grid(color=LINE, linewidth=0.7)
    grid[0].set_ylabel("PSNR / dB", color=INK, fontsize=9)
    handles = {label: line for axes in grid for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    drawing.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return save(drawing, Path(path))


def _filled(curve: Curve) -> Curve:
    places = np.linspace(0, len(curve) - 1, (len(curve) - 1) * _BETWEEN + 1)
    return np.stack([np.interp(places, np.arange(len(curve)), column) for column in curve.T], axis=1)


def _job(pair: Pair, method: str, options: Options, shares: tuple[float, ...]) -> Job | None:
    stored = image_file(Path(options.images), pair.name, method)
    if not stored.is_file():
        return None
    digest = hashlib.sha256(stored.read_bytes()).hexdigest()[:16]
    arguments = {"pair": pair, "method": method, "options": options, "shares": shares, "digest": digest}
    return Job(job_key(pair.name, parse_method(method).key, method), mix_one, arguments, name=_JOB)
