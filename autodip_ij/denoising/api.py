"""The way of the data on one page: image -> groups -> parameters -> fits -> image and report.

Batch, Fiji and the command line all come through `denoise_image`; there is no second way.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autodip_ij.denoising.background import StageTimes
from autodip_ij.denoising.plan import Plan, plan_run
from autodip_ij.denoising.record import Recorder
from autodip_ij.denoising.report import sidecar_path
from autodip_ij.denoising.result import (
    ONE_FIT,
    FileResult,
    Result,
    UncertaintyMap,
    default_output,
    has_uncertainty,
    new_array,
    refuse_bad_target,
    refuse_bad_type,
    uncertainty_path,
)
from autodip_ij.denoising.run import Run
from autodip_ij.denoising.watch import announcements
from autodip_ij.errors import BadInput
from autodip_ij.groups.model import GroupDecision
from autodip_ij.images.image import Image
from autodip_ij.progress import Progress, Silent
from autodip_ij.settings import DenoiseSettings


def denoise_image(
    image: Image,
    settings: DenoiseSettings | None = None,
    *,
    decisions: Sequence[GroupDecision] | None = None,
    progress: Progress | None = None,
) -> Result:
    """Denoise the selected planes of an image.

    Parameters
    ----------
    image
        Lazy image (T, C, Z, Y, X); planes are read a few at a time.
    settings
        Defaults are those of `DenoiseSettings`.
    decisions
        One decision per channel of `image`, instead of inferring the groups from its metadata.
    progress
        Who is told and may stop the run; nobody by default.

    Returns
    -------
    Result
        Same grey-value scale and metadata, float32 or, by setting, the input's type.

    Raises
    ------
    autodip_ij.errors.BadInput
        For a selection that is not there, or pixels that cannot be denoised.
    autodip_ij.errors.Cancelled
        If the user discards the work.
    autodip_ij.errors.EnvironmentProblem
        If the device is missing or memory does not suffice.

    Examples
    --------
    >>> import numpy as np
    >>> noisy = np.random.default_rng(0).poisson(40, (48, 40)).astype(np.uint16)
    >>> settings = DenoiseSettings(group="widefield/nucleus", iterations=2, width=4, device="cpu")
    >>> denoise_image(Image.from_array(noisy), settings).image.shape
    (48, 40)
    """
    settings = settings or DenoiseSettings()
    progress = progress or Silent()
    started = time.perf_counter()
    times = StageTimes()
    with times.of("plan"):
        plan = plan_run(image, settings, decisions)
    recorder = Recorder(plan, settings)
    for line in announcements(plan, settings):
        recorder.say(progress, line)
    pixels = new_array(plan.image.shape, plan.output_dtype)
    spread = uncertainty_map(plan, plan.image, settings, recorder, progress)
    progress.start(plan.total_steps, f"Denoising {plan.image.name}")
    Run(plan, recorder, pixels, spread, progress, times).denoise()
    recorder.tell_quality(progress)
    report = recorder.finish(time.perf_counter() - started, times.seconds())
    return Result(plan.image.with_data(pixels), report, spread.image() if spread else None)


def uncertainty_map(
    plan: Plan, like: Image, settings: DenoiseSettings, recorder: Recorder, progress: Progress
) -> UncertaintyMap | None:
    """Return where the uncertainty of the planes of `like` is collected; None if it is not asked for, or unknown."""
    if not settings.uncertainty:
        return None
    if has_uncertainty(channel.recipe for channel in plan.channels):
        return UncertaintyMap(like)
    recorder.say(progress, ONE_FIT)
    return None


def denoise_file(
    source: str | Path,
    target: str | Path | None = None,
    settings: DenoiseSettings | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> FileResult:
    """Denoise one scene of a file into a file with a sidecar.

    Parameters
    ----------
    source
        Any format that `autodip_ij.read` opens.
    target
        ``.ome.tif``, ``.ome.zarr``, ``.ome.zarr.zip`` or ``.tif``; by default
        ``<name>_autodip.ome.tif`` beside the source.
    settings, progress
        As in `denoise_image`.
    overwrite
        Replace an output that is there.

    Raises
    ------
    autodip_ij.errors.AutodipError
        One line with the cause and the way out.
    """
    from autodip_ij.images import open_image

    settings = settings or DenoiseSettings()
    source = Path(source)
    output = Path(target) if target is not None else default_output(source)
    refuse_bad_target(output, source, overwrite)
    if settings.uncertainty:
        refuse_bad_target(uncertainty_path(output), source, overwrite)
    image = open_image(source, settings.scene)
    if settings.dtype == "same":
        refuse_bad_type(output, image.dtype)
    result = denoise_image(image, settings, progress=progress)
    written = result.save(output, overwrite=overwrite)
    return FileResult(written, sidecar_path(written), result.report)


def denoise(
    image: Any,
    *,
    axes: str | None = None,
    microscope: str | None = None,
    specimen: str | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Result:
    """Denoise an array, an `Image`, or a file.

    Parameters
    ----------
    image
        numpy, dask or xarray array of 2 to 5 axes, `Image`, or path.
    axes
        Axis letters of an array, e.g. ``"CYX"``; the last of ``TCZYX`` by default.
    microscope, specimen
        What is known of the group: ``confocal``, ``twophoton``, ``widefield``; ``nucleus``, ``actin``, ``mito``.
        Short for ``group="confocal/actin"``.
    progress
        Who is told and may stop the run.
    **settings
        Fields of `DenoiseSettings`.

    Returns
    -------
    Result
        ``.image`` is the array in the axes of the input, ``.report`` the record, ``.save(path)`` writes both.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown setting or value, an unreadable file, or pixels that cannot be denoised.

    Examples
    --------
    >>> import numpy as np
    >>> noisy = np.random.default_rng(0).normal(100, 20, (2, 40, 48))
    >>> small = {"iterations": 2, "width": 4, "device": "cpu"}
    >>> result = denoise(noisy, axes="CYX", microscope="widefield", specimen="actin", **small)
    >>> result.image.shape, result.image.dtype, result.report.channels[0].group
    ((2, 40, 48), dtype('float32'), 'widefield/actin')
    """
    if microscope or specimen:
        if "group" in settings:
            raise BadInput("give either group, or microscope and specimen, not both")
        settings["group"] = "/".join(part for part in (microscope, specimen) if part)
    parsed = DenoiseSettings.parse(**settings)
    if isinstance(image, str | Path):
        from autodip_ij.images import open_image

        image = open_image(image, parsed.scene)
    elif not isinstance(image, Image):
        image = Image.from_array(image, axes)
    return denoise_image(image, parsed, progress=progress)
