"""What can be measured from a noisy image within a second, and may tell which setting suits it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from autodip_ij.calibration.descriptors import unit_scaled
from autodip_ij.errors import BadInput
from autodip_ij.evaluation.datasets import open_dataset
from autodip_ij.evaluation.search.job import prepare_pair
from autodip_ij.noise.plane import NoisyPlane, shared_noise_of

Plane = npt.NDArray[np.float32]

QUANTITIES = {
    "noise": "log10 of the standard deviation of the noise over the span of the signal, percentiles 1 to 99.9 after a "
    "Gaussian of 2 px",
    "bandwidth": "frequency, cycles per pixel, up to which the power spectrum exceeds twice its floor (beyond 0.4)",
    "foreground": "share of pixels above the threshold of Otsu, after a Gaussian of 2 px",
}
"""Quantities by name, with their definition."""

_RINGS = 64
_FLOOR_FROM = 0.4


def measure(noisy: Plane, microscope: str | None) -> dict[str, float]:
    """Return `QUANTITIES` of a noisy plane (Y, X).

    Raises
    ------
    autodip_ij.errors.BadInput
        If its noise cannot be estimated.
    """
    from scipy.ndimage import gaussian_filter
    from skimage.filters import threshold_otsu

    plane = unit_scaled(noisy)
    sigma = NoisyPlane(plane, shared_noise_of(microscope)).estimate().model.sigma(plane)
    smooth = gaussian_filter(plane.astype(np.float64), 2)
    span = float(np.subtract(*np.percentile(smooth, (99.9, 1))))
    return {
        "noise": float(np.log10(sigma / span)),
        "bandwidth": bandwidth(plane),
        "foreground": float((smooth > threshold_otsu(smooth)).mean()),
    }


def bandwidth(plane: Plane) -> float:
    """Return the frequency, cycles per pixel, up to which the power of a plane (Y, X) exceeds twice its floor."""
    window = np.outer(*(np.hanning(side) for side in plane.shape))
    power = np.abs(np.fft.fft2((plane - plane.mean()) * window)) ** 2
    frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(side) for side in plane.shape), indexing="ij"))
    ring = np.minimum((frequency * 2 * _RINGS).astype(int), _RINGS)
    mean = np.bincount(ring.ravel(), power.ravel()) / np.bincount(ring.ravel())
    centres = (np.arange(_RINGS) + 0.5) / (2 * _RINGS)
    floor = float(np.median(mean[:_RINGS][centres > _FLOOR_FROM]))
    below = np.flatnonzero(mean[:_RINGS] < 2 * floor)
    return float(centres[below[0]]) if below.size else 0.5


def measure_pack(data: Path, images: pd.DataFrame, crop: int, digests: Mapping[str, str]) -> pd.DataFrame:
    """Return the quantities of the images of a pack, indexed by name, measured from the data it was made from.

    Parameters
    ----------
    data
        Folder of the pairs.
    images
        The pack's ``images.csv``.
    crop
        Side of the central square that was used, px.
    digests
        Digests of the images as they were searched, by name; others of that name are left out.
    """
    pairs = {pair.name: pair for pair in open_dataset(data).pairs}
    found = {}
    for name in images["image"]:
        pair = pairs.get(name)
        if pair is None or (prepared := prepare_pair(pair, crop)).digest != digests[name]:
            continue
        try:
            found[name] = measure(prepared.noisy, pair.microscope)
        except BadInput as reason:
            print(f"{name}: {reason}")
    return pd.DataFrame.from_dict(found, orient="index", columns=list(QUANTITIES))


def distances(table: pd.DataFrame, name: str, others: Sequence[str]) -> pd.Series:
    """Return the distances of `others` to an image: root mean square difference of the quantities of a table.

    Every quantity counts in units of its standard deviation over `others`, so that the image has no part in the scale.
    """
    known = table.loc[[other for other in others if other in table.index]]
    spread = known.std(ddof=0).replace(0, 1)
    return np.sqrt((((known - table.loc[name]) / spread) ** 2).mean(axis=1))
