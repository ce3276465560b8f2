"""The checks of a run in a few lines for a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Protocol

from autodip_ij.denoising.checks.model import Check

ALL_GREEN = "quality: all checks green"


class Checked(Protocol):
    """A channel with its checks, as `autodip_ij.denoising.report.ChannelReport`."""

    index: int
    name: str
    checks: list[Check]


def quality_lines(channels: Iterable[Checked]) -> list[str]:
    """Return one line an amber or red check, or that all are green; nothing where nothing was checked.

    A size at which no structure stands out of the noise is no news; that the noise is unknown is.
    """
    checked = [channel for channel in channels if channel.checks]
    if not checked:
        return []
    lines = [
        f"quality, {_of(channel, len(checked))}cannot be judged: {check.advice}"
        for channel in checked
        for check in channel.checks
        if check.name == "noise_removed" and check.verdict == "unknown"
    ]
    for channel in checked:
        lines += [f"quality, {_of(channel, len(checked))}{line}" for line in _flagged(channel.checks)]
    return lines or [ALL_GREEN]


def _flagged(checks: Iterable[Check]) -> Iterator[str]:
    """Yield one line an amber or red check; neighbours that have the same advice share one."""
    flagged = (check for check in checks if check.verdict in ("amber", "red"))
    for advice, group in groupby(flagged, lambda check: check.advice):
        yield f"{', '.join(f'{check.name} {_value(check)} {check.verdict}' for check in group)}: {advice}"


def _of(channel: Checked, count: int) -> str:
    return f"channel {channel.index}{f' ({channel.name})' if channel.name else ''}, " if count > 1 else ""


def _value(check: Check) -> str:
    return "" if check.value is None else f"{check.value:.2f}"
