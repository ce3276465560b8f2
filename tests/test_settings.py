"""Settings declared once: parsing, bounds, and messages that name the way out."""

from __future__ import annotations

import itertools
import re

import pytest

from autodip_ij import settings
from autodip_ij._support.fields import bounds_of, choices_of
from autodip_ij.calibration.parameters import Parameters
from autodip_ij.errors import BadInput
from autodip_ij.settings import OVERRIDES, RENAMED, DenoiseSettings, current_names, current_options, shown


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("Auto (from metadata)", "auto"),
        ("confocal/actin", "confocal/actin"),
        ("Actin/Confocal", "confocal/actin"),
        ("two-photon", "twophoton"),
        ("mito", "mito"),
        ("ALL", "all"),
    ],
)
def test_groups_are_read_as_people_write_them(text: str, group: str) -> None:
    assert DenoiseSettings.parse(group=text).group == group


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"group": "confocl"}, "did you mean 'confocal'"),
        ({"itertions": 3}, "did you mean 'iterations'"),
        ({"device": "gpu0"}, "choose one of: auto, cuda, mps, cpu"),
        ({"device": "cud"}, "did you mean 'cuda'"),
        ({"iterations": 0}, "greater than or equal to 1"),
        ({"iterations": "1.5"}, "valid integer"),
        ({"iterations": 99999}, "less than or equal to 20000"),
        ({"width": "asc"}, "did you mean 'asc_to512'"),
        ({"averaging": 1.0}, "less than 1"),
        ({"seed": -1}, "greater than or equal to 0"),
        ({"effort": "turbo"}, "fast, standard"),
    ],
)
def test_a_refused_value_names_the_setting_and_the_remedy(values: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=re.escape(words)) as caught:
        DenoiseSettings.parse(**values)
    assert next(iter(values)) in str(caught.value) or "group" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_width_may_be_a_number_or_ascending() -> None:
    assert DenoiseSettings.parse(width="64").width == 64
    assert DenoiseSettings.parse(width="asc_to512").width == "asc_to512"
    with pytest.raises(BadInput, match="width"):
        DenoiseSettings.parse(width=0)


def test_seed_zero_is_a_seed() -> None:
    assert DenoiseSettings.parse(seed=0).seed == 0


def test_macro_keys_are_lower_case_and_none_is_the_tail_of_another() -> None:
    """ImageJ finds a key anywhere after a character that is no letter, so `n_iter=7` would answer for `iter`."""
    names = list(DenoiseSettings.model_fields)
    assert [name for name in names if name != name.lower()] == []
    tails = [(a, b) for a, b in itertools.permutations(names, 2) if re.search(rf"[\d_]{re.escape(a)}$", b)]
    assert tails == []


def test_every_setting_is_documented_for_its_users() -> None:
    for name, field in DenoiseSettings.model_fields.items():
        assert field.description, name
        assert shown(DenoiseSettings, name).label, name


def test_bounds_and_choices_can_be_asked_for() -> None:
    assert bounds_of(DenoiseSettings, "iterations") == {"min": 1, "max": 20_000}
    assert choices_of(DenoiseSettings, "effort") == ["fast", "standard"]
    assert choices_of(DenoiseSettings, "seed") == []


def test_scientific_settings_are_never_remembered_by_fiji() -> None:
    """A parameter once passed to a macro must not be reused silently by the next run."""
    scientific = [
        "group",
        "iterations",
        "depth",
        "width",
        "skip",
        "averaging",
        "input_noise",
        "seed",
        "channel",
        "time",
        "z",
    ]
    assert [name for name in scientific if shown(DenoiseSettings, name).persist] == []


@pytest.mark.parametrize(("former", "present", "value"), [("seeds", "n_fits", 2), ("noise", "input_noise", 0.05)])
def test_a_former_name_is_understood_with_a_warning(former, present, value, caplog, monkeypatch):
    monkeypatch.setattr(settings, "_warn_of_former_name", settings._warn_of_former_name.__wrapped__)
    assert getattr(DenoiseSettings.parse(**{former: str(value)}), present) == value
    assert f"'{former}' is called '{present}' now" in caplog.text


def test_a_setting_given_by_both_names_is_refused() -> None:
    with pytest.raises(BadInput, match="lpips_weights is given twice, also by its former name weights"):
        DenoiseSettings.parse(weights="a", lpips_weights="b")


def test_records_of_earlier_versions_are_read_without_a_warning(caplog):
    old = {"seeds": 3, "noise": 0.1, "weights": "folder", "seed": 2}
    assert set(current_names(old, warn=False)) == {*RENAMED.values(), "seed"}
    assert caplog.text == ""


def test_a_setting_that_overrides_a_parameter_has_its_bounds() -> None:
    assert {"averaging", "depth", "n_fits", "guides"} <= set(OVERRIDES)
    for name in OVERRIDES:
        allowed, own = bounds_of(DenoiseSettings, name), bounds_of(Parameters, name)
        assert allowed.get("max", 0) <= own.get("max", float("inf")), name


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["--seeds=2"], ["--n-fits=2"]),
        (["--weights", "a"], ["--lpips-weights", "a"]),
        (["weights", "--seed"], ["weights", "--seed"]),
        (["--effort", "best"], ["--effort", "standard"]),
        (["--effort=best"], ["--effort=standard"]),
        (["best", "--group", "best"], ["best", "--group", "best"]),
    ],
)
def test_a_former_option_is_understood(given: list[str], meant: list[str]) -> None:
    assert current_options(given) == meant


def test_the_former_effort_is_standard_with_a_warning(caplog, monkeypatch):
    monkeypatch.setattr(settings, "_warn_of_former_value", settings._warn_of_former_value.__wrapped__)
    assert DenoiseSettings.parse(effort="best").effort == "standard"
    assert "effort 'best' no longer exists, so 'standard' is taken" in caplog.text
