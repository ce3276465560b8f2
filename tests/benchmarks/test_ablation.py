"""What the ablation measures, what it does not measure twice, and how it compares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ablation
import numpy as np
import pandas as pd
import pytest
from ablation import ALL, NEITHER, NO_BLEND, NO_GUIDES, WITH_FIT

from autodip_ij.evaluation.datasets import ImageRecipe, Pair


def pair(name: str, field: str = "1") -> Pair:
    nothing = ImageRecipe((Path(name),))
    return Pair(name, "made", nothing, nothing, subject="actin", field=field, level="raw", value_range=255.0)


class Scores:
    """Stands for the runs: what is asked of them, and parameters as a calibration would have them."""

    def __init__(self, guides: str = "vst-nlm", blend: str = "0.67 vst-nl-ridge", *, fitted: bool = True) -> None:
        self.asked: list[str] = []
        self.of_all = {"guides": guides, "blend": blend, "fitted": fitted}

    def __call__(self, of: Pair, text: str) -> dict[str, Any]:
        self.asked.append(text)
        scores = {"psnr": 30.0 + len(self.asked), "lpips": 0.1, "ssim": 0.9, "mean_ratio": 1.0, "seconds": 1.0}
        return {**scores, **self.of_all, "iterations": 75, "text": text}


def rows(score: Scores, known: pd.DataFrame | None = None) -> list[dict[str, Any]]:
    return list(
        ablation.measured(pair("a"), ["standard"], score, lambda _: 1.0, pd.DataFrame() if known is None else known)
    )


def test_every_ingredient_is_left_out_once():
    score = Scores()
    found = {row["method"]: row["text"] for row in rows(score) if row["effort"]}
    assert found == {
        ALL: "dip:effort=standard",
        NO_GUIDES: "dip:effort=standard,guides=none,iterations=700,averaging=0.99",
        NO_BLEND: "dip:effort=standard,classical_weight=0",
        NEITHER: "dip:effort=standard,classical_weight=0,guides=none,iterations=700,averaging=0.99",
    }


@pytest.mark.parametrize(
    ("guides", "blend", "runs"),
    [("", "", 1), ("vst-nlm", "", 2), ("", "0.3 vst-nlm", 2), ("vst-nlm", "0.3 vst-nlm", 4)],
)
def test_what_a_calibration_does_not_have_is_not_measured_again(guides, blend, runs):
    score = Scores(guides, blend)
    found = [row["method"] for row in rows(score) if row["effort"]]
    assert found == [ALL, NO_GUIDES, NO_BLEND, NEITHER]
    assert len([text for text in score.asked if "effort" in text]) == runs


def test_without_a_fit_it_is_measured_what_one_would_add():
    found = {row["method"]: row["text"] for row in rows(Scores(fitted=False)) if row["effort"]}
    assert found == {
        ALL: "dip:effort=standard",
        NO_BLEND: "dip:effort=standard,classical_weight=0,iterations=100",
        WITH_FIT: "dip:effort=standard,classical_weight=0.8,iterations=100",
    }


def test_a_second_run_measures_only_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(ablation, "noise_of", lambda *_: "white")
    monkeypatch.setattr(ablation, "sigma_by_psnr", lambda _: lambda _: 1.0)
    file, again = tmp_path / "ablation.csv", Scores()
    first = ablation.run([pair("a")], ["standard"], file, Scores(), 64, "x")
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:-2]))
    pd.testing.assert_frame_equal(
        ablation.run([pair("a")], ["standard"], file, again, 64, "x").drop(columns="psnr"), first.drop(columns="psnr")
    )
    assert len(again.asked) == 2
    assert len(ablation.run([pair("a")], ["standard"], file, Scores(), 64, "another calibration")) == len(first)


def test_one_capture_of_a_field_is_taken():
    found = ablation.one_of_each_field([pair("a"), pair("b"), pair("c", "2"), pair("d", ""), pair("e", "")], [])
    assert [one.name for one in found] == ["a", "c", "d", "e"]
    assert [one.name for one in ablation.one_of_each_field([pair("a"), pair("b")], ["b*"])] == ["b"]


def test_differences_are_paired_and_the_better_classical_estimate_is_the_measure():
    scene = np.arange(6.0)
    gains = {"vst-nl-ridge": 0.0, "vst-nlm": -1.0, ALL: 0.2}
    table = pd.DataFrame(
        [
            {"dataset": "made", "microscope": "", "subject": "", "field": str(place), "pair": str(place)}
            | {"method": method, "effort": "standard" if method == ALL else "", "psnr": 30 + level + gain}
            for place, level in enumerate(scene)
            for method, gain in gains.items()
        ]
    )
    best, found = ablation.differences(table, "psnr")
    assert best == "vst-nl-ridge"
    row = found.set_index("method").loc[ALL]
    assert (row["mean"], row["low"], row["high"], row["images"]) == (pytest.approx(0.2),) * 3 + (6,)
