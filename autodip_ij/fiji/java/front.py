"""Jobs for the Groovy library: plan a command, run it, prepare its dialog; all values are plain JSON.

Each answers with what Fiji is to show, also after a failure: ``failure`` (its text for the dialog, or that the user
cancelled) in place of the rest. What the Log says arrives as messages before the answer, in its final words.

==================  ================================================================================================
job                 values, answer
==================  ================================================================================================
``plan``            a call (`autodip_ij.fiji.java.plans.Call`); the plan, ``forget`` (stored settings to remove)
``run``             the ``run`` of the plan; ``answer`` (text for macros) and ``table`` or ``image``
``groups``          ``imp`` (description), ``stored``; ``label`` of the dialog's group field and what ``time`` needs
``time``            ``request`` of ``groups``, with its array; ``note`` of the dialog
==================  ================================================================================================

Every one takes ``window``: whether Fiji has one, so that texts are wrapped.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterable
from functools import wraps
from importlib import import_module
from math import isfinite, isnan
from typing import Any

import numpy as np

from autodip_ij.errors import Cancelled
from autodip_ij.fiji.commands.entry import details_of, message_of
from autodip_ij.fiji.commands.requests import finding_lines, written_line
from autodip_ij.fiji.commands.screen import Row, evaluation_rows, folder_rows, inspection_rows
from autodip_ij.fiji.commands.text import counted_from_one, in_dialog_terms, log_lines, plain_text
from autodip_ij.fiji.commands.values import Preferences, preferences_of
from autodip_ij.fiji.imageplus import open_image
from autodip_ij.fiji.imageplus.appearance import result_title
from autodip_ij.fiji.imageplus.convert import (
    COLOURS,
    Selection,
    has_density_function,
    is_rgb,
    shown_values,
    stack_index,
)
from autodip_ij.fiji.imageplus.source import provenance_block
from autodip_ij.fiji.java.described import Described
from autodip_ij.fiji.java.plans import Call, inspection
from autodip_ij.fiji.java.plans import plan as plan_of
from autodip_ij.fiji.worker.jobs import Arrays
from autodip_ij.progress import Progress
from autodip_ij.settings import DenoiseSettings

Answer = dict[str, Any]
Job = Callable[[dict[str, Any], Arrays, Progress], Answer]
_DIALOG_WIDTH = 80


class Worded:
    """`Progress` reporter that words what Fiji is to show: titles on one line, lines of the Log wrapped to its window.

    Parameters
    ----------
    progress
        Reporter that sends the words to Fiji.
    window
        Whether Fiji has a window.
    """

    def __init__(self, progress: Progress, window: bool) -> None:
        self._progress = progress
        self._window = window

    def __getattr__(self, name: str) -> Any:
        return getattr(self._progress, name)

    def start(self, total: int, message: str) -> None:
        """Begin a stage."""
        self._progress.start(total, plain_text(message))

    def advance(self, steps: int = 1, message: str | None = None) -> None:
        """Report completed steps."""
        self._progress.advance(steps, plain_text(message) if message else None)

    def log(self, message: str) -> None:
        """Send a message as the lines of the Log."""
        text = f"AUTO-DIP: {in_dialog_terms(counted_from_one(message))}"
        self._progress.log("\n".join(log_lines(text) if self._window else [plain_text(text)]))


def answered(job: Callable[[dict[str, Any], Arrays, Worded], Answer]) -> Job:
    """Make a job answer its failures, worded as Fiji shows them."""

    @wraps(job)
    def run(values: dict[str, Any], arrays: Arrays, progress: Progress) -> Answer:
        worded = Worded(progress, values["window"])
        try:
            return job(values, arrays, worded)
        except Cancelled as error:
            worded.log(str(error))
            return {"failure": {"cancelled": True, "text": plain_text(str(error))}}
        except BaseException as error:
            for line in details_of(error).splitlines():
                worded.log(f"  {line}")
            message = message_of(error)
            worded.log(message)
            text = plain_text(message)
            if values["window"]:  # ImageJ's dialog is as wide as its longest line
                text = textwrap.fill(text, _DIALOG_WIDTH, break_long_words=False)
            return {"failure": {"cancelled": False, "text": text}}

    return run


def plan(values: dict[str, Any], arrays: Arrays, progress: Progress) -> Answer:
    """Return the plan of a command; see `autodip_ij.fiji.java.plans`."""
    answer = _plan(values, arrays, progress)
    if "failure" in answer and values["entry"] == "settings":
        answer["forget"] = list(vars(Preferences()))  # the next dialog must not offer them again
    return answer


@answered
def _plan(values: dict[str, Any], arrays: Arrays, progress: Worded) -> Answer:
    return plan_of(Call(values, progress))


@answered
def run(values: dict[str, Any], arrays: Arrays, progress: Worded) -> Answer:
    """Run the job of a plan and return what Fiji is to show."""
    found: Any = None
    if values["job"]:
        module, name = values["job"].split(":")
        found = getattr(import_module(module), name)(values["request"], arrays, progress)
    return _SHOWN[values["entry"]](values, arrays, progress, found)


@answered
def groups(values: dict[str, Any], arrays: Arrays, progress: Worded) -> Answer:
    """Return the label of the dialog's group field, and the request and arrays of `time`."""
    from autodip_ij.fiji.worker import look

    imp = Described(values["imp"])
    asked = inspection(imp)
    stored = preferences_of(values["stored"])[0].settings()
    asked["request"]["settings"] = DenoiseSettings.parse(**stored).model_dump(exclude_unset=True)
    found = look.groups(asked["request"], {}, progress)["groups"]
    return {**asked, "label": plain_text(f"Group: from the metadata (detected: {found})")}


