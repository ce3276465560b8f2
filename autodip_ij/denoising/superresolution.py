"""An image enlarged two or four times: the way of `autodip_ij.denoising.api` with a finer grid at its end."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator, model_validator

from autodip_ij.denoising.api import uncertainty_map
from autodip_ij.denoising.assembly import PlaneToFit, TileJob
from autodip_ij.denoising.grey_values import shift_of
from autodip_ij.denoising.plan import ChannelPlan, Plan, plan_run
from autodip_ij.denoising.planes import prepare_plane, with_estimate
from autodip_ij.denoising.recipe import PlaneRecipe, PlaneResult, fit_arguments
from autodip_ij.denoising.record import Recorder
from autodip_ij.denoising.result import (
    FileResult,
    Result,
    UncertaintyMap,
    new_array,
    refuse_bad_target,
    refuse_bad_type,
    uncertainty_path,
)
from autodip_ij.denoising.run import blended
from autodip_ij.denoising.tile_fits import Capacity, fit_tiles, one_by_one
from autodip_ij.denoising.watch import Watch, announcements
from autodip_ij.denoising.workload import estimate
from autodip_ij.errors import BadInput
from autodip_ij.images.image import Image, PixelSize
from autodip_ij.images.reading.recognition import stem_of
from autodip_ij.images.window import cast
from autodip_ij.progress import Progress, Silent, Stop
from autodip_ij.settings import OVERRIDES, DenoiseSettings, Shown

if TYPE_CHECKING:
    from autodip_ij.calibration.parameters import Parameters
    from autodip_ij.dip.options import FitResult

FILLER = "bicubic"
"""Enlargement of planes that are not fitted: channels left alone, planes after a stop."""
INPUT_NOISE = 0.03
AVERAGING = 0.99


class SuperresSettings(DenoiseSettings):
    """Settings of one enlargement; tiles and overlap are counted on the fine grid."""

    scale: Annotated[
        Literal[2, 4], Field(description="Pixels that one pixel becomes along X and Y"), Shown("Scale")
    ] = 2
    kernel: Annotated[
        Literal["lanczos", "lanczos2", "bicubic", "bilinear", "area"],
        Field(description="Downsampler through which the loss sees the fine image; area averages as a camera does"),
        Shown("Downsampler", fiji=False),
    ] = "lanczos"
    method: Annotated[
        Literal["dip", "nearest", "bilinear", "bicubic", "lanczos"],
        Field(description="dip, or a classic enlargement to compare with"),
        Shown("Method", fiji=False),
    ] = "dip"
    strength: Annotated[
        float,
        Field(ge=0, le=1, description=f"Share of the method in the result; the rest is {FILLER} enlargement"),
        Shown("Strength", fiji=False),
    ] = 1.0
    series: Annotated[
        Literal["independent"],
        Field(description="Time series: every frame is fitted on its own"),
        Shown("Series", fiji=False),
    ] = "independent"
    artefacts: Annotated[
        Literal["remove"],
        Field(description="Outlier pixels and offsets of rows or columns are removed"),
        Shown("Outlier pixels and stripes", fiji=False),
    ] = "remove"

    loss: Annotated[
        Literal["mse"] | None,
        Field(description="Loss of the fit: mse is the only one that compares through the downsampler"),
        Shown("Loss", fiji=False),
    ] = None
    guard: Annotated[
        Literal["off"],
        Field(description="An enlargement has none: its fits take their count of iterations"),
        Shown("Guard", fiji=False),
    ] = "off"

    @field_validator("scale", mode="before")
    @classmethod
    def _number_of_text(cls, value: Any) -> Any:
        return int(value) if isinstance(value, str) and value.strip().isdigit() else value

    @model_validator(mode="after")
    def _no_fit_no_parameters(self) -> SuperresSettings:
        fields = type(self).model_fields
        idle = [name for name in OVERRIDES if getattr(self, name) != fields[name].default]
        if self.method != "dip" and idle:
            raise BadInput(f"{', '.join(idle)}: of no effect with method {self.method}, which fits no network")
        return self


def superresolve_image(
    image: Image, settings: SuperresSettings | None = None, *, progress: Progress | None = None
) -> Result:
    """Enlarge (and, with ``dip``, denoise) the selected planes of an image.

    The network is that of the image's group, or as set; how its fit is adapted says `enlarging_parameters`.

    Parameters
    ----------
    image
        Lazy image (T, C, Z, Y, X).
    settings
        Defaults are those of `SuperresSettings`.
    progress
        Who is told and may stop the run.

    Returns
    -------
    Result
        (T, C, Z, scale * Y, scale * X) in the grey values of the input, its pixel size divided by the scale.

    Raises
    ------
    autodip_ij.errors.AutodipError
        As `autodip_ij.denoising.api.denoise_image`.

    Examples
    --------
    >>> noisy = np.random.default_rng(0).poisson(40, (24, 20)).astype(np.uint16)
    >>> settings = SuperresSettings(group="widefield/nucleus", iterations=2, width=4, device="cpu")
    >>> superresolve_image(Image.from_array(noisy), settings).image.shape
    (48, 40)
    """
    settings = settings or SuperresSettings()
    progress = progress or Silent()
    started = time.perf_counter()
    coarse = _plan(image, settings)
    fine = _on_fine_grid(coarse, settings)
    recorder = Recorder(coarse, settings)
    for line in announcements(fine, settings):
        recorder.say(progress, line)
    pixels = new_array(fine.image.shape, fine.output_dtype)
    spread = uncertainty_map(fine, fine.image, settings, recorder, progress)
    progress.start(fine.total_steps, f"Enlarging {fine.image.name}")
    for position, channel in enumerate(coarse.channels):
        capacity = None if channel.recipe is None else Capacity.of(channel.recipe)
        for t in range(coarse.image.shape[0]):
            for z in range(coarse.image.shape[2]):
                place = (t, position, z)
                pixels[place] = _enlarged(coarse, channel, place, settings, capacity, spread, recorder, progress)
    recorder.tell_quality(progress)
    report = recorder.finish(time.perf_counter() - started)
    return Result(fine.image.with_data(pixels), report, spread.image() if spread else None)


def superresolve_file(
    source: str | Path,
    target: str | Path | None = None,
    settings: SuperresSettings | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> FileResult:
    """Enlarge one scene of a file into a file with a sidecar.

    Parameters
    ----------
    source
        Any format that `autodip_ij.read` opens.
    target
        As in `autodip_ij.denoising.api.denoise_file`; by default ``<name>_autodip_x2.ome.tif`` beside the source.
    settings, progress
        As in `superresolve_image`.
    overwrite
        Replace an output that is there.

    Raises
    ------
    autodip_ij.errors.AutodipError
        One line with the cause and the way out.
    """
    from autodip_ij.denoising.report import sidecar_path
    from autodip_ij.images import open_image

    settings = settings or SuperresSettings()
    source = Path(source)
    output = Path(target) if target else source.with_name(f"{stem_of(source)}_autodip_x{settings.scale}.ome.tif")
    refuse_bad_target(output, source, overwrite)
    if settings.uncertainty:
        refuse_bad_target(uncertainty_path(output), source, overwrite)
    image = open_image(source, settings.scene)
    if settings.dtype == "same":
        refuse_bad_type(output, image.dtype)
    result = superresolve_image(image, settings, progress=progress)
    written = result.save(output, overwrite=overwrite)
    return FileResult(written, sidecar_path(written), result.report)


def _plan(image: Image, settings: SuperresSettings) -> Plan:
    """Return the plan of the run on the grid of the input, each recipe with what is particular to enlargement."""
    particular: dict[str, Any] = {"scale": settings.scale}
    if settings.method == "dip":
        plan = plan_run(image, settings)
        particular["kernel"] = settings.kernel
    else:
        # Any method without parameters spares the choice of a network.
        plan = plan_run(image, settings.model_copy(update={"method": "gaussian"}))
    channels = tuple(_for_enlarging(channel, settings, particular) for channel in plan.channels)
    return replace(plan, channels=channels)


def _for_enlarging(channel: ChannelPlan, settings: SuperresSettings, particular: dict[str, Any]) -> ChannelPlan:
    """Return the plan of a channel with the parameters of enlargement in the place of those of denoising."""
    if channel.recipe is None:
        return replace(channel, reason=channel.reason.replace("returned unchanged", f"{FILLER} only"))
    recipe = replace(channel.recipe, method=settings.method, method_parameters=particular)
    if channel.choice is None:
        return replace(channel, recipe=recipe, reason=f"method {settings.method}")
    parameters = enlarging_parameters(channel.choice.parameters, settings)
    return replace(
        channel,
        recipe=replace(recipe, parameters=parameters),
        choice=replace(channel.choice, parameters=parameters),
        reason=f"{channel.reason}; {_adaptation(channel.choice.parameters)}",
    )


def _adaptation(parameters: Parameters) -> str:
    count = "guides and blend enlarged" if parameters.guides else "averaging and half the iterations"
    return f"for enlarging with the plain loss, input noise {INPUT_NOISE:g} and {count}, where not set"


def enlarging_parameters(parameters: Parameters, settings: SuperresSettings) -> Parameters:
    """Return the parameters of a group, found for denoising, made fit for enlarging; what the user set stays.

    A fit from a random input takes input noise 0.03 (as the authors of the deep image prior use for super-resolution),
    averaging 0.99 and half the iterations: on the two images of ``benchmarks/results/superresolution.md``, on which
    this was chosen, the group's own settings fit the noise again. A guided one keeps its count and its averaging: it
    starts from estimates that are enlarged beforehand, and without them so few iterations would show nothing.
    """
    guided = bool(parameters.guides)
    usual = parameters.iterations if guided else -(-parameters.iterations // 2)
    averaging = parameters.averaging if guided else AVERAGING
    return replace(
        parameters,
        iterations=settings.iterations or usual,
        input_noise=INPUT_NOISE if settings.input_noise is None else settings.input_noise,
        averaging=averaging if settings.averaging is None else settings.averaging,
        # Binning would undo the enlargement; other losses, and the end where the noise is reached, have no form for it.
        binning=1,
        loss="mse",
        discrepancy=0.0,
    )


def _on_fine_grid(plan: Plan, settings: SuperresSettings) -> Plan:
    """Return the plan as it looks on the grid of the result: shape, pixel size, cost."""
    import dask.array as da

    scale, image = settings.scale, plan.image
    *outer, height, width = image.shape
    shape = (height * scale, width * scale)
    channels = []
    for channel in plan.channels:
        seconds, peak = channel.seconds, channel.bytes
        if channel.recipe is not None and channel.recipe.parameters is not None:
            seconds, peak = estimate(replace(channel.recipe, lanes=1), (*outer, *shape))
        channels.append(replace(channel, seconds=seconds, bytes=peak))
    size = image.pixel_size
    finer = replace(image, data=da.zeros((*outer, *shape), dtype=image.dtype), pixel_size=_divided(size, scale))
    return replace(plan, image=finer, channels=tuple(channels))


def _divided(size: PixelSize, scale: int) -> PixelSize:
    return replace(size, y=size.y / scale if size.y else size.y, x=size.x / scale if size.x else size.x)


def _enlarged(
    plan: Plan,
    channel: ChannelPlan,
    place: tuple[int, int, int],
    settings: SuperresSettings,
    capacity: Capacity | None,
    spread: UncertaintyMap | None,
    recorder: Recorder,
    progress: Progress,
) -> npt.NDArray[Any]:
    """Return the plane at `place` (t, channel, z) on the fine grid, in the output's type."""
    from autodip_ij.classical.enlarging import enlarge
    from autodip_ij.dip.resampling import resample

    source, scale = plan.image.plane(*place), settings.scale
    t, position, z = place
    clean = channel.scale.clean(source)
    unit = clean.unit

    def restored(fine: npt.NDArray[Any]) -> npt.NDArray[Any]:
        result = clean.window.restore(fine, dtype=plan.output_dtype)
        kept = clean.kept.repeat(scale, axis=0).repeat(scale, axis=1)
        result[kept] = cast(source.repeat(scale, axis=0).repeat(scale, axis=1)[kept], plan.output_dtype)
        return result

    if channel.recipe is None or capacity is None or recorder.stopped or clean.empty:
        recorder.unchanged((t, position, z), source)
        return restored(enlarge(unit, scale, FILLER))
    watch = Watch(progress, plan.title(t, position, z), clean.window.restore)
    for about, line in clean.in_words(kept=False).items():
        watch.say_once(line, about)
    if settings.method == "dip":
        made = _fitted(unit, channel.recipe, settings, capacity, watch)
    else:
        began = time.perf_counter()
        image = enlarge(unit, scale, settings.method).astype(np.float32)
        made = PlaneResult(image, seconds=time.perf_counter() - began, engine=settings.method)
        watch.skip(1)
    filler = enlarge(unit, scale, FILLER).astype(np.float32) if settings.strength < 1 else made.image
    # Seen at the size of the source, as the loss does, so that mean and residual can be compared.
    coarse = resample(made.image, source.shape, settings.kernel).astype(np.float32)
    if settings.method == "dip":
        shift = shift_of(unit, coarse, clean.valid)
        made, coarse = replace(made, image=shift.applied(made.image)), shift.applied(coarse)
    result = restored(blended(filler, made.image, settings.strength))
    if spread is not None:
        spread.note(place, made.uncertainty, clean.window, settings.strength)
    recorder.denoised((t, position, z), clean, clean.restore(coarse, np.float64), made)
    recorder.check((t, position, z), clean, replace(made, image=coarse, uncertainty=None))
    if made.stopped or watch.request is Stop.KEEP:
        recorder.stop()
        recorder.say(progress, f"stopped at {plan.title(t, position, z)}: later planes are only enlarged ({FILLER})")
    return result


