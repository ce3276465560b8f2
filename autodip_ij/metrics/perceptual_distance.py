"""LPIPS, the learned perceptual distance of two images: network, weights, measure."""

from __future__ import annotations

import logging
import os
import warnings
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput, EnvironmentProblem, nearest
from autodip_ij.metrics.pixel_errors import DataRange, plane_pair, scale_of

if TYPE_CHECKING:
    import torch


Net = Literal["alex", "squeeze"]
WEIGHTS_VARIABLE = "AUTODIP_LPIPS_WEIGHTS"

_log = logging.getLogger(__name__)
_FEATURES_FILE = {"alex": "alexnet_features.pth", "squeeze": "squeezenet1_1_features.pth"}
# Written out, since asking torchvision for its file names imports it, which takes seconds.
_TORCHVISION_FILE = {"alex": "alexnet-owt-7be5be79.pth", "squeeze": "squeezenet1_1-b8a52dc0.pth"}


def check_net(net: str) -> None:
    """Refuse a backbone that is not one of ``alex`` and ``squeeze``."""
    if net not in get_args(Net):
        raise BadInput(f"LPIPS network '{net}' is unknown{nearest(net, get_args(Net))}")


def lpips_network(net: Net = "alex", *, weights: str | Path | None = None, device: str = "cpu") -> Any:
    """Return the LPIPS network (version 0.1, linear heads of its authors), loaded once per process and device.

    Parameters
    ----------
    net
        ``alex`` (reported in the paper) or ``squeeze``.
    weights
        Folder or file with the backbone weights: ``alexnet_features.pth``, ``squeezenet1_1_features.pth``, or the
        files of torchvision under their own names. By default the folder in ``$AUTODIP_LPIPS_WEIGHTS``, else
        torchvision's cache, else its download (alex 233 MB, squeeze 5 MB, once).
    device
        Torch device.

    Returns
    -------
    lpips.LPIPS
        In evaluation mode, its parameters without gradient; float32.

    Raises
    ------
    autodip_ij.errors.EnvironmentProblem
        If no weights are available and none can be downloaded; the message names the remedy.
    """
    check_net(net)
    return _load(net, _local_file(net, weights), device)


def network_available(net: Net = "alex", *, weights: str | Path | None = None) -> bool:
    """Return whether the network can be loaded without a download."""
    check_net(net)
    try:
        return _local_file(net, weights) is not None or _torchvision_cache(net).is_file()
    except EnvironmentProblem:
        return False


def _local_file(net: Net, weights: str | Path | None) -> Path | None:
    """Return the file of a named folder; None if no folder is named."""
    named = weights or os.environ.get(WEIGHTS_VARIABLE)
    if not named:
        return None
    place = Path(named).expanduser()
    names = (_FEATURES_FILE[net], _TORCHVISION_FILE[net])
    for candidate in (place, *(place / name for name in names)):
        if candidate.is_file():
            return candidate.resolve()
    raise EnvironmentProblem(
        f"no LPIPS weights for '{net}' in {place}: put {names[0]} or {names[1]} there, "
        f"or name another folder with --lpips-weights or ${WEIGHTS_VARIABLE}"
    )


def _torchvision_cache(net: Net) -> Path:
    """Return where torchvision stores its download."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / _TORCHVISION_FILE[net]


def _torchvision_weights(net: Net) -> Any:
    from torchvision.models import AlexNet_Weights, SqueezeNet1_1_Weights

    return {"alex": AlexNet_Weights, "squeeze": SqueezeNet1_1_Weights}[net].IMAGENET1K_V1


@lru_cache(maxsize=8)
def _load(net: Net, file: Path | None, device: str) -> Any:
    import lpips
    import torch

    state = _read(file) if file is not None else _download(net)
    # The untrained backbone draws random numbers, which must not shift those of a fit; the package's calls to
    # torchvision warn about their deprecated spelling.
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    features = {name.removeprefix("features."): tensor for name, tensor in state.items()}
    try:
        # Inside LPIPS the layers are spread over slices: slice2.3.weight is features.3.weight.
        backbone = {name: features[name.split(".", 1)[1]] for name in model.net.state_dict()}
        model.net.load_state_dict(backbone, strict=True)
    except (KeyError, RuntimeError) as error:
        raise EnvironmentProblem(
            f"{file} does not hold the '{net}' backbone of LPIPS ({error}); download it again"
        ) from error
    return model.eval().requires_grad_(False).to(device)


def _read(file: Path) -> dict[str, torch.Tensor]:
    import pickle

    import torch

    try:
        state: dict[str, torch.Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise EnvironmentProblem(f"{file} is not a file of network weights; download it again") from error
    return state


def _download(net: Net) -> dict[str, torch.Tensor]:
    """Return the weights from torchvision's cache, downloading them first if it is empty."""
    cache = _torchvision_cache(net)
    if not cache.is_file():
        _log.info("downloading the LPIPS backbone '%s' to %s, once", net, cache)
    try:
        state: dict[str, torch.Tensor] = _torchvision_weights(net).get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise EnvironmentProblem(
            f"no LPIPS weights for '{net}' available and the download failed ({error}): put {_FEATURES_FILE[net]} or "
            f"{cache.name} into a folder and name it with --lpips-weights or ${WEIGHTS_VARIABLE}"
        ) from error
    return state


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
        Folder of backbone weights, see `autodip_ij.metrics.perceptual_distance.lpips_network`.
    device
        Torch device.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown network or convention, or planes that do not match.
    autodip_ij.errors.EnvironmentProblem
        If no weights are available and none can be downloaded.
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
    return network_available(net, weights=weights)


def _mirrored(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return the plane as float32, continued by mirror images to at least 64 px a side."""
    missing = [max(SMALLEST_SIDE - side, 0) for side in values.shape]
    padded = np.pad(values, [(gap // 2, gap - gap // 2) for gap in missing], mode="symmetric")
    return np.ascontiguousarray(padded, dtype=np.float32)
