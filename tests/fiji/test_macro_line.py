"""Options of a macro that ImageJ and SciJava would pass over in silence."""

from __future__ import annotations

import pytest

from autodip_ij.errors import BadInput
from autodip_ij.fiji.commands.menu import command_of
from autodip_ij.fiji.commands.parsing import check_macro_line, pairs

DENOISE, SETTINGS = command_of("run_image"), command_of("settings")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("iteration=5", "unknown key 'iteration'; did you mean 'iterations'"),
        ("Group=all", "unknown key 'Group'; did you mean 'group'"),
        ("iterations=1.5", "iterations: '1.5' is not possible (a whole number is needed)"),
        ("iterations=many", "iterations: 'many'"),
        ("group=confocal actin", "'actin' is not of the form key=value; values with blanks stand in brackets"),
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
    with pytest.raises(BadInput, match="'isolate' alone"):
        check_macro_line(SETTINGS, "isolate")


@pytest.mark.parametrize("line", ["", " ", "group=[Auto (from metadata)] iterations=0 options=[seed=3 tile=256] "])
def test_a_right_line_passes(line):
    check_macro_line(DENOISE, line)


def test_values_are_split_as_imagej_splits_them(jvm):
    line = "group=[a [b] c] options='seed=1 x=2' input=[/data/my file (1).tif] iterations=-3 "
    macro = jvm("ij.Macro")
    assert {key: str(macro.getValue(line, key, "none")) for key, _ in pairs(line)} == dict(pairs(line))
