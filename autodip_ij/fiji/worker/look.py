"""What a dialog says of an open image: its groups and the expected time of a run.

Groups and time are two jobs, because a dialog should not wait for the second: groups need the metadata only, the time
needs a look at the pixels, the choice of parameters, and the speed of this machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autodip_ij._support.text import duration
from autodip_ij.fiji.worker.jobs import Arrays, inspect_open_image
from autodip_ij.fiji.worker.origin import Origin, decide
from autodip_ij.progress import Progress, Silent
from autodip_ij.settings import DenoiseSettings


def groups(values: dict[str, Any], arrays: Arrays, progress: Progress) -> dict[str, str]:
    """Return the groups that ``origin`` implies with ``settings`` as ``groups``, in words; uses no pixels."""
    settings = DenoiseSettings.parse(**values["settings"])
    found = decide(Origin.from_json(values["origin"]), settings, Silent())
    return {"groups": groups_in_words([(decision.microscope, decision.specimen) for decision in found.decisions])}


def expected_time(values: dict[str, Any], arrays: Arrays, progress: Progress) -> dict[str, str]:
    """Return the expected time of a run as ``time``, in words; values and arrays as of `jobs.inspect_open_image`."""
    answer = inspect_open_image(values, arrays, progress)
    return {"time": time_in_words(answer["scenes"][0]["channels"])}


def groups_in_words(found: Sequence[tuple[str | None, str | None]]) -> str:
    """Return the groups of channels, pairs of microscope and specimen, as text.

    Examples
    --------
    >>> groups_in_words([("confocal", "actin"), ("confocal", "actin"), ("confocal", None), (None, None)])
    'confocal, actin; confocal, specimen unknown; none'
    """
    return "; ".join(dict.fromkeys(map(_group, found)))


def _group(found: tuple[str | None, str | None]) -> str:
    microscope, specimen = found
    if not (microscope or specimen):
        return "none"
    return f"{microscope or 'microscope unknown'}, {specimen or 'specimen unknown'}"


def time_in_words(channels: Sequence[dict[str, Any]]) -> str:
    """Return the expected time of the channels of an inspection as text; empty if it is not known.

    Examples
    --------
    >>> time_in_words([{"estimate": {"seconds": 70.0}, "parameters": None}])
    'about 1 min 10 s'
    """
    seconds = [channel["estimate"]["seconds"] for channel in channels if channel["estimate"]]
    parameters = [channel["parameters"] for channel in channels]
    alone = bool(parameters) and all(known and known["classical_weight"] == 1 for known in parameters)
    return f"about {duration(sum(seconds))}{', without a fit' if alone else ''}" if seconds else ""
