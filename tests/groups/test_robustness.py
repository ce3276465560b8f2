"""Metadata of unknown versions and damaged metadata neither stop inference nor invent an answer."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodip_ij.groups import infer_groups
from autodip_ij.images.image import SourceMetadata
from autodip_ij.images.reading import formats

FORMATS = tuple(flavour.name for entry in formats.FORMATS for flavour in entry.flavours if flavour.facts)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
KEYS = st.sampled_from(["xml", "metadata", "text_info", "main", "header", "info", "labels", "attributes"])


@settings(deadline=None)  # the machine may be busy
@given(st.sampled_from(FORMATS), st.dictionaries(KEYS, JSON, max_size=4))
def test_arbitrary_native_metadata_never_fails(source: str, native: dict[str, Any]) -> None:
    decisions = infer_groups(SourceMetadata(source, ("", ""), native=native))
    assert [decision.index for decision in decisions] == [0, 1]


@pytest.mark.parametrize("source", FORMATS)
def test_empty_native_metadata_give_no_facts(source: str) -> None:
    (decision,) = infer_groups(SourceMetadata(source, ("",)))
    assert decision.specimen is None
    assert decision.microscope in (None, "widefield" if source == "dv" else None)


def test_metadata_that_are_not_understood_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    metadata = SourceMetadata("nd2", ("DAPI",), native={"metadata": "text"}, file_name="cells.nd2")
    with caplog.at_level(logging.WARNING):
        (decision,) = infer_groups(metadata)
    assert decision.specimen == "nucleus"  # the names still count
    assert "cells.nd2" in caplog.text


def test_a_channel_count_that_differs_from_the_metadata_is_survived() -> None:
    native = {
        "metadata": {"channels": [{"channel": {"name": "DAPI"}, "microscope": {"modalityFlags": ["brightfield"]}}]}
    }
    assert len(infer_groups(SourceMetadata("nd2", ("a", "b", "c"), native=native))) == 3
    assert len(infer_groups(SourceMetadata("nd2", (), native=native))) == 1


def test_a_colour_channel_read_as_three_is_left_alone_three_times() -> None:
    xml = (
        "<ImageDocument><Metadata><Information><Image><Dimensions><Channels><Channel Name='Bright'>"
        "<ContrastMethod>Brightfield</ContrastMethod></Channel><Channel Name='EGFP'/></Channels></Dimensions></Image>"
        "</Information></Metadata></ImageDocument>"
    )
    decisions = infer_groups(SourceMetadata("czi", ("",) * 6, native={"xml": xml}))
    assert [decision.leave_alone is not None for decision in decisions] == [True] * 3 + [False] * 3


@pytest.mark.parametrize(
    "name",
    [
        "a" * 8000,
        "aB" * 4000,
        "a-" * 4000,
        "1a" * 4000,
        "gfp" * 2700,
        "c:1/2 " * 1400,
        ".ome.tif" * 1000 + "x",
        "x" + " " * 8000 + "y",
    ],
    ids=lambda text: text[:8],
)
def test_names_of_thousands_of_letters_cost_next_to_nothing(name: str) -> None:
    infer_groups(SourceMetadata("tiff", ("warm",)))
    info = {"info": f"{name}={name}\nChannel Name = {name}", "labels": [name] * 2}
    started = time.process_time()
    for source, native in (("tiff", {}), ("imagej-tiff", info)):
        found = infer_groups(SourceMetadata(source, (name, "DAPI"), native=native, image_name=name, file_name=name))
        assert found[1].specimen == "nucleus"
    assert time.process_time() - started < 3
