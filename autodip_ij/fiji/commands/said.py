"""What a run says, as the Log of Fiji has it: a line a channel before, and a verdict a channel after.

All of it, at length, stands in the record of the run (*Image > Show Info...*, or the sidecar).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

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