def _fitted(
    unit: npt.NDArray[np.float32], recipe: PlaneRecipe, settings: SuperresSettings, capacity: Capacity, watch: Watch
) -> PlaneResult:
    """Return the fine image of a plane: fitted from its guides and blended, both made on the plane and enlarged."""
    prepared = prepare_plane(unit, recipe)
    for note in prepared.notes:
        watch.say_once(note)
    plane = PlaneToFit(unit, prepared.recipe, watch, prepared.guides)
    (fitted,) = fit_tiles([plane], one_by_one(partial(_fit_tile, settings)), capacity, scale=settings.scale)
    assert fitted is not None, "fits one by one begin before anybody is asked whether to stop"
    estimate = prepared.estimate
    made = with_estimate(
        prepared if estimate is None else replace(prepared, estimate=_finer(estimate, settings)), fitted
    )
    return replace(made, messages=tuple(watch.messages))


def _finer(plane: npt.NDArray[np.float32], settings: SuperresSettings) -> npt.NDArray[np.float32]:
    from autodip_ij.classical.enlarging import enlarge

    return np.clip(enlarge(plane, settings.scale, FILLER), 0, 1).astype(np.float32)


def _fit_tile(settings: SuperresSettings, job: TileJob) -> FitResult:
    """Fit the fine image of one tile; a `autodip_ij.denoising.tile_fits.FitTile` once the settings are bound."""
    from autodip_ij.dip import fit_superresolution

    architecture, options = fit_arguments(job.recipe, job.seed)
    options = replace(options, guides=tuple(_finer(guide, settings) for guide in job.guides))
    result = fit_superresolution(
        job.pixels,
        settings.scale,
        architecture,
        options,
        kernel=settings.kernel,
        device=job.recipe.device,
        on_step=job.watch.step,
    )
    job.watch.end(options.iterations)
    return result
