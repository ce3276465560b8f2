"""Answers of jobs as rows of an ImageJ table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

Row = dict[str, str | float | int | None]


def inspection_rows(inspection: dict[str, Any]) -> Iterator[Row]:
    """Yield one row a fact: each channel with its decision, its parameters and then each piece of evidence."""
    for scene in inspection["scenes"]:
        for channel in scene["channels"]:
            group = "/".join(part for part in (channel["microscope"], channel["specimen"]) if part) or "unknown"
            # As ImageJ counts.
            facts: Row = {
                "Scene": scene["name"],
                "Channel": channel["index"] + 1,
                "Name": channel["name"],
                "Group": group,
            }
            yield facts | {
                "Confidence": channel["confidence"],
                "Source": "decision",
                "Value": channel["reason"],
                "Speaks for": _parameters(channel),
                "Weight": None,
            }
            for evidence in channel["evidence"]:
                yield facts | {
                    "Confidence": None,
                    "Source": evidence["source"],
                    "Value": evidence["value"],
                    "Speaks for": evidence["speaks_for"],
                    "Weight": evidence["weight"],
                }


def _parameters(channel: dict[str, Any]) -> str:
    parameters = channel["parameters"]
    return ", ".join(f"{name} {value}" for name, value in parameters.items()) if parameters else "left alone"


def evaluation_rows(rows: Sequence[dict[str, Any]], title: str) -> Iterator[Row]:
    """Yield one row a plane, with indices from 1 as ImageJ counts, and a column for each measure that applies."""
    from autodip_ij.evaluation.scoring.measures import MEASURES

    used = [measure for measure in MEASURES if any(row[measure.name] is not None for row in rows)]
    for row in rows:
        place: Row = {"Image": title, "Frame": row["T"] + 1, "Channel": row["C"] + 1, "Slice": row["Z"] + 1}
        yield place | {measure.label: row[measure.name] for measure in used}


def folder_rows(answer: dict[str, Any]) -> Iterator[Row]:
    """Yield one row a file."""
    for row in answer["files"]:
        yield {
            "File": row["file"],
            "Output": row["output"],
            "Status": row["status"],
            "Group": row["group"],
            "Quality": row["quality"],
            "Seconds": row["seconds"],
            "Message": row["message"],
        }
