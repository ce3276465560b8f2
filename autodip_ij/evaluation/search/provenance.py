"""Where a calibration comes from: everything that is needed to make it again."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from autodip_ij.evaluation.search.images import prepare
from autodip_ij.evaluation.search.plan import SearchPlan
from autodip_ij.evaluation.search.results import Verdict

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class About:
    """What the pack says of itself.

    Attributes
    ----------
    name
        Name of the calibration.
    source
        Data it was made from, in words.
    licence
        Under which the pack may be passed on.
    command
        Command line that made it.
    """

    name: str
    source: str
    licence: str = ""
    command: str = ""


def provenance(plan: SearchPlan, results: pd.DataFrame, about: About, verdict: Verdict) -> dict[str, Any]:
    """Return everything that is needed to repeat the search, JSON-like; names of files, but no paths."""
    from autodip_ij._support.versions import machine, versions
    from autodip_ij._version import __version__

    fits = results.drop_duplicates(["image", "configuration"])
    images = []
    for pair in plan.pairs:
        prepared = prepare(pair, plan.options.crop)
        images.append(
            {
                "image": pair.name,
                "dataset": pair.dataset,
                "noisy_files": [file.name for file in pair.noisy.files],
                "clean_files": [file.name for file in pair.clean.files],
                "shape": prepared.shape,
                "digest": prepared.digest,
                "data_range": prepared.data_range,
                **prepared.treatment,
            }
        )
    return {
        "software": f"autodip_ij {__version__}",
        "command": about.command,
        "made": datetime.now().astimezone().isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": dict(versions()),
        "grid": plan.grid.model_dump(mode="json", by_alias=True),
        "options": {**asdict(plan.options), "weights": bool(plan.options.weights)},
        "fits": len(plan.runs),
        "status": dict(Counter(fits["status"])),
        "devices": dict(Counter(fits["device"].astype(str))),
        "precisions": dict(Counter(fits["precision"].astype(str))),
        "too_deep_for_the_images": plan.too_deep,
        "without_result": list(verdict.without_result),
        "images": images,
    }
