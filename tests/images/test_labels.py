"""Label images are told from images of all kinds."""

import numpy as np
import pytest

from autodip_ij.denoising.api import denoise
from autodip_ij.images.arrays import is_labelled


@pytest.fixture
def objects():
    """Twelve discs of different size, and the coordinates for more."""
    y, x = np.mgrid[:128, :128]
    centres = [(20 + 40 * i, 16 + 32 * j) for i in range(3) for j in range(4)]
    labels = np.zeros((128, 128), np.uint16)
    for number, (cy, cx) in enumerate(centres, start=1):
        labels[(y - cy) ** 2 + (x - cx) ** 2 < (5 + number) ** 2 // 2] = number
    return labels


def test_labels_and_masks_are_told(objects):
    assert is_labelled(objects)
    assert is_labelled((objects > 0).astype(np.uint8) * 255)
    assert is_labelled(objects > 0)
    assert is_labelled(np.kron(objects, np.ones((3, 3), np.uint16)))


def test_images_are_not(objects, rng):
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter((objects > 0).astype(float), 1.5)
    assert not is_labelled(rng.poisson(50 * smooth + 5))  # ordinary noise
    assert not is_labelled(rng.poisson(0.3 * smooth))  # single photons on nothing
    assert not is_labelled(np.clip(1000 * smooth, 0, 255).astype(np.uint8))  # saturated and without noise
    assert not is_labelled(np.clip(rng.poisson(900 * smooth), 0, 255))  # saturated
    assert not is_labelled(np.zeros((30, 30), int))
    assert not is_labelled(np.full((30, 30), 7))


def test_a_run_on_labels_says_so(objects, caplog):
    denoise(objects, method="gaussian", group="confocal")
    assert "looks like a label image or mask" in caplog.text
    assert len([record for record in caplog.records if "label image" in record.message]) == 1
