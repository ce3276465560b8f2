"""Text for Fiji's windows: sanitised, wrapped, shortened, and counted as ImageJ counts."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterator
from typing import Any

from autodip_ij._support.fields import choices_of
from autodip_ij.fiji.commands.menu import command_of
from autodip_ij.groups.model import group_names
from autodip_ij.settings import DenoiseSettings

LINE_LETTERS = 42
"""Characters that fit into about 400 pixels of the Log."""
_CHANNEL = re.compile(r"\b([Cc]hannel) (\d+)(?![\d/]| of )")


def plain_text(text: str) -> str:
    r"""Return a text on one line, without control characters, bidirectional marks and lone surrogates.

    A text that Java's windows would treat as HTML gets a leading space.

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
    """Return a text as lines that fit into the Log at its initial size; continuation lines are indented.

    Examples
    --------
    >>> log_lines("about 4 min 9 s and 0.5 GB of memory on cpu, which is longer than a line")
    ['about 4 min 9 s and 0.5 GB of memory on', '    cpu, which is longer than a line']
    """
    return textwrap.wrap(
        plain_text(text), LINE_LETTERS, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )


def counted_from_one(text: str) -> str:
    """Return a message of a run with its channels counted from 1, as in ImageJ.

    Examples
    --------
    >>> counted_from_one("channel 0 (DAPI): group all"), counted_from_one("channel 1/2, channel 1 of 2")
    ('channel 1 (DAPI): group all', 'channel 1/2, channel 1 of 2')
    """
    return _CHANNEL.sub(lambda found: f"{found[1]} {int(found[2]) + 1}", text)


_LABELS = {entry.name: re.split(r" \(|:", entry.label)[0] for entry in command_of("run_image").fields}
_VALUES = {choice for name in DenoiseSettings.model_fields for choice in choices_of(DenoiseSettings, name)}
_VALUE = "|".join([r"\d[\d.]*", "N", *map(re.escape, sorted({*_VALUES, *group_names()}, key=len, reverse=True))])
_OPTION = rf"--([a-z][a-z-]*)(?: ({_VALUE})(?![\w/-]))?"
_OPTIONS = re.compile(rf"{_OPTION}(?: {_OPTION})*")


def in_dialog_terms(text: str) -> str:
    """Replace options of the command line (``--name value``) by the fields of Fiji's dialogs.

    A setting without a field is shown as it is typed under *More settings*.

    Examples
    --------
    >>> in_dialog_terms("this is long: --group nucleus: 12 times cheaper")
    'this is long: Group = nucleus: 12 times cheaper'
    >>> in_dialog_terms("choose a narrower network with --width, or compute with --device cpu")
    'choose a narrower network with width in More settings, or compute with device=cpu in More settings'
    >>> in_dialog_terms("--depth 5 --skip 4 --iterations 500 (tested): 53 times cheaper")
    'depth=5 skip=4 in More settings, Iterations = 500 (tested): 53 times cheaper'
    """
    return _OPTIONS.sub(_in_dialog_terms, text)


def _in_dialog_terms(options: re.Match[str]) -> str:
    typed, fields = [], []
    for option, value in re.findall(_OPTION, options[0]):
        name = option.replace("-", "_")
        if name in _LABELS:
            fields.append(f"{_LABELS[name]} = {value}" if value else _LABELS[name])
        elif name == "overwrite":
            typed.append("overwrite=true")
        elif name in DenoiseSettings.model_fields and name != "channel":  # which the dialogs count from 1
            typed.append(f"{name}={value}" if value else name)
        else:
            return options[0]
    return ", ".join([*([f"{' '.join(typed)} in More settings"] if typed else []), *fields])


_CHOICE = re.compile(
    r"^((?:\d+ of \d+, .*?: )?channel \d+[^:]*): group (\S+), confidence ([\d.]+) -> "
    r".*?((?:at most )?\d+ iterations|no network)\.",
    re.DOTALL,
)
_QUALITY = re.compile(r"^quality\b")


def briefly(message: str) -> str:
    """Return a message of a run without the details that the record holds; empty where a verdict line repeats it.

    Examples
    --------
    >>> briefly("channel 0 (DAPI): group confocal/actin, confidence 0.80 -> depth 5, width 16, 75 iterations. Named.")
    'channel 0 (DAPI): confocal/actin, confidence 0.80, 75 iterations'
    >>> briefly("2 of 9, cells.tif: channel 0: group all, confidence 0.00 -> no network. Unknown, because ...")
    '2 of 9, cells.tif: channel 0: all, confidence 0.00, no network'
    >>> briefly("quality, mean_ratio 0.76 red: the result is darker than the input")
    ''
    """
    if _QUALITY.match(message):
        return ""
    found = _CHOICE.match(message)
    return f"{found[1]}: {found[2]}, confidence {found[3]}, {found[4]}" if found else message


def verdict_lines(report: dict[str, Any]) -> Iterator[str]:
    """Yield one line per channel of a report: the verdict on its fit, and the checks that are not green.

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
            after = channel["fit"]["iterations"]
            name = f"{name}: stopped{f' after {after} iterations' if after else ''}, with the result at that point"
        yield f"{name}: {verdict_of(channel)}{_flagged(channel['checks'])}"


def verdict_of(channel: dict[str, Any]) -> str:
    """Return the verdict on the fit of a channel of a report, or that there was none.

    Examples
    --------
    >>> verdict_of({"fit_verdict": "unknown", "parameters": {"classical": "nlm", "classical_weight": 1.0}})
    'no network was fitted'
    """
    alone = (channel.get("parameters") or {}).get("classical_weight") == 1
    return "no network was fitted" if alone else str(channel["fit_verdict"])


def _flagged(checks: list[dict[str, Any]]) -> str:
    """Name the checks that are amber or red, with the advice of the first red one."""
    named = {
        colour: [check["name"].replace("_", " ") for check in checks if check["verdict"] == colour]
        for colour in ("red", "amber")
    }
    parts = [f"{colour}: {', '.join(names)}" for colour, names in named.items() if names]
    if not parts:
        return ", no check is amber or red" if checks else ""
    advice = next((check["advice"] for check in checks if check["verdict"] == "red"), "")
    return f"; {'; '.join(parts)}" + (f" ({advice})" if advice else "")
