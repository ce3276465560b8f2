"""Offsets of rows and columns are found, measured, and told from structure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import gaussian_filter

from autodip_ij.noise.stripes import find_stripes

Plane = npt.NDArray[np.float64]
Y, X = np.mgrid[:192, :192]


def cells(rng: np.random.Generator) -> Plane:
    covered = sum(((Y - a) ** 2 + (X - b) ** 2 < 170) * 1.0 for a, b in rng.uniform(15, 177, (10, 2)))
    return 3 + 60 * gaussian_filter(np.minimum(covered, 1.0), 1.2)


def camera(photons: Plane, rng: np.random.Generator) -> Plane:
    return rng.poisson(photons) + 100 + rng.normal(0, 2, photons.shape)


@pytest.mark.parametrize("axis", [0, 1], ids=["rows", "columns"])
@pytest.mark.parametrize("strength", [1.5, 4.0, 12.0])
def test_offsets_are_measured_as_well_as_the_noise_of_pixels_allows(axis: int, strength: float) -> None:
    rng = np.random.default_rng(1)
    offsets = rng.normal(0, strength, 192)
    plane = camera(cells(rng), rng) + np.expand_dims(offsets, 1 - axis)
    found = find_stripes(plane)
    own, other = (found.rows, found.columns) if axis == 0 else (found.columns, found.rows)
    assert np.std(offsets - own) < 0.6  # a mean of 192 pixels of noise 4 is known to 0.3
    assert not other.any()
    assert found


def test_rows_and_columns_at_once() -> None:
    rng = np.random.default_rng(2)
    rows, columns = rng.normal(0, 3, 192), rng.normal(0, 3, 192)
    found = find_stripes(camera(cells(rng), rng) + rows[:, None] + columns)
    assert np.std(rows - found.rows) < 0.5
    assert np.std(columns - found.columns) < 0.5
    assert found.rows.mean() == pytest.approx(0, abs=1e-9)


def test_interlaced_rows() -> None:
    rng = np.random.default_rng(3)
    odd = 6.0 * (np.arange(192) % 2)
    found = find_stripes(camera(cells(rng), rng) + odd[:, None])
    assert np.std(odd - found.rows) < 1.1  # of 3


def test_an_illumination_gradient_beside_offsets_stays() -> None:
    rng = np.random.default_rng(4)
    offsets = rng.normal(0, 4, 192)
    gradient = np.linspace(0, 80, 192)[:, None]
    found = find_stripes(camera(cells(rng) + gradient, rng) + offsets[:, None])
    slope = np.polyfit(np.arange(192), found.rows - offsets, 1)[0]
    assert abs(slope * 192) < 8
    assert np.std(offsets - found.rows) < 2.6  # most of it at the ends, where a gradient cannot be told from offsets


@pytest.mark.parametrize(
    "name", ["cells", "gradient", "grating", "fibres along rows", "tilted fibres", "weak offsets", "small"]
)
def test_nothing_is_taken_off_where_rows_have_no_offset(name: str) -> None:
    rng = np.random.default_rng(5)
    lines = rng.uniform(0, 192, 30)
    photons = {
        "cells": cells(rng),
        "gradient": cells(rng) + np.linspace(0, 100, 192)[:, None],
        "grating": cells(rng) + 40 * (np.sin(Y / 2) > 0),
        "fibres along rows": cells(rng) + sum(80 * np.exp(-((Y - at) ** 2) / 2) for at in lines),
        "tilted fibres": cells(rng) + sum(80 * np.exp(-((Y - at - 0.03 * X) ** 2) / 2) for at in lines),
        "weak offsets": cells(rng) + np.abs(rng.normal(0, 0.2, (192, 1))),
        "small": cells(rng)[:40, :40],
    }[name]
    found = find_stripes(camera(photons, rng))
    assert not found
    assert found.in_words == ""


@pytest.mark.parametrize("axis", [0, 1], ids=["rows", "columns"])
@pytest.mark.parametrize("offset", [-8.0, 7.0, 4000.0])
def test_a_row_or_column_that_stands_apart_is_found_alone(axis: int, offset: float) -> None:
    rng = np.random.default_rng(6)
    offsets = np.zeros(192)
    offsets[70] = offset
    found = find_stripes(camera(cells(rng), rng) + np.expand_dims(offsets, 1 - axis))
    own, other = (found.rows, found.columns) if axis == 0 else (found.columns, found.rows)
    assert np.flatnonzero(own).tolist() == [70]
    assert own[70] == pytest.approx(offset, abs=1.5)
    assert not other.any()
    assert "1 row stands apart" in found.in_words or "1 column stands apart" in found.in_words


@pytest.mark.parametrize("width_px", [0.7, 1.0, 2.0])
def test_a_single_fibre_along_the_rows_is_structure(width_px: float) -> None:
    rng = np.random.default_rng(7)
    fibre = 80 * np.exp(-((Y - 90.3) ** 2) / (2 * width_px**2))
    assert not find_stripes(camera(cells(rng) + fibre, rng))
