"""Text for Fiji's windows: sanitised, wrapped, shortened, and counted as ImageJ counts."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterator
from typing import Any

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
