"""One declaration is all that a method needs: every list, text and estimate follows from it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Annotated

import numpy as np
import pytest
from pydantic import Field

from autodip_ij import classical
from autodip_ij.classical import method as registry
from autodip_ij.classical.estimates import Estimates, estimates_in_words, guides_in_words, parse_estimates
from autodip_ij.classical.method import Method, MethodParameters
from autodip_ij.cli.pages import settings_page
from autodip_ij.errors import BadInput
from autodip_ij.evaluation.scoring.methods import known_methods, parse_method
from autodip_ij.settings import DenoiseSettings


class ShiftParameters(MethodParameters):
    """Parameters of ``shift``."""

    by: Annotated[float, Field(ge=0, description="Added to every pixel")] = 0.5


SHIFT = Method("shift", "a shift", "Adds a constant", ShiftParameters, lambda plane, given, _: plane + given.by)
SLOW_SHIFT = Method(
    "slow-shift", "a slow shift", "Adds nothing", MethodParameters, lambda plane, *_: plane, quick=False
)


@pytest.fixture(autouse=True)
def declared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    module = ModuleType("autodip_ij.classical.shift")
    module.__dict__.update(SHIFT=SHIFT, SLOW_SHIFT=SLOW_SHIFT)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(registry, "MODULES", (*registry.MODULES, "shift"))
    registry.methods.cache_clear()
    yield
    monkeypatch.undo()
    registry.methods.cache_clear()


def test_it_is_listed_and_runs() -> None:
    assert classical.method_names()[-2:] == ["shift", "slow-shift"]
    assert known_methods()[-2:] == ["shift", "slow-shift"]
    assert parse_method("shift:by=1").name == "shift"
    np.testing.assert_array_equal(classical.run_method("shift", np.zeros((2, 3)), by=1), np.ones((2, 3)))


def test_it_can_be_named_as_guide_and_blend() -> None:
    assert parse_estimates("shift by=1 + gaussian") == (("shift", {"by": 1.0}), ("gaussian", {}))
    assert estimates_in_words("shift by=1") == "a shift, by 1"
    assert guides_in_words("shift | tv") == "a shift, alternating with total-variation denoising"
    assert Estimates(np.zeros((8, 8), np.float32)).mean("shift").mean() == 0.5
    assert DenoiseSettings.parse(classical="shift", guides="shift | tv").classical == "shift"


def test_a_slow_method_cannot_be_an_estimate() -> None:
    with pytest.raises(BadInput, match="'slow-shift' is not a classical method; did you mean 'shift'"):
        parse_estimates("slow-shift")


def test_it_is_documented() -> None:
    assert "| `shift` | yes | Adds a constant | `by=0.5` |" in settings_page()
    assert "| `slow-shift` |  | Adds nothing |  |" in settings_page()


@pytest.mark.parametrize("name", classical.method_names())
def test_the_help_of_the_settings_names_every_method(name: str) -> None:
    fields = DenoiseSettings.model_fields
    assert f" {name}" in str(fields["method"].description)
    assert (f" {name}" in str(fields["classical"].description)) == registry.method_of(name).quick