@answered
def time(values: dict[str, Any], arrays: Arrays, progress: Worded) -> Answer:
    """Return the expected time of a run in words."""
    from autodip_ij.fiji.worker import look

    return look.expected_time(values["request"], arrays, progress)


def _image(values: dict[str, Any], arrays: Arrays, progress: Worded, found: Any) -> Answer:
    """Return how the result is made of the array ``target``, which is converted to the grey values that Fiji shows."""
    imp, target = Described(values["image"]), arrays["target"]
    selection = Selection(**{name: tuple(places) for name, places in values["selection"].items()})
    in_floats = target.dtype == np.float32
    if in_floats and has_density_function(imp):
        for place in np.ndindex(target.shape[:3]):
            target[place] = shown_values(imp, target[place])
    rgb = open_image.has_all_colours(imp, selection)
    return {
        "image": {
            "title": result_title(str(imp.getTitle())),
            "rgb": rgb,
            "planes": result_planes(imp, selection, rgb=rgb),
            "position": position(imp, selection, rgb=rgb),
            "replace": values["replace"],
            "selection": values["selection"],
            "ranges": display_ranges(imp, selection, in_floats),
            "info": provenance_block(found["report"], found["basis"]),
        }
    }


def result_planes(imp: Described, selection: Selection, *, rgb: bool) -> list[Answer]:
    """Return the planes of the result in ImageJ's order: C fastest, then Z, then T.

    Each has ``from`` (its plane in the array, or those of its colours), ``index`` (of the source's plane, from 1) and
    ``colour`` (its name, if it is one of an RGB image; else None).
    """
    _, count, depth = selection.lengths
    ordered = sorted(selection.positions(), key=lambda both: (both[0][0], both[0][2], both[0][1]))
    planes: list[Answer] = [
        {
            "from": [(i * count + j) * depth + k],
            "index": stack_index(imp, t, c, z),
            "colour": COLOURS[c] if is_rgb(imp) else None,
        }
        for (i, j, k), (t, c, z) in ordered
    ]
    if rgb:
        colours = [planes[first : first + 3] for first in range(0, len(planes), 3)]
        planes = [{**three[0], "from": [one["from"][0] for one in three], "colour": None} for three in colours]
    return planes


def position(imp: Described, selection: Selection, *, rgb: bool) -> list[int]:
    """Return the position (C, Z, T, from 1) at which the result opens: that of the source, or the first."""
    axes = ((0,) if rgb else selection.channels, selection.slices, selection.times)
    current = (imp.getC(), imp.getZ(), imp.getT())
    return [axis.index(at - 1) + 1 if at - 1 in axis else 1 for axis, at in zip(axes, current, strict=True)]


def display_ranges(imp: Described, selection: Selection, in_floats: bool) -> list[list[float]]:
    """Return the display range of each selected channel in the grey values of the result."""
    facts = imp.facts
    if is_rgb(imp):
        return [[0.0, 255.0] for _ in selection.channels]
    luts = facts["luts"]
    ranges = [
        luts[min(c, len(luts) - 1)]["range"] if facts["composite"] else facts["display"] for c in selection.channels
    ]
    if in_floats and has_density_function(imp):
        ranges = [sorted(shown_values(imp, np.array(ends)).tolist()) for ends in ranges]
    return [[float(low), float(high)] for low, high in ranges]


def _file(values: dict[str, Any], arrays: Arrays, progress: Worded, found: Any) -> Answer:
    progress.log(written_line(values["request"]["input"], found))
    return {"answer": str(found["output"])}


def _folder(values: dict[str, Any], arrays: Arrays, progress: Worded, found: Any) -> Answer:
    progress.log(found["summary"])
    return {"answer": str(found["summary"]), "table": _table("AUTO-DIP Folder", folder_rows(found))}


def _metadata(values: dict[str, Any], arrays: Arrays, progress: Worded, found: Any) -> Answer:
    return {"answer": json.dumps(found), "table": _table("AUTO-DIP Metadata", inspection_rows(found))}


def _measures(values: dict[str, Any], arrays: Arrays, progress: Worded, found: Any) -> Answer:
    return {"answer": json.dumps(found), "table": _table("Results", evaluation_rows(found, values["title"]))}


def _table(title: str, rows: Iterable[Row]) -> Answer:
    return {"title": title, "rows": [{column: _cell(value) for column, value in row.items()} for row in rows]}


def _cell(value: str | float | None) -> str | float | None:
    """Return a cell; what JSON has no number for, as Java writes it."""
    if isinstance(value, str):
        return plain_text(value)
    if value is None or isfinite(value):
        return value
    return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _findings(values: dict[str, Any], arrays: Arrays, progress: Worded, found: Any) -> Answer:
    lines = list(finding_lines(Preferences(**values["chosen"]), found))
    for line in lines:
        progress.log(line)
    return {"answer": "\n".join(lines)}


_SHOWN: dict[str, Callable[[dict[str, Any], Arrays, Worded, Any], Answer]] = {
    "run_image": _image,
    "run_file": _file,
    "run_folder": _folder,
    "inspect": _metadata,
    "evaluate": _measures,
    "settings": _findings,
}
