"""Super-resolution: what distinguishes it from denoising, its settings and its finer pixel grid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator, model_validator

from autodip_ij.denoising.background import StageTimes
from autodip_ij.denoising.cleaning import CleanPlane, Scale
from autodip_ij.denoising.grey_values import shift_of
from autodip_ij.denoising.partial import Partial
from autodip_ij.denoising.plan import ChannelPlan, Plan, plan_run
from autodip_ij.denoising.planes import Grid
from autodip_ij.denoising.recipe import WarmStart, estimate, fit_arguments
from autodip_ij.denoising.regions import Regions
from autodip_ij.denoising.result import FileResult, Result, run_file
from autodip_ij.denoising.run import run
from autodip_ij.denoising.tasks import Plane, PlaneResult, PlaneTask, TileFit
from autodip_ij.denoising.tile_fits import Capacity, FitAll, one_by_one
from autodip_ij.errors import BadInput
from autodip_ij.images.image import Image, PixelSize
from autodip_ij.images.reading.recognition import stem_of
from autodip_ij.images.window import cast
from autodip_ij.progress import Progress, Silent
from autodip_ij.settings import OVERRIDES, DenoiseSettings, Shown

if TYPE_CHECKING:
    from autodip_ij.dip.options import FitResult

FILLER = "bicubic"
"""Enlargement of planes that are not fitted: channels left alone, planes after a stop."""


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
        Field(description="Enlargement has no guard: its fits run for their number of iterations"),
        Shown("Guard", fiji=False),
    ] = "off"

    @field_validator("scale", mode="before")
    @classmethod
    def _number_of_text(cls, value: Any) -> Any:
        return int(value) if isinstance(value, str) and value.strip().isdigit() else value

    @property
    def enlargement(self) -> int:
        """As `scale`."""
        return self.scale

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

    The network is that of the image's group, or as set; `autodip_ij.calibration.choose` adapts its fit to the scale.

    Parameters
    ----------
    image
        Lazy image (T, C, Z, Y, X).
    settings
        Defaults are those of `SuperresSettings`.
    progress
        Progress reporter; may request cancellation.

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
    return _superresolved(image, settings or SuperresSettings(), progress)


def _superresolved(
    image: Image, settings: SuperresSettings, progress: Progress | None, partial: Partial | None = None
) -> Result:
    times = StageTimes()
    with times.of("plan"):
        coarse = _plan(image, settings)
        fine = _on_fine_grid(coarse, settings)
    grid = FineGrid(settings.scale, settings.kernel)
    reporter = progress or Silent()
    return run(fine, settings, reporter, times, source=coarse, grid=grid, verb="Enlarging", partial=partial)


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
        Replace an existing output.

    Raises
    ------
    autodip_ij.errors.AutodipError
        One line with the cause and the remedy.
    """
    settings = settings or SuperresSettings()
    source = Path(source)
    output = Path(target) if target else source.with_name(f"{stem_of(source)}_autodip_x{settings.scale}.ome.tif")
    return run_file(
        source, output, settings, overwrite, lambda image, partial: _superresolved(image, settings, progress, partial)
    )


def _plan(image: Image, settings: SuperresSettings) -> Plan:
    """Return the plan of the run on the grid of the input, each recipe with what is particular to enlargement."""
    particular: dict[str, Any] = {"scale": settings.scale}
    if settings.method == "dip":
        plan = plan_run(image, settings)
        particular["kernel"] = settings.kernel
    else:
        # Any method without parameters avoids the choice of a network.
        plan = plan_run(image, settings.model_copy(update={"method": "gaussian"}))
    channels = tuple(_for_enlarging(channel, settings.method, particular) for channel in plan.channels)
    return replace(plan, channels=channels)


def _for_enlarging(channel: ChannelPlan, method: str, particular: dict[str, Any]) -> ChannelPlan:
    """Return the plan of a channel with a recipe of enlargement instead of denoising."""
    if channel.recipe is None:
        return replace(channel, reason=channel.reason.replace("returned unchanged", f"{FILLER} only"))
    recipe = replace(channel.recipe, method=method, method_parameters=particular, lanes=1)
    return replace(channel, recipe=recipe, reason=channel.reason if channel.choice else f"method {method}")


