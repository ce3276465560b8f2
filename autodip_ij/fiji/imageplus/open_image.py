"""Denoise an image that is open in Fiji: copy its planes, run the job, and return a result with its appearance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autodip_ij.errors import BadInput
from autodip_ij.fiji.commands import screen
from autodip_ij.fiji.commands.menu import CURRENT_CHANNEL, CURRENT_SLICE, WHOLE_IMAGE
from autodip_ij.fiji.commands.requests import NO_IMAGE
from autodip_ij.fiji.imageplus.appearance import as_composite, copy_info, dress, result_title
from autodip_ij.fiji.imageplus.convert import (
    Pixels,
    Selection,
    dimensions,
    dtype_of,
    has_density_function,
    is_rgb,
    replace_planes,
    shown_values,
    to_array,
    to_imageplus,
    whole,
)
from autodip_ij.fiji.imageplus.source import channels_of, origin_of, pixel_size_of, provenance_block
from autodip_ij.fiji.worker.jobs import FIRST_LOOK, first_look
from autodip_ij.fiji.worker.origin import Origin
from autodip_ij.fiji.worker.service import Runner
from autodip_ij.images.image import Channel
from autodip_ij.images.selection import parse_indices
from autodip_ij.progress import Progress
from autodip_ij.settings import DenoiseSettings


@dataclass(frozen=True)
class Task:
    """A request to denoise an open image.

    Attributes
    ----------
    imp
        The ImagePlus.
    settings
        Settings of the run.
    scope
        ``Whole image``, ``Current channel`` or ``Current slice``.
    replace
        Write the result into the image instead of opening a new one.
    """

    imp: Any
    settings: DenoiseSettings
    scope: str = WHOLE_IMAGE
    replace: bool = False

    @property
    def names_channels(self) -> bool:
        """Whether the user selected channels explicitly."""
        return bool(self.settings.channel.strip()) or self.scope != WHOLE_IMAGE


def denoise(task: Task, runner: Runner, progress: Progress, *, preview: bool = False) -> Any:
    """Denoise an open image and return the result, an ImagePlus that is not shown yet, or the replaced image itself.

    Raises
    ------
    autodip_ij.errors.AutodipError
        With cause and remedy.
    """
    if task.imp is None:
        raise BadInput(NO_IMAGE)
    dimensions(task.imp)
    if not task.imp.lockSilently():
        raise BadInput(f"{task.imp.getTitle()}: another command is using this image; wait until it has finished")
    try:
        return _denoise_locked(task, runner, progress, preview)
    finally:
        task.imp.unlock()


def _denoise_locked(task: Task, runner: Runner, progress: Progress, preview: bool) -> Any:
    origin = origin_of(task.imp)
    selection = select(task, origin.channel_names)
    settings = settings_for(task, selection, progress)
    looks = channels_of(task.imp, origin.channel_names)
    height, width = dimensions(task.imp)[3:]
    shape = (*selection.lengths, height, width)
    progress.start(0, "Reading the image")
    with runner.arrays() as shared:
        source = shared.add("source", dtype_of(task.imp), shape)
        to_array(task.imp, selection, source)
        if preview and progress.wants_preview():  # here, since a worker that has to start would show it seconds later
            progress.preview(first_look(source[0, 0, 0]), FIRST_LOOK)
        del source
        shared.add("target", result_dtype(task.imp, settings), shape)
        answer = runner.run(
            "autodip_ij.fiji.worker.jobs:denoise_pixels",
            request(task, selection, settings, origin, looks),
            shared,
            progress,
            preview_of=(height, width) if preview else None,
        )
        block = provenance_block(answer["report"], answer["basis"])
        return (_put_back if task.replace else _make_new)(task.imp, shared["target"], selection, block)


def request(
    task: Task, selection: Selection, settings: DenoiseSettings, origin: Origin, looks: tuple[Channel, ...]
) -> dict[str, Any]:
    """Return the values of the job `autodip_ij.fiji.worker.jobs.denoise_pixels`; `looks` has all channels."""
    return {
        # The planes were selected here, and only they are sent.
        "settings": settings.model_dump(exclude_unset=True, exclude={"channel", "time", "z"}),
        "chosen": _as_settings(task, selection),
        "origin": origin.to_json(),
        "channels": selection.channels,
        "explicit": task.names_channels,
        "looks": [vars(looks[c]) for c in selection.channels],
        "pixel_size": vars(pixel_size_of(task.imp)),
        "title": str(task.imp.getTitle()),
        "rgb": has_all_colours(task.imp, selection),
    }


def result_dtype(imp: Any, settings: DenoiseSettings) -> np.dtype[Any]:
    """Return the pixel type of the result; the colours of an RGB image are 8-bit."""
    return dtype_of(imp) if settings.dtype == "same" else np.dtype(np.float32)


def select(task: Task, names: tuple[str, ...]) -> Selection:
    """Return the planes to denoise.

    Raises
    ------
    autodip_ij.errors.BadInput
        For a channel, time point or slice that does not exist.
    """
    imp, settings = task.imp, task.settings
    times, channels, slices, _, _ = dimensions(imp)
    selection = Selection(
        tuple(parse_indices(settings.time, times, what="time point")),
        tuple(parse_indices(settings.channel, channels, names, what="channel")),
        tuple(parse_indices(settings.z, slices, what="slice")),
    )
    if task.scope == WHOLE_IMAGE:
        return selection
    # The colours of an RGB image belong together.
    current = selection.channels if is_rgb(imp) or settings.channel.strip() else (int(imp.getC()) - 1,)
    if task.scope == CURRENT_CHANNEL:
        return Selection(selection.times, current, selection.slices)
    return Selection((int(imp.getT()) - 1,), current, (int(imp.getZ()) - 1,))


def _as_settings(task: Task, selection: Selection) -> dict[str, str]:
    """Return the settings that select the same planes; the setting of a complete axis is empty."""
    every = whole(task.imp)
    named = ",".join(map(str, selection.channels)) if task.names_channels else ""
    return {"channel": named} | {
        name: "" if taken == there else ",".join(map(str, taken))
        for name, taken, there in (("time", selection.times, every.times), ("z", selection.slices, every.slices))
    }


def settings_for(task: Task, selection: Selection, progress: Progress) -> DenoiseSettings:
    """Return the settings with the pixel type required for the result."""
    title = str(task.imp.getTitle())
    rgb = is_rgb(task.imp)
    if task.replace:
        if task.imp.getStack().isVirtual():
            raise BadInput(f"{title}: a virtual stack cannot be replaced; choose New image as the result")
        if rgb and len(selection.channels) != 3:
            raise BadInput(
                f"{title}: single colours of an RGB image cannot be replaced; choose New image as the result"
            )
    whole_colours = has_all_colours(task.imp, selection)
    in_place = task.replace and selection != whole(task.imp)
    if task.settings.dtype == "same" or not (whole_colours or in_place):
        return task.settings
    reason = "an RGB image stays RGB" if whole_colours else "only part of the image is replaced"
    progress.log(f"{title}: {reason}, so the result has the same pixel type, rounded and clipped")
    return task.settings.model_copy(update={"dtype": "same"})


def _make_new(imp: Any, target: Pixels, selection: Selection, block: str) -> Any:
    """Return the result as a new image with the appearance of the source."""
    result = to_imageplus(
        in_shown_values(imp, target), result_title(str(imp.getTitle())), rgb=has_all_colours(imp, selection)
    )
    result = as_composite(result, imp, selection)
    dress(result, imp, selection, title=_unused(str(result.getTitle())), provenance=block)
    return result


def _put_back(imp: Any, target: Pixels, selection: Selection, block: str) -> Any:
    """Write the result into the source image and return it."""
    if target.dtype == dtype_of(imp):
        replace_planes(imp, target, selection)
        copy_info(imp, imp, block)
    else:
        made = _make_new(imp, target, selection, block)
        title = imp.getTitle()
        imp.setImage(made)
        imp.setTitle(title)
        imp.setOverlay(made.getOverlay())
        imp.setProperty("Info", made.getInfoProperty())
    imp.changes = True
    return imp


def has_all_colours(imp: Any, selection: Selection) -> bool:
    """Whether an RGB image was selected with its three colours, so that the result is RGB, too."""
    return is_rgb(imp) and len(selection.channels) == 3


def in_shown_values(imp: Any, target: Pixels) -> Pixels:
    """Convert a 32-bit result to the grey values that ImageJ shows for the source."""
    if target.dtype != np.float32 or not has_density_function(imp):
        return target
    return np.stack([shown_values(imp, volume) for volume in target])


def _unused(title: str) -> str:
    from scyjava import jimport

    return str(jimport("ij.WindowManager").makeUniqueName(title))


def selected_planes(imp: Any, scope: str) -> Selection:
    """Select all planes of an image, or the current one."""
    if scope == CURRENT_SLICE:
        channels = (0, 1, 2) if is_rgb(imp) else (int(imp.getC()) - 1,)
        return Selection((int(imp.getT()) - 1,), channels, (int(imp.getZ()) - 1,))
    return whole(imp)


def place_next_beside(source: Any) -> None:
    """Open the next image window to the right of the source's, if the screen has room for it."""
    from scyjava import jimport

    window = source.getWindow() if screen.has_window() else None
    if window is None or jimport("ij.macro.Interpreter").isBatchMode():
        return
    bounds, free = window.getBounds(), window.getGraphicsConfiguration().getBounds()
    x = int(bounds.x + bounds.width)
    if x + int(bounds.width) <= int(free.x + free.width):
        # Moving an open window would race with the window system.
        jimport("ij.gui.ImageWindow").setNextLocation(x, int(bounds.y))
