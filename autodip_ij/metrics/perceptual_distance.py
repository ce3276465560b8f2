"""Learned perceptual image patch similarity (LPIPS)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput, nearest
from autodip_ij.metrics.lpips_network import Net, lpips_network, weights_at_hand
from autodip_ij.metrics.planes import DataRange, plane_pair, scale_of

Convention = Literal["minus_one_one", "zero_one"]
SMALLEST_SIDE = 64


def lpips(
    reference: npt.ArrayLike,
    image: npt.ArrayLike,
    *,
    data_range: DataRange,
    net: Net = "alex",
    convention: Convention = "minus_one_one",
    weights: str | Path | None = None,
    device: str = "cpu",
) -> float:
    """Return the LPIPS distance (Zhang et al., CVPR 2018, version 0.1); 0 for equal images, smaller is more alike.

    Parameters
    ----------
    reference, image
        Planes (Y, X) of one shape, fed as three equal colours. Planes shorter than 64 px, the size of the patches
        LPIPS was trained on, are mirrored to 64 px.
    data_range
        Scale that is mapped to [0, 1]: a number R for 0..R, or ``"reference"`` for minimum to maximum of `reference`.
        Values outside are not clipped.
    net
        ``alex``, which the paper reports, or ``squeeze``.
    convention
        ``minus_one_one`` feeds [-1, 1], as LPIPS is meant; ``zero_one`` feeds [0, 1], as AUTO-DIP did. On noisy FMD
        images the first is larger by 0.05 to 0.14: name the convention beside every value and never mix them.
    weights
        Folder of backbone weights, see `autodip_ij.metrics.lpips_network.lpips_network`.
    device
        Torch device.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown network or convention, or planes that do not match.
    autodip_ij.errors.EnvironmentProblem
        If no weights are at hand and none can be downloaded.
    """
    import torch

    if convention not in get_args(Convention):
        raise BadInput(f"LPIPS convention '{convention}' is unknown{nearest(convention, get_args(Convention))}")
    first, second = plane_pair(reference, image)
    low, span = scale_of(first, data_range)
    model = lpips_network(net, weights=weights, device=device)
    inputs = [torch.from_numpy(_mirrored((values - low) / span)).to(device)[None, None] for values in (first, second)]
    with torch.no_grad():
        distance = model(*(tensor.expand(-1, 3, -1, -1) for tensor in inputs), normalize=convention == "minus_one_one")
    return float(distance.item())


def lpips_available(net: Net = "alex", *, weights: str | Path | None = None) -> bool:
    """Return whether `lpips` runs here without a download: weights named, in ``$AUTODIP_LPIPS_WEIGHTS`` or cached."""
    return weights_at_hand(net, weights=weights)


def _mirrored(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return the plane as float32, continued by mirror images to at least 64 px a side."""
    missing = [max(SMALLEST_SIDE - side, 0) for side in values.shape]
    padded = np.pad(values, [(gap // 2, gap - gap // 2) for gap in missing], mode="symmetric")
    return np.ascontiguousarray(padded, dtype=np.float32)
