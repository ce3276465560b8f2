"""The order in which a run is heard and seen: a word, a picture, the group, the time, the result."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from autodip_ij.fiji.worker import look
from autodip_ij.fiji.worker.jobs import FIRST_LOOK, denoise_pixels, first_look
from autodip_ij.fiji.worker.origin import Origin
from autodip_ij.progress import Silent

TITLE = "cells.tif"
CONFOCAL = (
    "Information|Image|Channel|AcquisitionMode #1 = LaserScanningConfocalMicroscopy\n"
    "Information|Image|Channel|PinholeSizeAiry = 1.0\nInformation|Image|Channel|Fluor = DAPI\n"
)


class Listening(Silent):
    """Keeps what a user would read and see, in order."""

    def __init__(self, *, sees: bool = True) -> None:
        self.events: list[str] = []
        self.pictures: list[npt.NDArray[np.float32]] = []
        self._sees = sees

    def start(self, total: int, message: str) -> None:
        self.events.append(message)

    def log(self, message: str) -> None:
        self.events.append(message)

    def wants_preview(self) -> bool:
        return self._sees

    def preview(self, plane: npt.NDArray[np.float32], title: str) -> None:
        self.events.append(f"picture: {title}")
        self.pictures.append(plane)


def request(**settings: Any) -> dict[str, Any]:
    return {
        "settings": {"device": "cpu", "width": "4", "depth": 2, "iterations": 2, **settings},
        "origin": Origin(title=TITLE, info=CONFOCAL).to_json(),
        "channels": [0],
        "chosen": {},
        "explicit": False,
        "looks": [{"name": "", "color": None, "display_range": None}],
        "pixel_size": {"z": None, "y": None, "x": None, "unit": None, "t": None, "time_unit": None},
        "title": TITLE,
        "rgb": False,
    }


def run(progress: Silent, **settings: Any) -> npt.NDArray[np.float32]:
    source = np.random.default_rng(1).normal(400, 40, (1, 1, 1, 48, 48)).astype(np.uint16)
    target = np.zeros(source.shape, np.float32)
    denoise_pixels(request(**settings), {"source": source, "target": target}, progress)
    return target


def place(events: list[str], beginning: str) -> int:
    return next(k for k, event in enumerate(events) if event.startswith(beginning))


def test_a_word_and_a_picture_come_before_anything_is_planned() -> None:
    heard = Listening()
    run(heard)
    assert heard.events[:2] == ["Reading the metadata", f"picture: {FIRST_LOOK}"]
    assert heard.pictures[0].shape == (48, 48)
    assert heard.pictures[0].std() < 20 < 40  # smoothed, in the grey values of the image
    assert heard.pictures[0].mean() == pytest.approx(400, rel=0.02)


def test_image_group_and_time_are_told_before_the_fit_and_its_pictures() -> None:
    heard = Listening()
    run(heard)
    fitting = place(heard.events, f"Denoising {TITLE}")
    assert place(heard.events, f"{TITLE}: metadata from") < place(heard.events, "channel 0") < fitting
    assert "confocal/nucleus" in heard.events[place(heard.events, "channel 0")]
    assert place(heard.events, "about ") < fitting < place(heard.events, f"picture: {TITLE}, iteration")


def test_without_a_preview_nothing_is_shown_and_the_result_is_the_same() -> None:
    blind = Listening(sees=False)
    np.testing.assert_array_equal(run(blind), run(Listening()))
    assert blind.pictures == []


def test_the_first_picture_of_a_damaged_or_large_plane() -> None:
    plane = np.full((40, 50), 7, np.float32)
    plane[3, 4] = np.nan
    np.testing.assert_allclose(first_look(plane), 7)
    assert max(first_look(np.zeros((3000, 40), np.uint8)).shape) <= 1024


def test_groups_are_told_by_the_metadata_alone() -> None:
    asked = {"origin": Origin(title=TITLE, info=CONFOCAL).to_json(), "settings": {}}
    assert look.groups(asked, {}, Silent()) == {"groups": "confocal, nucleus"}
