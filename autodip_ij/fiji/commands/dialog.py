"""What happens before the dialog of a command opens: SciJava calls the script once then (``initializer="run"``).

What cannot work is said at once. A macro gets no dialog: what its line leaves out has its default.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from autodip_ij.errors import BadInput
from autodip_ij.fiji.commands import caller, screen
from autodip_ij.fiji.commands.described import look
from autodip_ij.fiji.commands.macro_line import check_macro_line
from autodip_ij.fiji.commands.menu import MenuCommand
from autodip_ij.fiji.commands.plain import plain_text
from autodip_ij.fiji.commands.preferences import read_preferences

_REFUSED = "autodip_refused"
NO_IMAGE = "there is no image; open one and select it, or denoise a file with AUTO-DIP Denoise File..."
TWO_IMAGES = "two images are needed: a reference and the image to measure; open both"


def prepare(command: MenuCommand, variables: MutableMapping[str, Any]) -> None:
    """Check what can be checked, and give the module of the script its image and, for a macro, its defaults.

    Parameters
    ----------
    command
        The command that was called.
    variables
        The globals of its script; what is written there comes back with the next call of the same module.

    Raises
    ------
    autodip_ij.errors.BadInput
        If the command cannot be done; no dialog follows then, and the run itself does nothing.
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
                module.resolveInput(entry.name)  # else it would have a field all the same
        if line:
            _fill_left_out(command, module, variables["tasks"])
        elif command.entry == "run_image" and screen.has_window():
            _tell_beforehand(module, variables["tasks"])
    except BaseException:
        variables[_REFUSED] = True
        for entry in command.inputs:
            module.resolveInput(entry.name)
        raise


def is_refused(variables: Mapping[str, Any]) -> bool:
    """Whether the command was refused before its dialog, so that nothing is left to be done or said."""
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


def _tell_beforehand(module: Any, tasks: Any) -> None:
    """Say in the dialog which group the metadata give, and how long it will take."""
    found, time = look(module.getInput("imp"), tasks)
    group = module.getInfo().getInput("group")
    group.setLabel(plain_text(f"Group: from the metadata (found: {found})" if found else "Group"))
    module.setInput("note", f"Expected time with these settings: {time or 'said in the Log when it is known'}")


def image_for(variables: Mapping[str, Any]) -> Any:
    """Return the image a command is to work on: the one it was given, or the current one of its caller."""
    from scyjava import jimport

    given = variables.get("imp")
    if caller.is_usable(given) and given != jimport("ij.WindowManager").getCurrentImage():
        return given  # by name, from Python; SciJava itself gives what is current in this thread
    return caller.current_image(variables.get("tasks"))


def _fill_left_out(command: MenuCommand, module: Any, tasks: Any) -> None:
    stored = vars(read_preferences(tasks))
    for entry in command.inputs:
        if module.isInputResolved(entry.name):
            continue
        if entry.persist and entry.name in stored:
            module.setInput(entry.name, stored[entry.name])
        module.resolveInput(entry.name)
