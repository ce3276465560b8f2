"""Prepare a command before its dialog opens: choose the image, check the inputs, announce group and time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, MutableMapping
from typing import Any

from autodip_ij._support.text import duration
from autodip_ij.errors import AutodipError, BadInput
from autodip_ij.fiji.commands import caller, screen
from autodip_ij.fiji.commands.menu import MenuCommand
from autodip_ij.fiji.commands.parsing import check_macro_line
from autodip_ij.fiji.commands.text import plain_text
from autodip_ij.fiji.commands.values import read_preferences
from autodip_ij.fiji.imageplus.convert import Selection, dimensions, dtype_of, to_array
from autodip_ij.fiji.imageplus.source import channels_of, origin_of, pixel_size_of
from autodip_ij.fiji.worker.service import worker
from autodip_ij.fiji.worker.shared import SharedArrays
from autodip_ij.progress import Silent
from autodip_ij.settings import DenoiseSettings

_log = logging.getLogger(__name__)
LOOK_SECONDS = 2.0
"""How long a dialog waits for group and time before it opens without them."""


def describe(imp: Any, shared: SharedArrays) -> dict[str, Any]:
    """Return the values of the job ``inspect_open_image`` and share the middle plane of each channel."""
    times, channels, slices, height, width = dimensions(imp)
    middle = Selection((times // 2,), tuple(range(channels)), (slices // 2,))
    to_array(imp, middle, shared.add("planes", dtype_of(imp), (1, channels, 1, height, width)))
    origin = origin_of(imp)
    return {
        "origin": origin.to_json(),
        "looks": [vars(look) for look in channels_of(imp, origin.channel_names)],
        "pixel_size": vars(pixel_size_of(imp)),
        "title": str(imp.getTitle()),
        "rgb": False,
        "shape": dimensions(imp),
        "dtype": str(dtype_of(imp)),
    }


def look(imp: Any, tasks: Any) -> tuple[str, str]:
    """Return the detected groups and the expected time for a dialog; empty texts where they are not known in time.

    The worker does the inspection, so that it is running by the time OK is pressed.
    """
    preferences = read_preferences(tasks)
    if not (preferences.isolate and worker().is_idle):
        return "", ""
    box: dict[str, Any] = {}

    def ask() -> None:
        try:
            with worker().arrays() as shared:
                request = describe(imp, shared)
                request["settings"] = DenoiseSettings.parse(**preferences.settings()).model_dump(exclude_unset=True)
                box.update(
                    worker().run(
                        "autodip_ij.fiji.worker.jobs:inspect_open_image", request, shared, Silent(), brief=True
                    )
                )
        except AutodipError as problem:
            _log.info("no inspection before the dialog: %s", problem)  # the run itself will report it

    screen.status("AUTO-DIP: reading the metadata")
    asking = threading.Thread(target=ask, name="AUTO-DIP-Look", daemon=True)
    asking.start()
    asking.join(LOOK_SECONDS)
    return in_words(box["scenes"][0]["channels"]) if "scenes" in box else ("", "")


def in_words(channels: list[dict[str, Any]]) -> tuple[str, str]:
    """Return the groups of an inspection and its time as text.

    Examples
    --------
    >>> in_words([{"microscope": "confocal", "specimen": None, "estimate": {"seconds": 70.0}}])
    ('confocal, specimen unknown', 'about 1 min 10 s')
    """
    found = dict.fromkeys(_group(channel["microscope"], channel["specimen"]) for channel in channels)
    seconds = [channel["estimate"]["seconds"] for channel in channels if channel["estimate"]]
    parameters = [channel.get("parameters") for channel in channels]
    alone = bool(parameters) and all(known and known["classical_weight"] == 1 for known in parameters)
    return "; ".join(found), f"about {duration(sum(seconds))}{', without a fit' if alone else ''}" if seconds else ""


def _group(microscope: str | None, specimen: str | None) -> str:
    if not (microscope or specimen):
        return "none"
    return f"{microscope or 'microscope unknown'}, {specimen or 'specimen unknown'}"


_REFUSED = "autodip_refused"
NO_IMAGE = "no image is open; open one, or denoise a file with AUTO-DIP Denoise File..."
TWO_IMAGES = "two images are needed: open the reference and the image to compare with it"


def prepare(command: MenuCommand, variables: MutableMapping[str, Any]) -> None:
    """Check the inputs, and set the image and, for a macro, the default values of the script's module.

    Parameters
    ----------
    command
        The called command.
    variables
        The globals of its script; entries added here are still there in the next call of the same module.

    Raises
    ------
    autodip_ij.errors.BadInput
        If the command cannot run; no dialog opens then, and the run itself does nothing.
    """
    module = variables.get(caller.MODULE)
    if module is None:
        return
    try:
        line = screen.macro_options()
        check_macro_line(command, line)
        _take_images(command, module, variables)
        for entry in command.inputs:
            if entry.visibility == "INVISIBLE":
                module.resolveInput(entry.name)  # otherwise the dialog would show a field for it
        if line:
            _fill_omitted(command, module, variables["tasks"])
        elif command.entry == "run_image" and screen.has_window():
            _announce(module, variables["tasks"])
    except BaseException:
        variables[_REFUSED] = True
        for entry in command.inputs:
            module.resolveInput(entry.name)
        raise


def is_refused(variables: Mapping[str, Any]) -> bool:
    """Whether the command was refused before its dialog, so that nothing remains to be done or reported."""
    return bool(variables.get(_REFUSED))


def _take_images(command: MenuCommand, module: Any, variables: Mapping[str, Any]) -> None:
    names = {entry.name for entry in command.inputs if entry.kind == "ImagePlus"}
    if "imp" in names:
        imp = image_for(variables)
        module.setInput("imp", imp)
        module.resolveInput("imp")
        if imp is None and command.entry == "run_image":
            raise BadInput(NO_IMAGE)
    if command.entry == "evaluate" and not all(module.isInputResolved(name) for name in names):
        from scyjava import jimport

        if screen.has_window() and int(jimport("ij.WindowManager").getImageCount()) < len(names):
            raise BadInput(TWO_IMAGES)


def _announce(module: Any, tasks: Any) -> None:
    """Show in the dialog which group the metadata imply, and the expected time."""
    found, time = look(module.getInput("imp"), tasks)
    group = module.getInfo().getInput("group")
    group.setLabel(plain_text(f"Group: from the metadata (detected: {found})" if found else "Group"))
    module.setInput("note", f"Expected time with these settings: {time or 'see the Log after the start'}")


def image_for(variables: Mapping[str, Any]) -> Any:
    """Return the image for a command: the one passed to it, or the current one of its caller."""
    from scyjava import jimport

    given = variables.get("imp")
    if caller.is_usable(given) and given != jimport("ij.WindowManager").getCurrentImage():
        return given  # by name, from Python; SciJava itself gives what is current in this thread
    return caller.current_image(variables.get("tasks"))


def _fill_omitted(command: MenuCommand, module: Any, tasks: Any) -> None:
    stored = vars(read_preferences(tasks))
    for entry in command.inputs:
        if module.isInputResolved(entry.name):
            continue
        if entry.persist and entry.name in stored:
            module.setInput(entry.name, stored[entry.name])
        module.resolveInput(entry.name)
