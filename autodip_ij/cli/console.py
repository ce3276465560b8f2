"""Terminal output of commands: a progress bar with remaining time, lines and tables; Ctrl-C cancels.

Names of files, scenes and channels are untrusted text: no mark-up, colour or escape sequence in them reaches the
terminal.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from autodip_ij._support.text import duration, plain
from autodip_ij.errors import Interrupted
from autodip_ij.progress import Progress, Silent, Stop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from autodip_ij.denoising.report import Report
    from autodip_ij.denoising.result import FileResult
    from autodip_ij.settings import DenoiseSettings


S = TypeVar("S", bound="DenoiseSettings")


def say(words: object) -> None:
    """Print one line on standard output, in any encoding."""
    encoding = sys.stdout.encoding or "utf-8"
    print(plain(str(words)).encode(encoding, "backslashreplace").decode(encoding))


def say_report(report: Report) -> None:
    """Print the record of a run as JSON on standard output, without NaN and in ASCII, which any encoding can print."""
    from json import dumps, loads

    from autodip_ij.denoising.report import to_json

    print(dumps(loads(to_json(report)), indent=2))


def say_result(result: FileResult, *, json: bool, quiet: bool) -> None:
    """Print what a command that wrote a result ends with: its record as JSON, or the name of its output."""
    if json:
        say_report(result.report)
    elif not quiet:
        say(result.output)


def with_file(model: type[S], typed: S | None, file: Path | None) -> S | None:
    """Return the settings of a file; those that were typed win."""
    if file is None:
        return typed
    return model.load(file, **({name: getattr(typed, name) for name in typed.model_fields_set} if typed else {}))


def text(words: object, style: str = "") -> Text:
    """Return untrusted text for the terminal, without interpreting it."""
    from rich.text import Text

    return Text(plain(str(words)), style=style)


def add_row(table: Table, *cells: object) -> None:
    """Add a row of untrusted text to a table."""
    table.add_row(*(text(cell) for cell in cells))


_SECONDS_BETWEEN_LINES = 10.0


class ConsoleProgress(Silent):
    """Progress bar on standard error; a first Ctrl-C requests cancellation, a second one ends the process at once.

    Before the first step there is nothing to cancel, and the first Ctrl-C ends it. What is done until then is shown at
    once on a terminal, and by a line after some seconds elsewhere: a slow drive may take minutes.

    Parameters
    ----------
    console
        Where it is shown.
    before
        What is done before the first step.
    """

    def __init__(self, console: Console, before: str = "") -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,  # in a file it would leave an empty line
        )
        self._task: Any = None
        self._before: Any = None
        self._late = threading.Timer(_SECONDS_BETWEEN_LINES, self.log, [before])
        if before and console.is_terminal:
            self._bar.start()
            self._before = self._bar.add_task(plain(before), total=None)
        elif before:
            self._late.daemon = True
            self._late.start()
        self._stop = Stop.NO
        self._reported = self._began = time.monotonic()

    def start(self, total: int, message: str) -> None:
        """Show the bar."""
        self._late.cancel()
        self._bar.start()
        if self._before is not None:
            self._bar.remove_task(self._before)
            self._before = None
        self._task = self._bar.add_task(plain(message), total=total or None)  # without a known end, the bar pulsates
        self._reported = self._began = time.monotonic()

    def advance(self, steps: int = 1, message: str | None = None) -> None:
        """Move the bar."""
        if self._task is not None:
            self._bar.update(self._task, advance=steps, description=None if message is None else plain(message))
            if not self._bar.console.is_terminal:
                self._report()

    def _report(self) -> None:
        """Write a line from time to time where no bar can be drawn: to a file, a pipe, the log of a cluster job."""
        now = time.monotonic()
        task = self._bar.tasks[self._task]
        if now - self._reported < _SECONDS_BETWEEN_LINES or task.total is None:
            return
        self._reported = now
        left = (now - self._began) * (task.total - task.completed) / max(task.completed, 1)
        about = f", about {duration(left)} left" if task.completed else ""
        count = f"{task.completed:.0f} of {task.total:.0f}"
        counted = task.description if count in task.description else f"{task.description}: {count}"
        self.log(f"{counted}{about}")

    def stop_request(self) -> Stop:
        """Return the request of Ctrl-C."""
        return self._stop

    def log(self, message: str) -> None:
        """Print a message above the bar."""
        self._bar.console.print(text(message), highlight=False)

    def interrupt(self, signum: int, frame: FrameType | None) -> None:
        """Handle Ctrl-C: request cancellation first, interrupt the second time, or at once if nothing has begun."""
        # Before the first step, files are looked at, from slow drives for minutes; requests are not polled then.
        if self._stop is not Stop.NO or self._task is None:
            raise Interrupted
        self._stop = Stop.DISCARD
        self.log("stopping ...")

    def __enter__(self) -> ConsoleProgress:
        return self

    def __exit__(self, *_: object) -> None:
        self._late.cancel()
        self._bar.stop()


@contextmanager
def console_progress(*, quiet: bool, before: str = "") -> Iterator[Progress]:
    """Show progress on standard error while the block runs, unless `quiet`; `before` its first step, what is done."""
    from rich.console import Console

    if quiet:
        yield Silent()
        return
    with ConsoleProgress(Console(stderr=True, soft_wrap=True), before) as progress:
        handler = signal.signal(signal.SIGINT, progress.interrupt)
        try:
            yield progress
        finally:
            signal.signal(signal.SIGINT, handler)
