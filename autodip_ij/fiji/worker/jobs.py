"""The jobs that compute for Fiji: functions ``(values, arrays, progress) -> answer`` of JSON values and arrays.

Jobs do not use Java. They run in the worker process or, by setting, in Fiji's own.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.fiji.commands.text import briefly, verdict_lines
from autodip_ij.fiji.worker.origin import Found, Origin, decide
from autodip_ij.images.image import Channel, Image, PixelSize
from autodip_ij.progress import Progress, Stop
from autodip_ij.settings import DenoiseSettings

Arrays = Mapping[str, npt.NDArray[Any]]

FIRST_LOOK = "smoothed for a first look"
"""Title of the first picture of a run."""
_SMOOTH_PX = 1.5
_LARGEST_SIDE = 1024


class Brief:
    """`Progress` reporter that shortens messages for the Log."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def __getattr__(self, name: str) -> Any:
        return getattr(self._progress, name)

    def log(self, message: str) -> None:
        """Report a message in the short form of the Log."""
        if line := briefly(message):
            self._progress.log(line)


class Stages(Brief):
    """`Progress` reporter of one run: also names the stage before its fits."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._title = ""
        self._fits = False

    def start(self, total: int, message: str) -> None:
        """Begin the run with the estimation of noise and the classical estimates."""
        self._title, self._fits = message, False
        self._progress.start(total, f"{message}: noise and classical estimate")

    def advance(self, steps: int = 1, message: str | None = None) -> None:
        """Report completed steps of the fits."""
        if not self._fits:
            self._fits, message = True, message or f"{self._title}: fit"
        self._progress.advance(steps, message)


def denoise_pixels(values: dict[str, Any], arrays: Arrays, progress: Progress) -> dict[str, Any]:
    """Denoise planes of an open image from the array ``source`` into ``target``, both (T, C, Z, Y, X).

    Parameters
    ----------
    values
        ``settings`` (of `DenoiseSettings`), ``origin`` (`Origin`), ``channels`` (indices of the source's channels that
        the arrays hold), ``chosen`` (settings ``channel``, ``time``, ``z`` that select the same planes of the source),
        ``explicit`` (whether the user selected channels), ``looks`` (name, colour, display range of each),
        ``pixel_size``, ``title``, ``rgb``.
    arrays
        ``source`` and ``target``.
    progress
        Progress reporter; may request cancellation. Reports the groups and the reasons before the fits start.

    Returns
    -------
    dict
        ``report`` (`autodip_ij.denoising.report.Report`), ``basis`` (the source of the metadata).
    """
    settings = DenoiseSettings.parse(**values["settings"])
    progress.start(0, "Reading the metadata")
    if progress.wants_preview():  # before all that takes time: imports, the choice of parameters, classical estimates
        progress.preview(first_look(arrays["source"][0, 0, 0]), FIRST_LOOK)
    found = decide(Origin.from_json(values["origin"]), settings, progress)
    progress.log(f"{values['title']}: metadata from {found.basis}")
    source, target = arrays["source"], arrays["target"]
    if values["explicit"]:
        # A channel that the user selects is denoised even if its metadata identify it as not fluorescence.
        settings = settings.model_copy(update={"channel": f"0-{source.shape[1] - 1}"})
    image = _image(source, values, found)
    if settings.uncertainty:
        progress.log("the uncertainty map is written for files only; to obtain it, save the image and denoise the file")
        settings = settings.model_copy(update={"uncertainty": False})
    progress.start(0, "Choosing the parameters")
    from autodip_ij.denoising.api import denoise_image

    result = denoise_image(
        image, settings, decisions=[found.decisions[c] for c in values["channels"]], progress=Stages(progress)
    )
    for t, c, z in np.ndindex(source.shape[:3]):
        target[t, c, z] = result.output.plane(t, c, z)
    # Only the selected planes were sent; the record counts them as in the user's image.
    report = result.report.model_copy(update={"settings": {**result.report.settings, **values["chosen"]}})
    record = report.model_dump(mode="json")
    for line in verdict_lines(record):
        progress.log(line)
    return {"report": record, "basis": found.basis}


def first_look(plane: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return a plane (Y, X) smoothed by a Gaussian filter; every so many pixels of a large one.

    Examples
    --------
    >>> first_look(np.full((2000, 3000), 7, np.uint16)).shape
    (667, 1000)
    """
    from scipy.ndimage import gaussian_filter

    step = ceil(max(plane.shape) / _LARGEST_SIDE)
    thin = plane[::step, ::step].astype(np.float32)
    valid = np.isfinite(thin)
    if not valid.all():
        thin[~valid] = thin[valid].mean() if valid.any() else 0
    return np.asarray(gaussian_filter(thin, _SMOOTH_PX), np.float32)


