"""The grammar of texts with options: every spelling of one thing means the same."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodip_ij._support.text import Spec, alternatives, parse_spec, parse_sum, value_of
from autodip_ij.errors import BadInput

NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
VALUES = st.one_of(
    st.integers(-99, 99).map(str), st.floats(-9, 9).map(str), NAMES, st.sampled_from(["true", "cuda:0", "a/b"])
)
SPECS = st.builds(Spec, NAMES, st.dictionaries(NAMES, VALUES, max_size=3))


def spelled(spec, after_name, between):
    assignments = between.join(f"{key}={value}" for key, value in spec.options.items())
    return f"{spec.name}{after_name}{assignments}"


@given(SPECS, st.sampled_from([(" ", " "), (" ", ","), (" ", ", "), (":", ","), (": ", " , "), (",", ",")]))
def test_all_spellings_of_a_spec_mean_the_same(spec, spelling):
    assert parse_spec(f" {spelled(spec, *spelling)} ", "nlm") == spec


@given(st.lists(SPECS, min_size=1, max_size=3))
def test_sums_and_alternatives_are_those_that_were_joined(specs):
    texts = [spelled(spec, " ", " ").strip() for spec in specs]
    assert parse_sum(" + ".join(texts), "nlm") == tuple(specs)
    assert alternatives(" | ".join(texts), "nlm") == tuple(texts)


@given(NAMES, st.dictionaries(NAMES, st.lists(NAMES, min_size=1, max_size=3).map(" ".join), max_size=3))
def test_values_after_a_colon_may_contain_blanks(name, options):
    assert parse_spec(spelled(Spec(name, options), ":", ","), "nlm") == Spec(name, options)


@given(st.text())
def test_any_text_is_understood_or_refused(text):
    with suppress(BadInput):
        assert parse_spec(text, "gaussian sigma_px=1").name in text


@pytest.mark.parametrize("text", ["gaussian 3", "gaussian sigma_px", "gaussian sigma_px=", "gaussian =3", "g:sigma_px"])
def test_a_word_that_assigns_nothing_is_refused_with_an_example(text):
    with pytest.raises(BadInput, match="not of the form name=value, as in 'gaussian sigma_px=1'"):
        parse_spec(text, "gaussian sigma_px=1")


@pytest.mark.parametrize("text", ["|", "nlm |", "| nlm", "nlm || median"])
def test_an_alternative_without_content_is_refused(text):
    with pytest.raises(BadInput, match="empty alternative"):
        alternatives(text, "nlm | median")


@pytest.mark.parametrize(("text", "value"), [("True", True), ("3", 3), ("-0.5", -0.5), ("1e3", 1000.0), ("x1", "x1")])
def test_values_have_the_type_they_look_like(text, value):
    assert value_of(text) == value
    assert type(value_of(text)) is type(value)