def _on_fine_grid(plan: Plan, settings: SuperresSettings) -> Plan:
    """Return the plan as it looks on the grid of the result: shape, pixel size, cost."""
    import dask.array as da

    scale, image = settings.scale, plan.image
    *outer, height, width = image.shape
    shape = (height * scale, width * scale)
    channels = []
    for channel in plan.channels:
        seconds, peak = channel.seconds, channel.bytes
        if channel.recipe is not None and channel.fitted:
            seconds, peak = estimate(channel.recipe, (*outer, *shape))
        channels.append(replace(channel, seconds=seconds, bytes=peak))
    size = image.pixel_size
    finer = replace(image, data=da.zeros((*outer, *shape), dtype=image.dtype), pixel_size=_divided(size, scale))
    return replace(plan, image=finer, channels=tuple(channels), regions=Regions(shape, whole=True))


def _divided(size: PixelSize, scale: int) -> PixelSize:
    return replace(size, y=size.y / scale if size.y else size.y, x=size.x / scale if size.x else size.x)


class FineGrid(Grid):
    """A grid whose pixels are those of the input, divided.

    Parameters
    ----------
    scale
        Pixels that one pixel of the input becomes along each axis.
    kernel
        Downsampler through which a fine image is compared with the input.
    """

    left_out = f"later planes are only enlarged ({FILLER})"

    def __init__(self, scale: int, kernel: str) -> None:
        self.scale = scale
        self.kernel = kernel

    def fits(self, capacity: Capacity, warm: WarmStart | None) -> FitAll:
        """Return how the fits are performed: one after another."""
        return one_by_one(self._fit)

    def _fit(self, fit: TileFit) -> FitResult:
        from autodip_ij.dip.fitting import fit_superresolution

        recipe = fit.task.recipe
        architecture, options = fit_arguments(recipe, fit.seed)
        result = fit_superresolution(
            fit.pixels,
            self.scale,
            architecture,
            replace(options, guides=tuple(map(self.finer, fit.guides))),
            kernel=self.kernel,
            device=recipe.device,
            on_step=fit.watch.step,
        )
        fit.watch.end(options.iterations)
        return result

    def other_method(self, task: PlaneTask) -> Plane:
        """Return the plane enlarged by a classic method."""
        from autodip_ij.dip.resampling import enlarge

        image = enlarge(task.plane, self.scale, task.recipe.method).astype(np.float32)
        task.watch.skip(1)
        return image

    def finer(self, estimate: Plane) -> Plane:
        """Return a classical estimate (Y, X) on this grid."""
        return np.clip(self.filler(estimate), 0, 1)

    def with_grey_values(self, task: PlaneTask, result: PlaneResult) -> PlaneResult:
        """Return a result that has the mean of its source at every brightness, where it was fitted.

        It is seen at the size of the source, as the loss sees it, so that mean and residual can be compared.
        """
        from autodip_ij.dip.resampling import resample

        seen = resample(result.image, task.plane.shape, self.kernel).astype(np.float32)
        if task.recipe.method != "dip":
            return replace(result, seen=seen)
        shift = shift_of(task.plane, seen, task.clean.valid)
        return replace(result, image=shift.applied(result.image), seen=shift.applied(seen))

    def filler(self, plane: Plane) -> Plane:
        """Return a plane enlarged in the plain way."""
        from autodip_ij.dip.resampling import enlarge

        return enlarge(plane, self.scale, FILLER).astype(np.float32)

    def restored(
        self, clean: CleanPlane, unit: npt.NDArray[Any], dtype: npt.DTypeLike, *, artefacts: bool
    ) -> npt.NDArray[Any]:
        """Return a fine result in [0, 1] as grey values; every pixel that is not a measurement is repeated."""
        result = clean.window.restore(unit, dtype=dtype)
        kept = self._repeated(clean.kept)
        result[kept] = cast(self._repeated(clean.source)[kept], dtype)
        return result

    def _repeated(self, plane: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return plane.repeat(self.scale, axis=0).repeat(self.scale, axis=1)

    def unchanged(self, scale: Scale, source: npt.NDArray[Any], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Return a plane (Y, X) that is only enlarged."""
        from autodip_ij.dip.resampling import enlarge

        clean = scale.clean(source)
        return self.restored(clean, enlarge(clean.unit, self.scale, FILLER), dtype, artefacts=False)

    def recorded(self, clean: CleanPlane, result: PlaneResult, stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the grey values whose mean and residual are recorded: at the size of the source."""
        return clean.restore(result.at_source_size, np.float64)
