"""The kind of noise is recognised in real images and in what is commonly made of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from noise_kinds import VARIANTS, images_of, is_correlated, is_wrong, rows_of

from autodip_ij.evaluation.datasets.catalogue import open_datasets

IMAGES = (
    "fmd_twophoton_actin_fov19_avg2a",
    "fmd_widefield_actin_fov19_c1",
    "fmd_widefield_nucleus_fov19_avg2a",
    "fmd_confocal_actin_fov1_c0",
    "fmd_confocal_fish_fov1_c0",
    "fmd_confocal_nucleus_fov1_avg16",
    "w2s_widefield_w2s-ch1_fov104_avg1",
)
SAMPLE = ("plain", "16 bit, stretched", "JPEG 85", "doubled", "halved", "quarter 2", "gain .5, rounded")


@pytest.mark.shared
@pytest.mark.parametrize("name", IMAGES)
def test_no_variant_of_a_real_image_takes_the_wrong_branch(shared: Path, name: str) -> None:
    pairs = {pair.name: pair for dataset in open_datasets(shared / "data") for pair in dataset.pairs}
    assert set(SAMPLE) <= set(VARIANTS)
    pair = pairs[name]
    _, noisy, clean = next(images_of(pair))
    wrong = [
        row["variant"]
        for row in rows_of(name, noisy, clean, correlated=is_correlated(pair), variants=list(SAMPLE))
        if is_wrong(row)
    ]
    assert wrong == []


@pytest.mark.shared
def test_full_range_copies_are_treated_as_their_source(shared: Path) -> None:
    pairs = {pair.name: pair for dataset in open_datasets(shared / "data") for pair in dataset.pairs}
    _, noisy, clean = next(images_of(pairs["fmd_confocal_nucleus_fov1_c0"]))
    copies = ["plain", "16 bit, x 257", "16 bit, stretched", "gain 3, offset 100"]
    rows = list(rows_of("", noisy, clean, correlated=False, variants=copies))
    assert {row["model"] for row in rows} == {"shot"}
    assert [row["sigma_ratio"] for row in rows] == pytest.approx([rows[0]["sigma_ratio"]] * 4, rel=1e-3)
