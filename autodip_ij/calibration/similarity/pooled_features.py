"""LPIPS without the image: the features of its network, averaged over the plane."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from autodip_ij.calibration.similarity.planes import Plane

SMALLEST_SIDE = 64


def pooled_lpips_features(
    plane: Plane, *, weights: str | Path | None = None, device: str = "cpu"
) -> npt.NDArray[np.float32]:
    """Return the LPIPS features of a plane, averaged over its positions, layers one after the other.

    LPIPS is ``sum_l mean_yx sum_c w_lc (f_lcyx(a) - f_lcyx(b))^2`` with features f of unit length at every position and
    learned weights w. Here the mean over positions is taken first: the result is ``sqrt(w_lc) mean_yx f_lcyx``, so that
    the squared Euclidean distance of two such vectors is LPIPS for images whose features do not vary, blind to where
    in the image a structure lies, and independent of the image's size.

    Parameters
    ----------
    plane
        (Y, X) in [0, 1]; mapped to [-1, 1] and fed as three equal colours; mirrored to 64 px if smaller.
    weights
        Folder of backbone weights.
    device
        Torch device.

    Returns
    -------
    numpy.ndarray
        Float32, (1152,): 64 + 192 + 384 + 256 + 256 channels of AlexNet.

    Raises
    ------
    autodip_ij.errors.EnvironmentProblem
        If no weights are at hand.
    """
    import torch
    from lpips import normalize_tensor

    from autodip_ij.metrics.perceptual_distance import lpips_network

    model = lpips_network("alex", weights=weights, device=device)
    gaps = [max(SMALLEST_SIDE - side, 0) for side in plane.shape]
    padded = np.pad(plane, [(gap // 2, gap - gap // 2) for gap in gaps], mode="symmetric").astype(np.float32)
    grey = torch.from_numpy(padded).to(device)[None, None].expand(-1, 3, -1, -1)
    pooled = []
    with torch.no_grad():
        layers = model.net(model.scaling_layer(2 * grey - 1))
        for layer, head in zip(layers, model.lins, strict=True):
            weight = head.model[-1].weight[0, :, 0, 0].clamp(min=0)
            pooled.append(weight.sqrt() * normalize_tensor(layer)[0].mean(dim=(1, 2)))
    return torch.cat(pooled).cpu().numpy().astype(np.float32)
