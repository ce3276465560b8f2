"""What is kept of a calibration image when its pixels are not shipped: a few kB of statistics and pooled features."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import UnreadableFile

FILE = "descriptors.npz"


@dataclass(frozen=True, eq=False)
class Descriptor:
    """What was measured on one noisy image.

    Attributes
    ----------
    statistics
        Gradient, noise and spectrum of the image scaled to [0, 1], by name; see
        `autodip_ij.calibration.similarity.statistics`.
    features
        Pooled LPIPS features, float32, (1152,); None where no LPIPS weights were at hand. See
        `autodip_ij.calibration.similarity.pooled_features`.
    """

    statistics: dict[str, float]
    features: npt.NDArray[np.float32] | None = None


def pack_descriptors(names: Sequence[str], descriptors: Sequence[Descriptor]) -> bytes:
    """Return the descriptors of images as the bytes of an ``.npz`` file; features are stored in float16.

    Features are kept only if every image has them: distances would not compare otherwise.
    """
    keys = list(descriptors[0].statistics)
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "images": np.array(names, dtype=np.str_),
        "statistics_names": np.array(keys, dtype=np.str_),
        "statistics": np.array([[d.statistics[key] for key in keys] for d in descriptors], np.float32),
    }
    features = [d.features for d in descriptors if d.features is not None]
    if len(features) == len(descriptors):
        arrays["features"] = np.stack(features).astype(np.float16)
    stream = BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def unpack_descriptors(content: bytes) -> dict[str, Descriptor]:
    """Return the descriptors by image name; the inverse of `pack_descriptors`.

    Raises
    ------
    autodip_ij.errors.UnreadableFile
        If the content is no such file.
    """
    try:
        with np.load(BytesIO(content), allow_pickle=False) as arrays:
            names, keys = arrays["images"].tolist(), arrays["statistics_names"].tolist()
            statistics = arrays["statistics"].astype(float)
            features = arrays["features"].astype(np.float32) if "features" in arrays else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, EOFError, BadZipFile, zlib.error) as error:
        raise UnreadableFile(f"{FILE} holds no image descriptors ({error or type(error).__name__})") from error
    if not isinstance(names, list) or not isinstance(keys, list):
        raise UnreadableFile(f"{FILE} holds no image descriptors (no lists of names)")
    if statistics.shape != (len(names), len(keys)) or (features is not None and len(features) != len(names)):
        raise UnreadableFile(f"{FILE}: {len(names)} images, but statistics of shape {statistics.shape}")
    return {
        name: Descriptor(dict(zip(keys, row, strict=True)), None if features is None else features[index])
        for index, (name, row) in enumerate(zip(names, statistics.tolist(), strict=True))
    }
