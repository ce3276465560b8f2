"""What macros and dialogs may hand over, and what becomes of it."""

from __future__ import annotations

import pytest

from autodip_ij.errors import BadInput
from autodip_ij.fiji.commands.menu import AUTO_SETTING, command_of
from autodip_ij.fiji.commands.values import Preferences, collect, split_values
from autodip_ij.progress import Stop

COMMAND = command_of("run_image")


def split(**variables):
    return split_values(COMMAND, collect(COMMAND, variables), Preferences(device="cpu", effort="fast"))


def test_someone_who_types_nothing_gets_the_defaults_of_the_settings():
    settings, options, rest = split()
    assert (settings.group, settings.iterations, settings.dtype) == ("auto", None, "float32")
    assert (settings.device, settings.effort) == ("cpu", "fast")
    assert options.isolate
    assert options.stop is Stop.DISCARD
    assert rest == {}


def test_fields_come_before_the_settings_command():
    assert split(effort="standard")[0].effort == "standard"
    assert split(effort=AUTO_SETTING)[0].effort == "fast"
    assert split(effort="auto")[0].effort == "fast"


def test_more_settings_reach_the_run():
    settings, options, _ = split(
        options="depth=4 width=asc_to512 seed=7 stop=keep preview=false isolate=false device=auto"
    )
    assert (settings.depth, settings.width, settings.seed, settings.device) == (4, "asc_to512", 7, "auto")
    assert (options.isolate, options.preview, options.stop) == (False, False, Stop.KEEP)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"group": "confocl/actin"}, "unknown group 'confocl/actin'; did you mean 'confocal/actin'"),
        ({"iterations": 99999}, "iterations: '99999'"),
        ({"iterations": -3}, "iterations: '-3'"),
        ({"effort": "nonsense"}, "effort: 'nonsense' is not possible"),
        ({"dtype": "float"}, "dtype: 'float' is not possible; did you mean 'float32'"),
        ({"options": "dpeth=3"}, "unknown setting 'dpeth'; did you mean 'depth'"),
        ({"options": "seed=x"}, "seed: 'x' is not possible"),
        ({"options": "group=all"}, "unknown setting 'group'"),
        ({"options": "fast please"}, "'fast please' is not of the form key=value"),
        ({"options": "preview=maybe"}, "preview: 'maybe' is not possible"),
        ({"options": "stop=never"}, "stop: 'never' is not possible"),
    ],
)
def test_values_that_scijava_accepts_are_refused_with_the_message_of_the_setting(variables, message):
    with pytest.raises(BadInput) as caught:
        split(**variables)
    assert message in str(caught.value)


def test_only_what_was_set_counts_as_set():
    """A dialog gives a value for each field; the calibration `paper` would say of an effort that it knows none."""
    settings, _, _ = split_values(COMMAND, collect(COMMAND, {}), Preferences())
    assert settings.model_fields_set == set()
    settings, _, _ = split_values(COMMAND, collect(COMMAND, {"effort": "standard"}), Preferences(calibration="paper"))
    assert settings.model_fields_set == {"effort", "calibration"}
    settings, _, _ = split_values(COMMAND, collect(COMMAND, {"iterations": 9, "options": "seed=1"}), Preferences())
    assert settings.model_dump(exclude_unset=True) == {"iterations": 9, "seed": 1}


@pytest.mark.parametrize(
    ("variables", "channel"),
    [
        ({"channels": "1"}, "0"),
        ({"channels": "1-3, DAPI"}, "0-2,DAPI"),
        ({"channels": "488"}, "488"),
        ({"channels": ""}, ""),
        ({"channel": "0"}, "0"),
        ({"channel": "0-1,DAPI"}, "0-1,DAPI"),
    ],
)
def test_channels_are_counted_from_one_and_the_old_key_from_zero(variables, channel):
    assert split(**variables)[0].channel == channel


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"channels": "0"}, "as in ImageJ, the first channel is 1"),
        ({"channels": "0-2"}, "the first channel is 1"),
        ({"channels": "1", "channel": "0"}, "specify one of them"),
    ],
)
def test_a_channel_that_cannot_be_meant_is_refused(variables, message):
    with pytest.raises(BadInput, match=message):
        split(**variables)


@pytest.mark.parametrize(
    ("word", "dtype"), [("32-bit", "float32"), ("as the source", "same"), ("As the Source", "same"), ("same", "same")]
)
def test_the_words_of_the_dialog_and_of_the_command_line_both_name_the_type(word, dtype):
    assert split(dtype=word)[0].dtype == dtype
