from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from autodip_ij.dip.resampling import ENLARGEMENTS, enlarge
from autodip_ij.errors import BadInput

PILLOW = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@pytest.mark.parametrize("method", ENLARGEMENTS)
@pytest.mark.parametrize("scale", [2, 4])
def test_enlargement_is_that_of_pillow(rng, method, scale):
    plane = (1000 * rng.random((13, 22))).astype(np.float32)
    expected = np.asarray(Image.fromarray(plane).resize((22 * scale, 13 * scale), PILLOW[method]))
    np.testing.assert_allclose(enlarge(plane, scale, method), expected, atol=2e-3)


@pytest.mark.parametrize("method", ENLARGEMENTS)
def test_the_mean_is_kept(rng, method):
    plane = 100 + rng.random((40, 40))
    assert enlarge(plane, 2, method).mean() == pytest.approx(plane.mean(), rel=1e-3)


def test_unknown_methods_and_stacks_are_refused():
    with pytest.raises(BadInput, match="did you mean 'bicubic'"):
        enlarge(np.eye(4), 2, "cubic")
    with pytest.raises(BadInput, match="give a plane"):
        enlarge(np.ones((2, 4, 4)), 2, "nearest")
