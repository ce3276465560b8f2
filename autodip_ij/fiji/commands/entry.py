"""What all menu commands share: how they are called, and how their failures are reported."""

from __future__ import annotations

import sys
import textwrap
import threading
import time
import traceback
from collections.abc import Callable, MutableMapping
from contextlib import redirect_stdout
from functools import wraps
from typing import Any

from autodip_ij.errors import AutodipError, Cancelled
from autodip_ij.fiji.commands import caller, dialog, screen
from autodip_ij.fiji.commands.menu import command_of
from autodip_ij.fiji.commands.text import in_dialog_terms, plain_text
from autodip_ij.fiji.worker.messages import UnexpectedFailure, describe

ANSWER = "autodip.answer"
"""Java property that holds the answer of the last command; a macro reads it by ``call``."""

TITLE = "AUTO-DIP"
_MACRO_CANCELED = "Macro canceled"
_DIALOG_WIDTH = 80
_END_SECONDS = 1.0

Entry = Callable[[MutableMapping[str, Any]], Any]


def menu_entry(entry: Entry) -> Entry:
    """Make a function of the bridge a menu entry, which the script of the same name calls with its globals.

    SciJava calls a script twice: once before its dialog, to prepare it, and once to run it. The answer of a run is
    stored for the calling macro. Fiji opens no window for it, because the command itself has shown its results.
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


def reported(entry: Entry) -> Entry:
    """Make a menu command report its failures and return None after one.

    While it runs, what is printed goes to standard error: `print` raises in a Python-mode script outside the editor.
    """

    @wraps(entry)
    def run(variables: MutableMapping[str, Any]) -> Any:
        with redirect_stdout(sys.stderr):
            try:
                return entry(variables)
            except Cancelled as error:
                cancelled(error)
            except BaseException as error:
                if is_macro_canceled(error):
                    raise
                report(error)
        return None

    return run


def report(error: BaseException) -> None:
    """Report cause and remedy of a failure: in the Log, and as ImageJ's error, which ends a running macro.

    Within a macro `IJ.error` raises Java's ``RuntimeException: Macro canceled``, which must not be caught.
    """
    from scyjava import jimport

    ij = jimport("ij.IJ")
    message = message_of(error)
    for line in details_of(error).splitlines():
        screen.log(f"  {line}")
    screen.log(message)
    if not screen.is_headless():
        # ImageJ's dialog is as wide as its longest line.
        ij.error(TITLE, textwrap.fill(plain_text(message), _DIALOG_WIDTH, break_long_words=False))
    elif ij.isMacro():
        ij.redirectErrorMessages()  # no dialog
        ij.error(TITLE, plain_text(message))


def cancelled(error: Cancelled) -> None:
    """Report a cancellation in one line and end a running macro, as cancelling a dialog does."""
    from scyjava import jimport

    screen.status(str(error))
    screen.log(str(error))
    if jimport("ij.IJ").isMacro():
        _end_macro()


def _end_macro() -> None:
    """End the running macro without a dialog, which `IJ.error` would open."""
    from scyjava import jimport

    interpreter = jimport("ij.macro.Interpreter").getInstance()
    if interpreter is None:
        return
    # ImageJ waits until the macro has ended, and the macro waits for this command.
    threading.Thread(target=interpreter.abortMacro, name="AUTO-DIP-End-Of-Macro", daemon=True).start()
    deadline = time.monotonic() + _END_SECONDS
    while not interpreter.done() and time.monotonic() < deadline:
        time.sleep(0.01)


def is_macro_canceled(error: BaseException) -> bool:
    """Whether this is the exception with which ImageJ ends a macro; if it were caught, the macro would continue."""
    return _MACRO_CANCELED in str(error) and type(error).__name__.endswith("RuntimeException")


def message_of(error: BaseException) -> str:
    """Return one line for the user: cause and remedy."""
    if isinstance(error, AutodipError) and not isinstance(error, UnexpectedFailure):
        return in_dialog_terms(str(error))
    text = str(error) if isinstance(error, UnexpectedFailure) else describe(error)["message"]
    return f"{text}. This is a defect of AUTO-DIP; please report it with the details in the Log"


def details_of(error: BaseException) -> str:
    """Return what helps to find the cause: a traceback or the last output of the worker; empty for expected errors."""
    own = getattr(error, "details", "")
    if isinstance(error, AutodipError):
        expected = not isinstance(error, UnexpectedFailure) and error.exit_code == 2
        return "" if expected else str(own)
    return "".join(traceback.format_exception(error))
