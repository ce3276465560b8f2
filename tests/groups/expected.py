"""The hand-made answers for the shared files, and the metadata they are about."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autodip_ij.images.image import SourceMetadata

TABLE = Path(__file__).resolve().parent.parent / "data" / "expected_groups.csv"
BANDS = {"outright": (0.8, 1.0), "inferred": (0.5, 0.8), "hint": (0.001, 0.5), "none": (0.0, 0.0)}
SAMPLES = "nd2_metadata_samples.json"


@dataclass(frozen=True)
class Answer:
    """What a person decided from the metadata of one channel."""

    microscope: str | None
    specimen: str | None
    left_alone: bool
    certainty: str


def answers() -> dict[str, dict[str, Answer]]:
    """Return the answers by file and channel; channel ``*`` stands for every channel not listed."""
    found: dict[str, dict[str, Answer]] = {}
    with TABLE.open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            answer = Answer(
                row["microscope"] or None, row["specimen"] or None, row["left_alone"] == "yes", row["certainty"]
            )
            found.setdefault(row["file"], {})[row["channel"]] = answer
    return found


def sample_metadata(folder: Path) -> Iterator[tuple[str, SourceMetadata]]:
    """Yield the 35 ND2 samples as the ND2 reader would give them."""
    samples: dict[str, dict[str, Any]] = json.loads((folder / SAMPLES).read_text(encoding="utf-8"))
    for name, sample in samples.items():
        channels = (sample["metadata"] or {}).get("channels") or []
        names = [channel["channel"]["name"] for channel in channels]
        count = len(names) or sample["attributes"]["channelCount"]
        native = {
            "attributes": sample["attributes"],
            "metadata": sample["metadata"] or {},
            "text_info": sample["textinfo"] or {},
            "experiment": sample["experiment"] or [],
        }
        metadata = SourceMetadata("nd2", tuple(names) or ("",) * count, native=native, file_name=name)
        yield f"{SAMPLES}/{name}", metadata


def file_metadata(folder: Path, name: str) -> list[SourceMetadata]:
    """Return the metadata of every scene of a shared file."""
    from autodip_ij.images.reading.open import open_metadata

    return [scene.metadata for scene in open_metadata(folder / name)]
