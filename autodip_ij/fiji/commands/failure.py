"""Texts for the windows of Fiji: what a file says is shown as text, and nothing in it acts."""

from __future__ import annotations

import re
import sys
import textwrap
import threading
import time
import traceback
import unicodedata
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import redirect_stdout
from functools import wraps
from typing import Any

from autodip_ij.errors import AutodipError, Cancelled
from autodip_ij.fiji.commands import screen
from autodip_ij.fiji.worker.messages import UnexpectedFailure, describe

LINE_LETTERS = 48
"""Letters that fit into about 400 pixels of the Log."""
_CHANNEL = re.compile(r"\b([Cc]hannel) (\d+)(?![\d/]| of )")


def plain_text(text: str) -> str:
    r"""Return a text on one line, without control characters, marks that turn its direction, and halves of letters.

    A text that Java's windows would take for HTML gets a blank before it.

    Examples
    --------
    >>> plain_text("a\x1b[31mb\tc\u202ed\n")
    'a[31mb cd'
    >>> plain_text("<html>big")
    ' <html>big'
    """
    kept = "".join(" " if letter in "\t\n\r\x0b\x0c\u2028\u2029\x85" else letter for letter in text)
    kept = "".join(letter for letter in kept if unicodedata.category(letter) not in ("Cc", "Cf", "Cs")).rstrip()
    return f" {kept}" if kept[:5].lower() == "<html" else kept


def log_lines(text: str) -> list[str]:
    """Return a text as lines that fit into the Log as it opens; those that go on are indented.

    Examples
    --------
    >>> log_lines("about 4 min 9 s and 0.5 GB of memory on cpu, which is longer than a line")
    ['about 4 min 9 s and 0.5 GB of memory on cpu,', '    which is longer than a line']
    """
    return textwrap.wrap(
        plain_text(text), LINE_LETTERS, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )


def counted_from_one(text: str) -> str:
    """Return a line of a run with its channels counted as ImageJ counts them.

    Examples
    --------
    >>> counted_from_one("channel 0 (DAPI): group all"), counted_from_one("channel 1/2, channel 1 of 2")
    ('channel 1 (DAPI): group all', 'channel 1/2, channel 1 of 2')
    """
    return _CHANNEL.sub(lambda found: f"{found[1]} {int(found[2]) + 1}", text)


_CHOICE = re.compile(
    r"^(channel \d+[^:]*): group (\S+), confidence ([\d.]+) -> .*?((?:at most )?\d+ iterations)\.", re.DOTALL
)
_QUALITY = re.compile(r"^quality\b")


def briefly(message: str) -> str:
    """Return a line of a run without what the record has at length; empty where a verdict says it.

    Examples
    --------
    >>> briefly("channel 0 (DAPI): group confocal/actin, confidence 0.80 -> depth 5, width 16, 75 iterations. Named.")
    'channel 0 (DAPI): confocal/actin, confidence 0.80, 75 iterations'
    >>> briefly("quality, mean_ratio 0.76 red: the result is darker than the input")
    ''
    """
    if _QUALITY.match(message):
        return ""
    found = _CHOICE.match(message)
    return f"{found[1]}: {found[2]}, confidence {found[3]}, {found[4]}" if found else message


def verdict_lines(report: dict[str, Any]) -> Iterator[str]:
    """Yield one line a channel of a report: how the fit is judged, and the checks that are not green.

    Examples
    --------
    >>> check = {"name": "mean_ratio", "verdict": "amber", "advice": "look"}
    >>> channel = {"index": 0, "name": "DAPI", "treatment": "denoised", "fit_verdict": "well fitted", "checks": [check]}
    >>> list(verdict_lines({"channels": [channel | {"fit": {"stopped": False}}]}))
    ['channel 0 (DAPI): well fitted; amber: mean ratio']
    """
    for channel in report["channels"]:
        name = f"channel {channel['index']}{' (' + channel['name'] + ')' if channel['name'] else ''}"
        if channel["treatment"] != "denoised":
            yield f"{name}: {channel['treatment']}"
            continue
        if channel["fit"]["stopped"]:
            name = f"{name}: stopped after {channel['fit']['iterations']} iterations, that result was kept"
        yield f"{name}: {channel['fit_verdict']}{_flagged(channel['checks'])}"


def _flagged(checks: list[dict[str, Any]]) -> str:
    """Name the checks that are amber or red, and say what to do about a red one."""
    named = {
        colour: [check["name"].replace("_", " ") for check in checks if check["verdict"] == colour]
        for colour in ("red", "amber")
    }
    parts = [f"{colour}: {', '.join(names)}" for colour, names in named.items() if names]
    if not parts:
        return ", no check is amber or red" if checks else ""
    advice = next((check["advice"] for check in checks if check["verdict"] == "red"), "")
    return f"; {'; '.join(parts)}" + (f" ({advice})" if advice else "")


TITLE = "AUTO-DIP"
_MACRO_CANCELED = "Macro canceled"
_DIALOG_WIDTH = 80
_END_SECONDS = 1.0

Entry = Callable[..., Any]


def reported(entry: Entry) -> Entry:
    """Make a command of the menu report its failures and return None after them.

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
    """Say what failed and what to do about it: in the Log, and as ImageJ's error, which ends a running macro.

    Within a macro `IJ.error` comes back as Java's ``RuntimeException: Macro canceled``, which is to pass.
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
    """Say in one line that the user stopped the command; a running macro ends, as when a dialog is cancelled."""
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
    """Whether this is ImageJ's own way out of a macro that was ended; it must pass, or the macro would go on."""
    return _MACRO_CANCELED in str(error) and type(error).__name__.endswith("RuntimeException")


def message_of(error: BaseException) -> str:
    """Return one line for the user: cause and remedy."""
    if isinstance(error, AutodipError) and not isinstance(error, UnexpectedFailure):
        return str(error)
    text = str(error) if isinstance(error, UnexpectedFailure) else describe(error)["message"]
    return f"{text}. This should not happen; the Log has the details for a report"


def details_of(error: BaseException) -> str:
    """Return what helps to find the cause: a traceback, or the last words of the worker; empty for expected errors."""
    own = getattr(error, "details", "")
    if isinstance(error, AutodipError):
        foreseen = not isinstance(error, UnexpectedFailure) and error.exit_code == 2
        return "" if foreseen else str(own)
    return "".join(traceback.format_exception(error))
