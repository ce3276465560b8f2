"""Structural similarity."""

from __future__ import annotations

import numpy.typing as npt

from autodip_ij.errors import BadInput
from autodip_ij.metrics.planes import DataRange, plane_pair, scale_of

WINDOW_PX = 11
SIGMA_PX = 1.5


def ssim(reference: npt.ArrayLike, image: npt.ArrayLike, *, data_range: DataRange) -> float:
    """Return the mean structural similarity as its authors define it.

    Gaussian window of 11 x 11 px with sigma 1.5 px, population (co)variances, K1 = 0.01, K2 = 0.03, averaged over
    the pixels whose whole window lies in the image (Wang et al., IEEE Trans. Image Process. 13, 600, 2004);
    computed by scikit-image.

    Parameters
    ----------
    reference, image
        Planes (Y, X) of one shape, at least 11 px a side.
    data_range
        R of the constants (K1 R)**2 and (K2 R)**2: a number, or ``"reference"`` for the span of `reference`.

    Returns
    -------
    float
        At most 1, reached by equal images.

    Raises
    ------
    autodip_ij.errors.BadInput
        If a side is shorter than the window.
    """
    from skimage.metrics import structural_similarity

    first, second = plane_pair(reference, image)
    if min(first.shape) < WINDOW_PX:
        raise BadInput(
            f"image has shape {first.shape}; SSIM needs at least {WINDOW_PX} px a side, the size of its window"
        )
    return float(
        structural_similarity(
            first,
            second,
            data_range=scale_of(first, data_range)[1],
            gaussian_weights=True,
            sigma=SIGMA_PX,
            use_sample_covariance=False,
        )
    )
