"""What every command of the menu has in common, from the call of its script to its answer."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from functools import wraps
from typing import Any

from autodip_ij.fiji.commands import caller, dialog
from autodip_ij.fiji.commands.failure import reported
from autodip_ij.fiji.commands.menu import command_of

ANSWER = "autodip.answer"
"""Java property that holds the answer of the last command; a macro reads it by ``call``."""

Entry = Callable[[MutableMapping[str, Any]], Any]


def menu_entry(entry: Entry) -> Entry:
    """Make a function of the bridge an entry of the menu, which the script of the same name calls with its globals.

    SciJava calls a script twice: before its dialog, to prepare it, and to run it. The answer of a run is kept for the
    macro that called, and Fiji opens no window for it: what there is to see was shown by the command itself.
    """

    @reported
    @wraps(entry)
    def run(variables: MutableMapping[str, Any]) -> Any:
        tasks = variables.get("tasks")
        try:
            if caller.before_dialog():
                _keep("")
                # SciJava keeps the globals for the run itself, and would hand this one back as a Java object.
                variables.pop("__builtins__", None)
                dialog.prepare(command_of(entry.__name__), variables)
                return None
            if dialog.is_refused(variables):
                return None
            _keep("")
            answer = entry(variables)
            _keep(answer if isinstance(answer, str) else str(answer.getTitle()))
            return answer
        finally:
            _resolve_output(command_of(entry.__name__).output[1], variables.get(caller.MODULE))
            caller.leave_thread(tasks)

    return run


def _keep(answer: str) -> None:
    from scyjava import jimport

    jimport("java.lang.System").setProperty(ANSWER, answer)


def _resolve_output(name: str, module: Any) -> None:
    """Keep SciJava from opening a text window, or the image a second time."""
    if module is not None:
        module.resolveOutput(name)
