"""Losses between the network's output and the noisy image, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from autodip_ij._support.text import parse_spec
from autodip_ij.dip.resampling import resampling_matrix
from autodip_ij.errors import BadInput, nearest

Loss = Callable[[Tensor], Tensor]
"""A loss bound to its target: output (N, 1, Y, X) in [0, 1] to one scalar."""


@runtime_checkable
class RefillableLoss(Protocol):
    """A loss that stores what it derives from its target in tensors, so that a recorded step can change the target."""

    def __call__(self, output: Tensor) -> Tensor:
        """Return the loss of an output, a scalar."""

    def refill(self, options: Mapping[str, Any]) -> None:
        """Recompute these tensors, in place, from the present values of the target and from new options."""


@dataclass(frozen=True)
class LossKind:
    """A registered loss.

    Attributes
    ----------
    build
        Binds the loss to a target (1, 1, Y, X, float32) and its options; precomputes what depends on the target alone.
    needs
        Options that must be given.
    accepts
        Options that may be given.
    refillable
        Whether it builds a `RefillableLoss`.
    """

    build: Callable[[Tensor, Mapping[str, Any]], Loss]
    needs: frozenset[str] = frozenset()
    accepts: frozenset[str] = frozenset()
    refillable: bool = False


LOSSES: dict[str, LossKind] = {}


def register(
    name: str, *, needs: tuple[str, ...] = (), accepts: tuple[str, ...] = (), refillable: bool = False
) -> Callable[[Callable[[Tensor, Mapping[str, Any]], Loss]], Callable[[Tensor, Mapping[str, Any]], Loss]]:
    """Register the decorated builder as `name`."""

    def enter(build: Callable[[Tensor, Mapping[str, Any]], Loss]) -> Callable[[Tensor, Mapping[str, Any]], Loss]:
        LOSSES[name] = LossKind(build, frozenset(needs), frozenset(accepts), refillable)
        return build

    return enter


def loss_kind(name: str) -> LossKind:
    """Return the registered loss `name`, or raise `BadInput` if there is none."""
    if name not in LOSSES:
        raise BadInput(f"loss: '{name}' is not known{nearest(name, LOSSES)}")
    return LOSSES[name]


def check_loss(name: str, options: Mapping[str, Any]) -> None:
    """Raise `BadInput` if the loss is unknown, lacks an option, or is given one it does not have."""
    kind = loss_kind(name)
    if missing := sorted(kind.needs - options.keys()):
        raise BadInput(f"loss '{name}' needs the option {missing[0]}; give it in loss_options")
    if unknown := sorted(options.keys() - kind.needs - kind.accepts):
        raise BadInput(f"loss '{name}' has no option '{unknown[0]}'{nearest(unknown[0], kind.needs | kind.accepts)}")


def parse_loss(text: str) -> tuple[str, dict[str, Any]]:
    """Return name and options of a loss written as ``perceptual mse=1 ssim=0.2``.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown loss, an unknown or missing option, or a word that is not of the form ``name=value``.

    Examples
    --------
    >>> parse_loss("perceptual mse=1 ssim=0.2 net=squeeze")
    ('perceptual', {'mse': 1.0, 'ssim': 0.2, 'net': 'squeeze'})
    """
    spec = parse_spec(text, "perceptual ssim=0.2")
    options: dict[str, Any] = {key: _number(value) for key, value in spec.options.items()}
    check_loss(spec.name, options)
    return spec.name, options


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def make_loss(name: str, target: Tensor, options: Mapping[str, Any] | None = None) -> Loss:
    """Return the loss `name` bound to `target` (1, 1, Y, X), float32.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown name, a missing or an unknown option.
    """
    options = options or {}
    check_loss(name, options)
    return LOSSES[name].build(target, options)


@register("mse", refillable=True)
class _SquaredError:
    """Mean squared error, the paper's loss."""

    def __init__(self, target: Tensor, options: Mapping[str, Any]) -> None:
        self._target = target

    def __call__(self, output: Tensor) -> Tensor:
        return functional.mse_loss(output, self._target)

    def refill(self, options: Mapping[str, Any]) -> None:
        """Do nothing: the loss reads the target itself."""


