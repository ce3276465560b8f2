"""What a Python session sees of a run: a bar if asked for, lines of the log, warnings; nothing is printed otherwise."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from autodip_ij.denoising.report import Report
from autodip_ij.errors import BadInput
from autodip_ij.progress import Progress, Silent

_log = logging.getLogger("autodip_ij")


class QualityWarning(UserWarning):
    """A quality check of a result is red."""


class LoggedProgress(Silent):
    """Lines go to the logger ``autodip_ij`` at level INFO; nothing is shown."""

    def log(self, message: str) -> None:
        """Log one line."""
        _log.info("%s", message)

    def close(self) -> None:
        """End what is shown: nothing."""


class BarProgress(LoggedProgress):
    """A bar on standard error, or a widget in a notebook; lines as those of `LoggedProgress`."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a notebook without widgets has the bar as text
            from tqdm.auto import tqdm

        self._bar: Any = None
        self._new = tqdm

    def start(self, total: int, message: str) -> None:
        """Show the bar."""
        self.close()
        self._bar = self._new(total=total or None, desc=message, unit="step", dynamic_ncols=True)

    def advance(self, steps: int = 1, message: str | None = None) -> None:
        """Move the bar."""
        if self._bar is not None:
            if message is not None:
                self._bar.set_description(message, refresh=False)
            self._bar.update(steps)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


@contextmanager
def shown(progress: Progress | bool | None) -> Iterator[Progress]:
    """Give the progress reporter of one run.

    Parameters
    ----------
    progress
        A reporter, which is used as it is; True for a bar; None or False for none.

    Raises
    ------
    autodip_ij.errors.BadInput
        If it is none of these.
    """
    if progress is None or isinstance(progress, bool):
        own = BarProgress() if progress else LoggedProgress()
        try:
            yield own
        finally:
            own.close()
        return
    if not isinstance(progress, Progress):
        raise BadInput(f"progress: a {type(progress).__name__} was given; give True for a bar, or a Progress")
    yield progress


def warn_of_red(report: Report, progress: Progress | bool | None) -> None:
    """Issue a `QualityWarning` for each red check of a result, unless a reporter was told them already."""
    if progress is not None and not isinstance(progress, bool):
        return
    for channel in report.channels:
        for check in channel.checks:
            if check.verdict == "red":
                about = f"channel {channel.name or channel.index}: {check.name} is red ({check.value:.3g})"
                warnings.warn(f"{about}: {check.advice}", QualityWarning, stacklevel=_depth())


def _depth() -> int:
    """Return the level of the user's line: the first frame outside this package."""
    import sys

    package, depth = __name__.split(".")[0], 1
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] == package:
        depth, frame = depth + 1, frame.f_back
    return depth
