from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from autodip_ij.dip.resampling import kernel_names, resample, resampling_matrix
from autodip_ij.errors import BadInput

PILLOW = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "area": Image.Resampling.BOX,
}


@pytest.mark.parametrize("kernel", PILLOW)
@pytest.mark.parametrize(
    ("source", "target"),
    [((64, 48), (32, 24)), ((60, 44), (15, 11)), ((21, 13), (42, 26)), ((17, 9), (68, 36)), ((37, 50), (20, 31))],
)
def test_resampling_is_that_of_pillow(rng, kernel, source, target):
    plane = rng.random(source).astype(np.float32)
    expected = np.asarray(Image.fromarray(plane).resize(target[::-1], PILLOW[kernel]))
    np.testing.assert_allclose(resample(plane, target, kernel), expected, atol=2e-6)


@pytest.mark.parametrize("factor", [2, 4])
def test_area_is_the_mean_over_blocks(rng, factor):
    from skimage.measure import block_reduce

    plane = rng.random((8 * factor, 5 * factor))
    np.testing.assert_allclose(resample(plane, (8, 5), "area"), block_reduce(plane, factor, np.mean), atol=1e-6)


@pytest.mark.parametrize("kernel", kernel_names())
def test_a_constant_stays_and_a_ramp_is_not_shifted(kernel):
    np.testing.assert_allclose(resample(np.full((12, 16), 0.3), (6, 4), kernel), 0.3, atol=1e-7)
    ramp = np.arange(48) + 0.5
    coarse = resampling_matrix(48, 12, kernel) @ ramp
    # Coarse pixel i covers fine pixels 4 i to 4 i + 3, centred on 4 i + 2.
    np.testing.assert_allclose(coarse[3:-3], (4 * np.arange(12) + 2)[3:-3], atol=1e-9)


@pytest.mark.parametrize("kernel", ["lanczos", "lanczos2", "bicubic"])
def test_downsampling_keeps_slow_waves_and_removes_what_would_alias(kernel):
    position = (np.arange(256) + 0.5) / 256
    down = resampling_matrix(256, 64, kernel)
    slow, fast = np.sin(2 * np.pi * 6 * position), np.sin(2 * np.pi * 90 * position)
    assert np.std((down @ slow)[8:-8]) == pytest.approx(np.sqrt(0.5), rel=0.05)
    assert np.std((down @ fast)[8:-8]) < 0.05


def test_unknown_kernels_and_empty_axes_are_refused():
    with pytest.raises(BadInput, match="did you mean 'lanczos'"):
        resampling_matrix(8, 4, "lanczsos")
    with pytest.raises(BadInput, match="at least 1"):
        resampling_matrix(8, 0, "area")