@register("gat", needs=("slope", "offset"), refillable=True)
class _StabilisedSquaredError:
    r"""Mean squared error after the generalised Anscombe transform, for Poisson-Gaussian noise.

    With noise variance :math:`a\,u + b` in the [0, 1] scale of the plane (`slope` a > 0, `offset` b), the transform

    .. math:: t(u) = \frac{2}{a} \sqrt{a\,u + \tfrac{3}{8} a^2 + b}

    makes the variance 1; below ``-b / a``, where the model has no photons, it continues along its tangent. The error is
    multiplied by the mean noise variance: back to the scale of the plain loss.

    References
    ----------
    Makitalo and Foi, "Optimal inversion of the generalized Anscombe transformation", IEEE TIP 22 (2013).
    """

    def __init__(self, target: Tensor, options: Mapping[str, Any]) -> None:
        self._target = target
        self._slope, self._shift, self._offset, self._floor, self._factor, self._tangent = self._numbers = torch.empty(
            6, device=target.device
        )
        self._stabilised = torch.empty_like(target)
        self._scale = torch.empty((), device=target.device)
        self.refill(options)

    def __call__(self, output: Tensor) -> Tensor:
        return functional.mse_loss(self._stabilise(output), self._stabilised) * self._scale

    def refill(self, options: Mapping[str, Any]) -> None:
        """Take the noise from `options` and stabilise the target again."""
        slope, offset = float(options["slope"]), float(options["offset"])
        if slope <= 0:
            raise BadInput(
                f"loss 'gat': the slope {slope} of the noise variance must be above 0; for additive noise use mse"
            )
        shift = 0.375 * slope**2
        self._numbers.copy_(torch.tensor([slope, shift, offset, (0.01 * slope) ** 2, 2 / slope, shift**-0.5 / slope]))
        self._stabilised.copy_(self._stabilise(self._target))
        self._scale.copy_(torch.clamp(self._slope * self._target.mean() + self._offset, min=self._floor))

    def _stabilise(self, u: Tensor) -> Tensor:
        variance = self._slope * u + self._offset
        root = torch.sqrt(torch.clamp(variance, min=0.0) + self._shift) * self._factor
        return root + torch.clamp(variance, max=0.0) * self._tangent


WINDOW_PX = 11
SIGMA_PX = 1.5


@register("perceptual", accepts=("mse", "ssim", "lpips", "net", "weights"))
def _perceptual(target: Tensor, options: Mapping[str, Any]) -> Loss:
    """Weighted sum ``mse * MSE + ssim * (1 - SSIM) + lpips * LPIPS`` of output and target, both in [0, 1].

    Options: the three weights (1, 0.1 and 0 by default; not all 0), and for LPIPS `net` (``alex`` or ``squeeze``) and
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
    # As in the metric, small images are extended by reflection; indexing does it without copying the graph.
    rows, columns = (
        torch.from_numpy(_mirrored_index(side, max(side, SMALLEST_SIDE))).to(target.device) for side in (height, width)
    )

    def prepared(x: Tensor) -> Tensor:
        return x[..., rows, :][..., columns].expand(-1, 3, -1, -1)

    reference = prepared(target)
    return lambda output: model(prepared(output), reference, normalize=True).mean()


def _mirrored_index(length: int, target: int) -> Any:
    """Return the indices that extend an axis of `length` by reflection to `target`, centred."""
    before = (target - length) // 2
    return np.pad(np.arange(length), (before, target - length - before), mode="symmetric")


class Downsampler:
    """Resamples (N, C, Y, X) tensors to a coarser grid; differentiable.

    Parameters
    ----------
    fine, coarse
        (Y, X) before and after.
    kernel
        One of `autodip_ij.dip.resampling.kernel_names`.
    device
        Where the tensors are.
    """

    def __init__(self, fine: tuple[int, int], coarse: tuple[int, int], kernel: str, device: torch.device | str) -> None:
        matrices = [resampling_matrix(f, c, kernel) for f, c in zip(fine, coarse, strict=True)]
        self._rows, self._columns = (torch.from_numpy(m.astype(np.float32)).to(device) for m in matrices)

    def __call__(self, fine: Tensor) -> Tensor:
        """Return the coarse image."""
        return self._rows @ fine @ self._columns.T


@register("downsampled-mse", needs=("observed",), accepts=("kernel",))
def _downsampled_mse(target: Tensor, options: Mapping[str, Any]) -> Loss:
    """Mean squared error to `observed` (Y, X) of the downsampled output; the target only gives the fine shape."""
    observed = torch.as_tensor(np.asarray(options["observed"], np.float32), device=target.device)[None, None]
    downsample = Downsampler(
        (target.shape[-2], target.shape[-1]),
        (observed.shape[-2], observed.shape[-1]),
        options.get("kernel", "lanczos"),
        target.device,
    )
    return lambda output: functional.mse_loss(downsample(output), observed)
