"""Texts that select channels, times, slices and scenes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodip_ij.errors import BadInput
from autodip_ij.images.selection import parse_indices, parse_scene

NAMES = ["DAPI", "Alexa Fluor 488", "dapi", "488", "TL, DIC", ""]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [0, 1, 2, 3, 4, 5]),
        ("  ", [0, 1, 2, 3, 4, 5]),
        ("3", [3]),
        ("2-4", [2, 3, 4]),
        ("5, 0 ,2 - 3", [0, 2, 3, 5]),
        ("0,0,0-1", [0, 1]),
        ("DAPI", [0]),
        ("dapi", [2]),
        ("alexa fluor 488", [1]),
        ("488", [3]),
        ("TL, DIC", [4]),
        ("0,Alexa Fluor 488", [0, 1]),
    ],
)
def test_indices_ranges_lists_and_names_are_understood(text, expected):
    assert parse_indices(text, 6, NAMES) == expected


@given(st.sets(st.integers(0, 40), min_size=1))
def test_a_written_list_is_read_back(chosen):
    assert parse_indices(",".join(map(str, chosen)), 41) == sorted(chosen)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("6", "channel 6 is out of range; choose from 0 to 5"),
        ("4-9", "range '4-9' is out of range; choose from 0 to 5"),
        ("4-2", "runs backwards; did you mean '2-4'"),
        ("Alexa 488", "unknown channel 'Alexa 488'; did you mean 'Alexa Fluor 488'"),
        ("-1", "unknown channel '-1'"),
        ("1.5", "unknown channel '1.5'"),
        ("Dapi", "not unique"),
        (",", "selects nothing"),
    ],
)
def test_missing_selections_are_refused_with_the_remedy(text, message):
    with pytest.raises(BadInput, match=message):
        parse_indices(text, 6, NAMES, what="channel")


def test_without_names_the_range_is_shown():
    with pytest.raises(BadInput, match="unknown slice 'GFP'; choose from 0 to 2"):
        parse_indices("GFP", 3, what="slice")


def test_one_scene_is_chosen_by_index_or_name():
    names = ["Position 1", "Position 2"]
    assert [parse_scene(text, names) for text in ("", "1", "position 2")] == [0, 1, 1]
    with pytest.raises(BadInput, match="2 scenes"):
        parse_scene("0-1", names)
