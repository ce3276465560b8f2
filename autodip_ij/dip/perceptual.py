"""Perceptual losses: the mean squared error mixed with structural similarity and LPIPS, the outlook of the paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from autodip_ij.dip.losses import Loss, register
from autodip_ij.errors import BadInput

WINDOW_PX = 11
SIGMA_PX = 1.5


@register("perceptual", accepts=("mse", "ssim", "lpips", "net", "weights"))
def _perceptual(target: Tensor, options: Mapping[str, Any]) -> Loss:
    """Weighted sum ``mse * MSE + ssim * (1 - SSIM) + lpips * LPIPS`` of output and target, both in [0, 1].

    Options: the three weights (1, 0.1 and 0 if left out; not all 0), and for LPIPS `net` (``alex`` or ``squeeze``) and
    `weights` (folder of its backbone, see `autodip_ij.metrics.perceptual_distance`). Both images are mapped to [-1, 1]
    for LPIPS.
    """
    shares = {
        name: float(options.get(name, default)) for name, default in (("mse", 1.0), ("ssim", 0.1), ("lpips", 0.0))
    }
    if min(shares.values()) < 0 or not any(shares.values()):
        raise BadInput(f"weights of the perceptual loss are {shares}; none may be negative, and one must be above 0")
    if shares["ssim"] and min(target.shape[-2:]) < WINDOW_PX:
        raise BadInput(
            f"SSIM needs at least {WINDOW_PX} px a side, not {tuple(target.shape[-2:])}; set its weight to 0"
        )
    terms: list[tuple[float, Loss]] = []
    if shares["mse"]:
        terms.append((shares["mse"], lambda output: functional.mse_loss(output, target)))
    if shares["ssim"]:
        terms.append((shares["ssim"], dissimilarity(target)))
    if shares["lpips"]:
        terms.append((shares["lpips"], lpips_distance(target, options)))

    def loss(output: Tensor) -> Tensor:
        return torch.stack([share * term(output) for share, term in terms]).sum()

    return loss


def dissimilarity(target: Tensor) -> Loss:
    """Return ``1 - SSIM`` to `target` (1, 1, Y, X), with the window and constants of `autodip_ij.metrics.ssim`."""
    offset = torch.arange(WINDOW_PX, dtype=torch.float32, device=target.device) - WINDOW_PX // 2
    line = torch.exp(-(offset**2) / (2 * SIGMA_PX**2))
    line = line / line.sum()
    c1, c2 = 0.01**2, 0.03**2

    def mean(x: Tensor) -> Tensor:
        return functional.conv2d(functional.conv2d(x, line.view(1, 1, -1, 1)), line.view(1, 1, 1, -1))

    mean_target = mean(target)
    variance_target = mean(target**2) - mean_target**2

    def loss(output: Tensor) -> Tensor:
        mean_output = mean(output)
        variance = mean(output**2) - mean_output**2
        covariance = mean(output * target) - mean_output * mean_target
        similarity = ((2 * mean_output * mean_target + c1) * (2 * covariance + c2)) / (
            (mean_output**2 + mean_target**2 + c1) * (variance + variance_target + c2)
        )
        return 1 - similarity.mean()

    return loss


def lpips_distance(target: Tensor, options: Mapping[str, Any]) -> Loss:
    """Return LPIPS to `target` (1, 1, Y, X), in the convention of its authors ([-1, 1])."""
    from autodip_ij.metrics.perceptual_distance import SMALLEST_SIDE, lpips_network

    model = lpips_network(options.get("net", "alex"), weights=options.get("weights"), device=str(target.device))
    height, width = target.shape[-2:]
    # As in the metric, small images are continued by mirror images; an index does it without copying the graph.
    rows, columns = (
        torch.from_numpy(_mirrored_index(side, max(side, SMALLEST_SIDE))).to(target.device) for side in (height, width)
    )

    def prepared(x: Tensor) -> Tensor:
        return x[..., rows, :][..., columns].expand(-1, 3, -1, -1)

    reference = prepared(target)
    return lambda output: model(prepared(output), reference, normalize=True).mean()


def _mirrored_index(length: int, target: int) -> Any:
    """Return the indices that continue an axis of `length` by its mirror images to `target`, centred."""
    import numpy as np

    before = (target - length) // 2
    return np.pad(np.arange(length), (before, target - length - before), mode="symmetric")
