"""Pages of results in Markdown: numbers, durations, tables, and a line that says where and when they were measured."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from math import isfinite, isnan

from autodip_ij._support.versions import machine
from autodip_ij._version import __version__

FIGURES = "figures"
"""Folder of the figures of a report, beside the page."""
NONE = "-"


def number(value: float | None, digits: int) -> str:
    """Return a number with fixed decimal places; ``-`` where there is none.

    Examples
    --------
    >>> number(3.14159, 2), number(None, 2), number(float("nan"), 2), number(float("inf"), 2)
    ('3.14', '-', '-', '∞')
    """
    if value is None or isnan(value):
        return NONE
    return f"{value:.{digits}f}" if isfinite(value) else ("∞" if value > 0 else "-∞")


def pair_of_numbers(psnr: float | None, lpips: float | None) -> str:
    """Return ``PSNR / LPIPS`` as the paper writes them, ``-`` where both are missing.

    Examples
    --------
    >>> pair_of_numbers(34.994, 0.0981), pair_of_numbers(35.56, None)
    ('34.99 / .098', '35.56')
    """
    first, second = number(psnr, 2), number(lpips, 3)
    if second == NONE:
        return first
    return f"{first} / {second.removeprefix('0')}"


def seconds(value: float | None) -> str:
    """Return a duration with three significant digits and its unit.

    Examples
    --------
    >>> seconds(0.0123), seconds(83.2), seconds(7300), seconds(None)
    ('12.3 ms', '83.2 s', '2.03 h', '-')
    """
    if value is None or isnan(value):
        return NONE
    for limit, factor, unit in ((1, 1000, "ms"), (600, 1, "s"), (7200, 1 / 60, "min")):
        if value < limit:
            return f"{value * factor:.3g} {unit}"
    return f"{value / 3600:.3g} h"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Return a Markdown table.

    `DataFrame.to_markdown` neither escapes ``|``, which names of files and methods may hold, nor writes ``-`` for NaN.

    Parameters
    ----------
    header
        Headings.
    rows
        Cells as text.
    left
        Number of columns, from the first, that are aligned left; the others are aligned right.
    """
    rule = ["---" if index < left else "---:" for index in range(len(header))]
    lines = [header, rule, *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def provenance_line() -> str:
    """Return version, date and machine in one line."""
    found = machine()
    return (
        f"autodip_ij {__version__}, {datetime.now(UTC).date()}, {found['processor']}, {found['cores']} cores, "
        f"{found['system']}."
    )
