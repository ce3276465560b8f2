"""Calibration images are few, balanced over the groups, and as different as the images are."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hand_made import noisy, texture

from autodip_ij.errors import BadInput
from autodip_ij.evaluation.search.page import embedding
from autodip_ij.evaluation.search.selection import Candidate, cover, select_images

pytestmark = pytest.mark.usefixtures("no_weights_by_accident")


def candidates() -> list[Candidate]:
    return [
        Candidate(
            f"{group}-{k}",
            group,
            str(k // 2),
            lambda seed=number * 20 + k, grain=1 + number: noisy(texture(seed, grain), 0.1, seed),
        )
        for number, group in enumerate(("confocal/actin", "widefield/nucleus"))
        for k in range(8 + number)
    ]


def test_covering_takes_the_middle_first_and_then_the_farthest() -> None:
    line = np.array([[0.0, 0], [1, 0], [2, 0], [3, 0], [10, 0]])
    # the mean is 3.2: 3 is nearest; then 10 (7 away), then 0 (3 away)
    assert cover(line, range(5), 3) == [3, 4, 0]
    assert cover(line, [0, 1], 5) == [0, 1]
    assert cover(line, [], 3) == []


def test_no_image_is_farther_from_a_chosen_one_than_twice_the_least_possible() -> None:
    rng = np.random.default_rng(0)
    points = rng.random((30, 2))
    chosen = points[cover(points, range(30), 4)]
    radius = np.linalg.norm(points[:, None] - chosen[None], axis=2).min(axis=1).max()
    # no four centres do better than this lower bound: among five points so far apart two share a centre
    five = points[cover(points, range(30), 5)]
    apart = np.linalg.norm(five[:, None] - five[None], axis=2)[np.triu_indices(5, 1)].min()
    assert radius <= 2 * (apart / 2) * (1 + 1e-9) or radius <= apart


def test_groups_are_balanced_and_fields_of_calibration_and_validation_disjoint() -> None:
    selected = select_images(candidates(), 3, validation=2)
    count = Counter((image.group, image.role) for image in selected if image.role)
    assert count == {
        ("confocal/actin", "calibration"): 3,
        ("confocal/actin", "validation"): 2,
        ("widefield/nucleus", "calibration"): 3,
        ("widefield/nucleus", "validation"): 2,
    }
    for group in ("confocal/actin", "widefield/nucleus"):
        fields = {
            role: {image.field for image in selected if image.group == group and image.role == role}
            for role in ("calibration", "validation")
        }
        assert not fields["calibration"] & fields["validation"]
    assert embedding(selected, "a test").startswith(b"\x89PNG")


def test_same_seed_gives_the_same_selection() -> None:
    assert select_images(candidates(), 2, seed=4) == select_images(candidates(), 2, seed=4)


def test_impossible_numbers_and_too_few_images_are_refused() -> None:
    with pytest.raises(BadInput, match="cannot select 0"):
        select_images(candidates(), 0)
    with pytest.raises(BadInput, match="at least 5 images"):
        select_images(candidates()[:3], 1)
