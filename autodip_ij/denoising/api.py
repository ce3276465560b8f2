"""The path of the data on one page: image -> groups -> parameters -> fits -> image and report.

Batch, Fiji and the command line all call `denoise_image`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Unpack

from autodip_ij.denoising.background import StageTimes
from autodip_ij.denoising.keywords import Keywords
from autodip_ij.denoising.partial import Partial
from autodip_ij.denoising.plan import plan_run
from autodip_ij.denoising.planes import Grid
from autodip_ij.denoising.record import Recorder
from autodip_ij.denoising.result import FileResult, Result, UncertaintyMap, default_output, run_file
from autodip_ij.denoising.run import Run, run
from autodip_ij.denoising.shown import shown, warn_of_red
from autodip_ij.denoising.windows import Window, stored_plan
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
    progress: Progress | bool | None = None,
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
        True for a bar; or a reporter, which may request cancellation and receives the lines. Without one, the
        lines go to the logger ``autodip_ij`` at level INFO.

    Returns
    -------
    Result
        Same grey-value scale and metadata, float32 or, by setting, the input's type.

    Raises
    ------
    autodip_ij.errors.BadInput
        For a selection that does not exist, or pixels that cannot be denoised.
    autodip_ij.errors.Cancelled
        If the user discards the work.
    autodip_ij.errors.EnvironmentProblem
        If the device is missing or memory does not suffice.

    Warns
    -----
    autodip_ij.denoising.shown.QualityWarning
        For every red check, unless a reporter receives them as lines.

    Examples
    --------
    >>> import numpy as np
    >>> noisy = np.random.default_rng(0).poisson(40, (48, 40)).astype(np.uint16)
    >>> settings = DenoiseSettings(group="widefield/nucleus", iterations=2, width=4, device="cpu")
    >>> denoise_image(Image.from_array(noisy), settings).image.shape
    (48, 40)
    """
    if not isinstance(image, Image):
        raise BadInput(f"image: a {type(image).__name__} was given; give an Image, or call autodip_ij.denoise")
    with shown(progress) as told:
        result = _denoised(image, _checked(settings), told, decisions=decisions)
    warn_of_red(result.report, progress)
    return result


def _denoised(
    image: Image,
    settings: DenoiseSettings,
    progress: Progress,
    *,
    decisions: Sequence[GroupDecision] | None = None,
    partial: Partial | None = None,
    processes: int = 0,
    planned: str = "",
) -> Result:
    if partial is not None and planned:
        plan, times = stored_plan(partial.plan, planned)
    else:
        times = StageTimes()
        with times.of("plan"):
            plan = plan_run(image, settings, decisions)
    return run(plan, settings, progress, times, partial=partial, processes=processes)


def denoise_file(
    source: str | Path,
    target: str | Path | None = None,
    settings: DenoiseSettings | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | bool | None = None,
    show: Callable[[Image, Result], None] | None = None,
    processes: int = 0,
    planned: str = "",
) -> FileResult:
    """Denoise one scene of a file into a file with a sidecar.

    Where it ends early, the complete planes are kept beside the target, and the same call goes on from there.

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
        Replace an existing output.
    show
        Called with the opened source and its result before that is written.
    processes
        Number of processes among which the file may be divided; 0 for not at all.
    planned
        The plan by which its windows were made, as `Window.plan`; empty to plan.

    Raises
    ------
    autodip_ij.denoising.windows.Divided
        If it was divided: not an error.
    autodip_ij.errors.AutodipError
        One line with the cause and the remedy.
    """
    settings = _checked(settings)
    output = Path(target) if target is not None else default_output(Path(source))
    with shown(progress) as told:
        made = run_file(
            Path(source),
            output,
            settings,
            overwrite,
            lambda image, partial: _denoised(
                image, settings, told, partial=partial, processes=processes, planned=planned
            ),
            show,
        )
    warn_of_red(made.report, progress)
    return made


def denoise_window(
    target: Path, settings: DenoiseSettings, window: Window, *, progress: Progress | None = None
) -> None:
    """Denoise the planes of one window of a file that was divided, into the unfinished result of `target`.

    Raises
    ------
    autodip_ij.errors.AutodipError
        One line with the cause and the remedy.
    """
    times = StageTimes()
    with Partial(target, window=True) as partial:
        plan, _ = stored_plan(partial.plan, window.plan)
        partial.join(plan, settings)
        spread = UncertaintyMap(plan.image, partial.uncertainty) if partial.uncertainty is not None else None
        pixels: Any = partial.pixels
        told, recorder = progress or Silent(), Recorder(plan, settings)
        made = Run(plan, plan.image, recorder, pixels, spread, told, times, Grid(), partial)
        made.process(only=frozenset(window.places))


def denoise(
    image: Any,
    settings: DenoiseSettings | None = None,
    *,
    axes: str | None = None,
    microscope: str | None = None,
    specimen: str | None = None,
    progress: Progress | bool | None = None,
    **overrides: Unpack[Keywords],
) -> Result:
    """Denoise an array, an `Image`, or a file.

    Parameters
    ----------
    image
        numpy, dask or xarray array of 2 to 5 axes, `Image`, or path.
    settings
        Settings of the run; those of `DenoiseSettings` by default.
    axes
        Axis letters of an array, e.g. ``"CYX"``; the last of ``TCZYX`` by default.
    microscope, specimen
        What is known of the group: ``confocal``, ``twophoton``, ``widefield``; ``nucleus``, ``actin``, ``mito``.
        Short for ``group="confocal/actin"``.
    progress
        As in `denoise_image`.
    **overrides
        Fields of `DenoiseSettings`, instead of those in `settings`. Channels, time points and slices are indices from
        0, names, or several: ``channel=1``, ``channel="DAPI"``, ``time=slice(0, 10)``, ``z=[0, 2]``.

    Returns
    -------
    Result
        ``.image`` is the float32 array in the axes of the input, ``.report`` the record, ``.save(path)`` writes both.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown setting or value, an unreadable file, or pixels that cannot be denoised; also a `ValueError`.
    autodip_ij.errors.MissingFile
        If there is no such file; also a `FileNotFoundError`.
    autodip_ij.errors.EnvironmentProblem
        If the device is missing or memory does not suffice.

    Warns
    -----
    autodip_ij.denoising.shown.QualityWarning
        For every red check, unless a reporter receives them as lines.

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
        if "group" in overrides:
            raise BadInput("give either group, or microscope and specimen, not both")
        overrides["group"] = "/".join(str(part) for part in (microscope, specimen) if part)
    parsed = _checked(settings)
    if overrides:
        parsed = parsed.but(overrides)
    if isinstance(image, str | Path):
        from autodip_ij.images import open_image

        image = open_image(image, parsed.scene)
    elif not isinstance(image, Image):
        image = Image.from_array(image, axes)
    return denoise_image(image, parsed, progress=progress)


def _checked(settings: Any) -> DenoiseSettings:
    """Return the settings given to a function, or the defaults."""
    if settings is None:
        return DenoiseSettings()
    if not isinstance(settings, DenoiseSettings):
        raise BadInput(f"settings: a {type(settings).__name__} was given; give a DenoiseSettings, or single settings")
    return settings
