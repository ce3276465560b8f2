"""Progress on a terminal: a bar with remaining time, lines for what the user should read, Ctrl-C to stop."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from autodip_ij.progress import Progress, Silent, Stop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console


class ConsoleProgress(Silent):
    """Shows a bar on standard error; the first Ctrl-C asks the work to stop, a second one ends the process at once."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task: Any = None
        self._stop = Stop.NO

    def start(self, total: int, message: str) -> None:
        """Show the bar."""
        self._bar.start()
        self._task = self._bar.add_task(message, total=total)

    def advance(self, steps: int = 1, message: str | None = None) -> None:
        """Move the bar."""
        if self._task is not None:
            self._bar.update(self._task, advance=steps, description=message)

    def stop_request(self) -> Stop:
        """Return whether Ctrl-C was pressed."""
        return self._stop

    def log(self, message: str) -> None:
        """Print one line above the bar."""
        self._bar.console.print(message, highlight=False, markup=False)

    def interrupt(self, signum: int, frame: FrameType | None) -> None:
        """Handle Ctrl-C: ask first, insist the second time."""
        if self._stop is not Stop.NO:
            raise KeyboardInterrupt
        self._stop = Stop.DISCARD
        self.log("stopping ...")

    def __enter__(self) -> ConsoleProgress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._task is not None:
            self._bar.stop()


@contextmanager
def console_progress(*, quiet: bool) -> Iterator[Progress]:
    """Show progress on standard error while the block runs; nothing at all if `quiet`."""
    from rich.console import Console

    if quiet:
        yield Silent()
        return
    with ConsoleProgress(Console(stderr=True, soft_wrap=True)) as progress:
        before = signal.signal(signal.SIGINT, progress.interrupt)
        try:
            yield progress
        finally:
            signal.signal(signal.SIGINT, before)
