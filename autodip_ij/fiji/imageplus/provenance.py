"""The record of a run as a block of text in the Info of an image."""

from __future__ import annotations

import json
import re
from typing import Any

BEGIN, END = "[AUTO-DIP]", "[/AUTO-DIP]"


def provenance_block(report: dict[str, Any], metadata: str = "") -> str:
    """Return the lines for a person, with channels counted from 1, and the whole report as JSON, counted from 0.

    Parameters
    ----------
    report
        `autodip_ij.denoising.report.Report` as a dictionary.
    metadata
        Where the instrument metadata came from.
    """
    lines = [
        BEGIN,
        f"software = {report['software']}",
        f"created = {report['created']}",
        f"device = {report['device']}, {report['precision']}",
        f"seed = {report['seed']}",
        f"seconds = {report['seconds']:.1f}",
    ]
    if metadata:
        lines.append(f"metadata = {metadata}")
    for channel in report["channels"]:
        lines.append(f"channel {channel['index'] + 1} = {_channel(channel)}")
        if channel.get("checks"):
            lines.append(f"quality {channel['index'] + 1} = {_quality(channel)}")
    lines += [f"report = {json.dumps(report, separators=(',', ':'))}", END]
    return "\n".join(lines)


def _channel(channel: dict[str, Any]) -> str:
    name = f"{channel['name']}: " if channel["name"] else ""
    if channel["treatment"] != "denoised":
        return f"{name}{channel['treatment']}; {channel['reason']}".rstrip("; ")
    words = {key: value for key, value in channel["parameters"].items() if value is not None}
    parameters = ", ".join(f"{key} {words[key]}" for key in ("depth", "width", "skip", "iterations") if key in words)
    return f"{name}{channel['group']} ({parameters or channel['method']}); {channel['reason']}".rstrip("; ")


def _quality(channel: dict[str, Any]) -> str:
    found = [
        f"{check['name']} {check['value']:.2f} {check['verdict']}"
        for check in channel["checks"]
        if check["verdict"] in ("amber", "red")
    ]
    return "; ".join([channel["fit_verdict"], *found])


def without_blocks(info: str) -> str:
    """Return an Info text without the records of earlier runs, whose words would be taken for metadata."""
    return re.sub(rf"\n?{re.escape(BEGIN)}.*?({re.escape(END)}|\Z)", "", info, flags=re.DOTALL)


def recorded_report(info: str) -> dict[str, Any] | None:
    """Return the report of the last run recorded in an Info text; None if there is none."""
    found = re.findall(r"^report = (\{.*\})$", info, flags=re.MULTILINE)
    return json.loads(found[-1]) if found else None
