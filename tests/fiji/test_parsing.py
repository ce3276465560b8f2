"""Texts of macros and dialogs: read as they were meant, refused where ImageJ and SciJava would ignore them silently."""

from __future__ import annotations

import pytest

from autodip_ij.errors import BadInput
from autodip_ij.fiji.commands.menu import AUTO_SCALE, command_of
from autodip_ij.fiji.commands.parsing import (
    check_macro_line,
    choose,
    pairs,
    parse_options,
    scale_of,
    stop_meaning,
    truth,
)
from autodip_ij.progress import Stop

DENOISE, SETTINGS = command_of("run_image"), command_of("settings")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("iteration=5", "unknown key 'iteration'; did you mean 'iterations'"),
        ("Group=all", "unknown key 'Group'; did you mean 'group'"),
        ("iterations=1.5", "iterations: '1.5' is not possible (an integer is needed)"),
        ("iterations=many", "iterations: 'many'"),
        ("group=confocal actin", "'actin' is not of the form key=value; put values with spaces in brackets"),
        ("group=[confocal", "a bracket is not closed"),
        ("=5", "not of the form key=value"),
    ],
)
def test_what_would_have_no_effect_is_refused(line, message):
    with pytest.raises(BadInput) as caught:
        check_macro_line(DENOISE, line)
    assert message in str(caught.value)


@pytest.mark.parametrize("value", ["1", "yes", ""])
def test_only_true_and_false_are_truth_values(value):
    with pytest.raises(BadInput, match="write isolate=true or isolate=false"):
        check_macro_line(SETTINGS, f"isolate={value}")
    with pytest.raises(BadInput, match="'isolate' has no value"):
        check_macro_line(SETTINGS, "isolate")


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        ("", []),
        (" ", []),
        ("group=[Auto (from metadata)] iterations=0 options=[seed=3 tile=256] ", ["group", "iterations", "options"]),
    ],
)
def test_a_valid_line_passes_and_one_wrong_word_more_does_not(line, keys):
    assert [key for key, _ in pairs(line)] == keys
    check_macro_line(DENOISE, line)
    with pytest.raises(BadInput, match="unknown key 'nonsense'"):
        check_macro_line(DENOISE, f"{line} nonsense=1")


def test_values_are_split_as_imagej_splits_them(jvm):
    line = "group=[a [b] c] options='seed=1 x=2' input=[/data/my file (1).tif] iterations=-3 "
    macro = jvm("ij.Macro")
    assert {key: str(macro.getValue(line, key, "none")) for key, _ in pairs(line)} == dict(pairs(line))


def test_values_with_blanks_are_quoted():
    text = "vocabulary='C:\\my words\\x.toml' weights=\"/a b\" seed=2"
    assert parse_options(text, ["vocabulary", "weights", "seed"]) == {
        "vocabulary": "C:\\my words\\x.toml",
        "weights": "/a b",
        "seed": "2",
    }


def test_keys_are_read_without_regard_to_case():
    assert parse_options(" Seed=2 ", ["seed"]) == {"seed": "2"}


@pytest.mark.parametrize("text", ["Current slice", "current SLICE", "current s"])
def test_a_choice_may_be_shortened(text):
    assert choose(text, ["Whole image", "Current channel", "Current slice"], "scope") == "Current slice"


@pytest.mark.parametrize("text", ["", "current", "plane"])
def test_a_choice_must_be_clear(text):
    with pytest.raises(BadInput, match="scope"):
        choose(text, ["Whole image", "Current channel", "Current slice"], "scope")


def test_the_scale_of_an_evaluation():
    assert scale_of(AUTO_SCALE) is None
    assert scale_of("auto") is None
    assert scale_of("4095") == 4095
    for wrong in ("-1", "0", "inf", "big"):
        with pytest.raises(BadInput, match="scale"):
            scale_of(wrong)


def test_truth_and_stop():
    assert truth("TRUE", "x")
    assert not truth("no", "x")
    assert stop_meaning("keep") is Stop.KEEP
