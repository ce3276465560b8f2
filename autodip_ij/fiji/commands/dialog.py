"""Prepare a command before its dialog opens: choose the image, check the inputs, announce group and time."""

from __future__ import annotations

import html
import logging
import threading
from collections.abc import Mapping, MutableMapping
from typing import Any

from autodip_ij.errors import AutodipError, BadInput
from autodip_ij.fiji.commands import caller, screen
from autodip_ij.fiji.commands.menu import MenuCommand
from autodip_ij.fiji.commands.parsing import check_macro_line
from autodip_ij.fiji.commands.requests import NO_IMAGE, TWO_IMAGES
from autodip_ij.fiji.commands.text import plain_text
from autodip_ij.fiji.commands.values import read_preferences
from autodip_ij.fiji.imageplus.convert import Selection, dimensions, dtype_of, to_array
from autodip_ij.fiji.imageplus.source import channels_of, origin_of, pixel_size_of
from autodip_ij.fiji.worker.service import worker
from autodip_ij.fiji.worker.shared import SharedArrays
from autodip_ij.progress import Silent
from autodip_ij.settings import DenoiseSettings

_log = logging.getLogger(__name__)
_TITLE_LETTERS = 40
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
    """Return the groups of an image and the expected time for its dialog; empty texts where not known in time.

    The worker finds them, so that it is running, with all that a run needs loaded, by the time OK is pressed.
    """
    preferences = read_preferences(tasks)
    if not (preferences.isolate and worker().is_idle):
        return "", ""
    settings = DenoiseSettings.parse(**preferences.settings()).model_dump(exclude_unset=True)
    box: dict[str, str] = {}

    def ask(job: str, request: dict[str, Any], shared: SharedArrays) -> None:
        values = request | {"settings": settings}
        box.update(worker().run(f"autodip_ij.fiji.worker.look:{job}", values, shared, Silent(), brief=True))

    def ask_both() -> None:
        try:
            with worker().arrays() as shared:
                ask("groups", {"origin": origin_of(imp).to_json()}, shared)
            with worker().arrays() as shared:
                ask("expected_time", describe(imp, shared), shared)
        except AutodipError as problem:
            _log.info("no inspection before the dialog: %s", problem)  # the run itself will report it

    asking = threading.Thread(target=ask_both, name="AUTO-DIP-Look", daemon=True)
    asking.start()
    asking.join(LOOK_SECONDS)
    return box.get("groups", ""), box.get("time", "")


_REFUSED = "autodip_refused"


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


def only_other(imp: Any) -> Any:
    """Return the only other open image of the same dimensions; None if there are several or none.

    SciJava's dialog offers the same image in each of its lists, and an entry cannot be selected beforehand.
    """
    from scyjava import jimport

    windows = jimport("ij.WindowManager")
    images = [windows.getImage(int(number)) for number in windows.getIDList() or ()]
    alike = [other for other in images if other != imp and dimensions(other) == dimensions(imp)]
    return alike[0] if len(alike) == 1 else None


def _announce(module: Any, tasks: Any) -> None:
    """Show in the dialog which image it is about, which group the metadata imply, and the expected time."""
    imp = module.getInput("imp")
    title = plain_text(str(imp.getTitle()))
    screen.status(f"{title}: reading the metadata")
    found, time = look(imp, tasks)
    group = module.getInfo().getInput("group")
    group.setLabel(plain_text(f"Group: from the metadata (detected: {found})" if found else "Group"))
    # SciJava shows a message as HTML; where a line could be broken, the dialog is made as high as for many lines.
    module.setInput("note", html.escape(note_of(title, time)).replace(" ", "\N{NO-BREAK SPACE}"))


def note_of(title: str, time: str) -> str:
    """Return the first line of the dialog: the image, and the expected time of a run, if that is known.

    Examples
    --------
    >>> note_of("cells.tif", "about 36 s")
    'cells.tif: expected time about 36 s'
    >>> note_of("2028-11-28 embryo 7 second acquisition after wash.czi - position 3", "")
    '2028-11-28 embryo 7...position 3: the Log tells the expected time after the start'
    """
    short = title if len(title) <= _TITLE_LETTERS else f"{title[: _TITLE_LETTERS // 2].strip()}...{title[-10:]}"
    return f"{short}: {f'expected time {time}' if time else 'the Log tells the expected time after the start'}"


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
