"""An open image as a job that only looks at it gets it, and what such a look tells the dialog."""

from __future__ import annotations

import logging
import threading
from typing import Any

from autodip_ij._support.text import duration
from autodip_ij.errors import AutodipError
from autodip_ij.fiji.commands import screen
from autodip_ij.fiji.commands.preferences import read_preferences
from autodip_ij.fiji.imageplus.convert import Selection, dimensions, dtype_of, to_array
from autodip_ij.fiji.imageplus.source import channels_of, origin_of, pixel_size_of
from autodip_ij.fiji.worker.runners import worker
from autodip_ij.fiji.worker.shared import SharedArrays
from autodip_ij.progress import Silent
from autodip_ij.settings import DenoiseSettings

_log = logging.getLogger(__name__)
LOOK_SECONDS = 2.0
"""How long a dialog waits for what it could say."""


def describe(imp: Any, shared: SharedArrays) -> dict[str, Any]:
    """Return the values of the job ``inspect_open_image``; the middle plane of each channel is shared."""
    times, channels, slices, height, width = dimensions(imp)
    middle = Selection((times // 2,), tuple(range(channels)), (slices // 2,))
    to_array(imp, middle, shared.add("planes", dtype_of(imp), (1, channels, 1, height, width)))
    origin = origin_of(imp)
    return {
        "origin": origin.to_json(),
        "looks": [vars(look) for look in channels_of(imp, origin.channel_names)],
        "pixel_size": vars(pixel_size_of(imp)),
        "title": str(imp.getTitle()),
        "rgb": False,
        "shape": dimensions(imp),
        "dtype": str(dtype_of(imp)),
    }


def look(imp: Any, tasks: Any) -> tuple[str, str]:
    """Return the groups found and the expected time for a dialog about to open; empty where they are not known in time.

    The worker is asked, which so is ready when OK is pressed.
    """
    preferences = read_preferences(tasks)
    if not (preferences.isolate and worker().is_idle):
        return "", ""
    box: dict[str, Any] = {}

    def ask() -> None:
        try:
            with worker().arrays() as shared:
                request = describe(imp, shared)
                request["settings"] = DenoiseSettings.parse(**preferences.settings()).model_dump(exclude_unset=True)
                box.update(
                    worker().run(
                        "autodip_ij.fiji.worker.jobs:inspect_open_image", request, shared, Silent(), brief=True
                    )
                )
        except AutodipError as problem:
            _log.info("nothing could be said before the dialog: %s", problem)  # the run itself will say it

    screen.status("AUTO-DIP: looking at the metadata")
    asking = threading.Thread(target=ask, name="AUTO-DIP-Look", daemon=True)
    asking.start()
    asking.join(LOOK_SECONDS)
    return in_words(box["scenes"][0]["channels"]) if "scenes" in box else ("", "")


def in_words(channels: list[dict[str, Any]]) -> tuple[str, str]:
    """Return the groups of an inspection and its time in words.

    Examples
    --------
    >>> in_words([{"microscope": "confocal", "specimen": None, "estimate": {"seconds": 70.0}}])
    ('confocal, specimen unknown', 'about 1 min 10 s')
    """
    found = dict.fromkeys(_group(channel["microscope"], channel["specimen"]) for channel in channels)
    seconds = [channel["estimate"]["seconds"] for channel in channels if channel["estimate"]]
    return "; ".join(found), f"about {duration(sum(seconds))}" if seconds else ""


def _group(microscope: str | None, specimen: str | None) -> str:
    if not (microscope or specimen):
        return "nothing"
    return f"{microscope or 'microscope unknown'}, {specimen or 'specimen unknown'}"