def _image(pixels: npt.NDArray[Any], values: dict[str, Any], found: Found) -> Image:
    looks = tuple(
        Channel(look["name"], _tuple(look["color"]), _tuple(look["display_range"])) for look in values["looks"]
    )
    image = Image.from_array(
        pixels,
        "TCZYX",
        channels=looks,
        pixel_size=PixelSize(**values["pixel_size"]),
        name=values["title"],
        metadata=replace(found.metadata, channel_names=tuple(look.name for look in looks), ome=None),
    )
    return replace(image, rgb=values["rgb"])


def _tuple(value: Any) -> Any:
    return None if value is None else tuple(value)


def denoise_file(values: dict[str, Any], arrays: Arrays, progress: Progress) -> dict[str, str]:
    """Denoise the file ``input`` into ``output`` (empty: beside it); return ``output``, ``sidecar`` and ``groups``."""
    from autodip_ij.denoising.api import denoise_file as run

    settings = DenoiseSettings.parse(**values["settings"])
    progress.start(0, "Reading the file, choosing the parameters")
    target, watcher = values["output"] or None, Stages(progress)
    done = run(values["input"], target, settings, overwrite=values["overwrite"], progress=watcher)
    for line in verdict_lines(done.report.model_dump(mode="json")):
        progress.log(line)
    groups = ", ".join(channel.group for channel in done.report.channels)
    return {"output": str(done.output), "sidecar": str(done.sidecar), "groups": groups}


def denoise_folder(values: dict[str, Any], arrays: Arrays, progress: Progress) -> dict[str, Any]:
    """Denoise the folder ``input`` into ``output``; return the object of ``autodip batch --json`` and ``summary``."""
    from autodip_ij.batch import run_batch

    settings = DenoiseSettings.parse(**values["settings"])
    done = run_batch(
        values["input"],
        values["output"],
        settings,
        overwrite=values["overwrite"],
        suffix=values["suffix"],
        progress=Brief(progress),
    )
    return {**done.to_json(), "summary": done.summary}


def inspect_file(values: dict[str, Any], arrays: Arrays, progress: Progress) -> dict[str, Any]:
    """Inspect the file ``input``; return the object of ``autodip inspect --json``."""
    from autodip_ij.denoising.inspection import inspect

    return inspect(values["input"], DenoiseSettings.parse(**values["settings"])).model_dump(mode="json")


def inspect_open_image(values: dict[str, Any], arrays: Arrays, progress: Progress) -> dict[str, Any]:
    """Inspect an open image of the given ``shape`` from ``planes``, the middle plane of each channel."""
    import dask.array as da

    from autodip_ij.denoising.inspection import Inspection, inspect_image

    settings = DenoiseSettings.parse(**values["settings"])
    found = decide(Origin.from_json(values["origin"]), settings, progress)
    shape = tuple(values["shape"])
    planes = da.from_array(np.array(arrays["planes"]), chunks=(1, 1, 1, *shape[3:]))
    scene = inspect_image(_image(da.broadcast_to(planes, shape), values, found), settings, found.decisions)
    return Inspection(file=found.basis, scenes=[scene]).model_dump(mode="json")


def evaluate(values: dict[str, Any], arrays: Arrays, progress: Progress) -> list[dict[str, float | None]]:
    """Compare the array ``image`` with ``reference``, both (T, C, Z, Y, X); return one row of measures per plane.

    ``range`` is the width of the grey-value scale, or None for the range of each reference plane; ``weights`` is the
    folder of LPIPS weights. Without weights on this computer the rows lack LPIPS, and a message says so: Fiji
    downloads nothing unasked.
    """
    from autodip_ij.errors import Cancelled
    from autodip_ij.evaluation.scoring.measures import score
    from autodip_ij.metrics import lpips_available

    reference, image = arrays["reference"], arrays["image"]
    places = list(np.ndindex(reference.shape[:3]))
    progress.start(len(places), "Measuring")
    rows, weights = [], values["weights"] or None
    perceptual = lpips_available(weights=weights)
    if not perceptual:
        progress.log("without LPIPS, whose weights are not there: name their folder in AUTO-DIP Settings...")
    for place in places:
        planes = reference[place].astype(np.float32), image[place].astype(np.float32)
        row = score(*planes, value_range=values["range"], perceptual=perceptual, weights=weights)
        rows.append({**dict(zip("TCZ", place, strict=True)), **row})
        progress.advance()
        if progress.stop_request() is not Stop.NO:
            raise Cancelled("cancelled by the user; no table was created")
    return rows


def probe(values: dict[str, Any], arrays: Arrays, progress: Progress) -> dict[str, Any]:
    """Run the checks of ``autodip doctor`` in this process; return them with the location of Python."""
    from autodip_ij.doctor import checks

    return {"python": sys.executable, "prefix": sys.prefix, "checks": [asdict(check) for check in checks()]}
