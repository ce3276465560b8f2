"""Settings declared once: parsing, bounds, and messages that name the way out."""

from __future__ import annotations

import itertools
import re

import pytest

from autodip_ij._support.fields import bounds_of, choices_of
from autodip_ij.errors import BadInput
from autodip_ij.settings import DenoiseSettings, shown


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
        ({"effort": "turbo"}, "fast, standard, best"),
    ],
)
def test_a_refused_value_names_the_setting_and_the_way_out(values: dict[str, object], words: str) -> None:
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
    assert choices_of(DenoiseSettings, "effort") == ["fast", "standard", "best"]
    assert choices_of(DenoiseSettings, "seed") == []


def test_scientific_settings_are_never_remembered_by_fiji() -> None:
    """A parameter once passed to a macro must not be reused silently by the next run."""
    scientific = ["group", "iterations", "depth", "width", "skip", "averaging", "noise", "seed", "channel", "time", "z"]
    assert [name for name in scientific if shown(DenoiseSettings, name).persist] == []
