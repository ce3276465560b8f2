"""The recorded settings, given again for the source, denoise the same channels."""

from __future__ import annotations

import numpy as np
import pytest

from autodip_ij.denoising.api import denoise_image
from autodip_ij.denoising.plan import select
from autodip_ij.groups.model import GroupDecision
from autodip_ij.images import Channel, Image
from autodip_ij.settings import DenoiseSettings

NAMES = ("DAPI", "GFP", "mCherry")


def source(channels: range | list[int] = range(3)) -> Image:
    pixels = np.random.default_rng(0).poisson(100, (3, 24, 28)).astype(np.uint16)
    return Image.from_array(pixels[list(channels)], "CYX", channels=[Channel(NAMES[c]) for c in channels])


def decisions(channels: range | list[int] = range(3)) -> list[GroupDecision]:
    return [GroupDecision(c, NAMES[c], "widefield", "actin", 1.0) for c in channels]


def recorded(image: Image, given: list[GroupDecision], channel: str) -> DenoiseSettings:
    settings = DenoiseSettings(method="gaussian", channel=channel)
    return DenoiseSettings.parse(**denoise_image(image, settings, decisions=given).report.settings)


@pytest.mark.parametrize("held", [[1], [2], [0, 2], [1, 2]])
def test_channels_handed_over_alone_are_recorded_by_their_place_in_the_source(held):
    again = recorded(source(held), decisions(held), f"0-{len(held) - 1}")
    assert select(source(), again)[1] == held


@pytest.mark.parametrize("text", ["", "1", "0-1", "GFP", "gfp,0", "1-2"])
def test_what_the_user_typed_for_a_whole_image_stays(text):
    assert recorded(source(), decisions(), text).channel == text
