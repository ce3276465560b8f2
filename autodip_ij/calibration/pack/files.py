"""The files of a calibration pack, whether it is a folder or a zip of one."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import UnreadableFile

MANIFEST = "pack.toml"
_DAMAGED = (OSError, KeyError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What zipfile raises for archives that are damaged, encrypted or packed in a way it does not know."""


@dataclass(frozen=True)
class PackFiles:
    """Read access to a pack.

    Attributes
    ----------
    path
        The folder, or the zip file.
    prefix
        Folder inside the zip that holds the pack; empty if it is at the top.
    """

    path: Path
    prefix: str = ""

    @classmethod
    def at(cls, path: Path) -> PackFiles:
        """Open the pack at `path`.

        Raises
        ------
        autodip_ij.errors.UnreadableFile
            If there is none: missing, neither a folder nor a zip, or without `pack.toml`.
        """
        if os.path.isdir(path):
            if not (path / MANIFEST).is_file():
                raise UnreadableFile(f"{path} is not a calibration pack: {MANIFEST} is missing")
            return cls(path)
        if not os.path.exists(path):
            raise UnreadableFile(f"no calibration pack at {path}{_unfinished(path)}")
        if not path.is_file():
            raise UnreadableFile(f"{path} is neither a folder nor a readable zip (no regular file)")
        try:
            with zipfile.ZipFile(path) as archive:
                manifests = sorted((name for name in archive.namelist() if _is_manifest(name)), key=len)
        except _DAMAGED as error:
            raise UnreadableFile(f"{path} is neither a folder nor a readable zip ({error})") from error
        if not manifests:
            raise UnreadableFile(f"{path} is not a calibration pack: {MANIFEST} is missing")
        return cls(path, manifests[0].removesuffix(MANIFEST))

    def __contains__(self, name: str) -> bool:
        if self.path.is_dir():
            return (self.path / name).is_file()
        with zipfile.ZipFile(self.path) as archive:
            return self.prefix + name in archive.namelist()

    def read(self, name: str) -> bytes:
        """Return the content of one file.

        Raises
        ------
        autodip_ij.errors.UnreadableFile
            If it is missing or damaged.
        """
        try:
            if self.path.is_dir():
                return (self.path / name).read_bytes()
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(self.prefix + name)
        except _DAMAGED as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UnreadableFile(f"calibration pack {self.path}: cannot read {name} ({reason})") from error


def _is_manifest(name: str) -> bool:
    return name == MANIFEST or (name.endswith(f"/{MANIFEST}") and name.count("/") == 1)


def jobs_folder(pack: Path) -> Path:
    """Return the folder that holds the results of single fits until the pack is written."""
    return pack.with_name(f"{pack.name}.jobs")


def _unfinished(path: Path) -> str:
    if os.path.isdir(jobs_folder(path)):
        return "; its search is not finished: repeat the command that began it to resume"
    return ""


FILE = "descriptors.npz"


@dataclass(frozen=True, eq=False)
class Descriptor:
    """What was measured on one noisy image.

    Attributes
    ----------
    statistics
        Gradient, noise and spectrum of the image scaled to [0, 1], by name; see
        `autodip_ij.calibration.descriptors`.
    features
        Pooled LPIPS features, float32, (1152,); None where no LPIPS weights were available. See
        `autodip_ij.calibration.descriptors`.
    """

    statistics: dict[str, float]
    features: npt.NDArray[np.float32] | None = None


def pack_descriptors(names: Sequence[str], descriptors: Sequence[Descriptor]) -> bytes:
    """Return the descriptors of images as the bytes of an ``.npz`` file; features are stored in float16.

    Features are stored only if every image has them; distances would not be comparable otherwise.
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
        If the content is not such a file.
    """
    try:
        with np.load(BytesIO(content), allow_pickle=False) as arrays:
            names, keys = arrays["images"].tolist(), arrays["statistics_names"].tolist()
            statistics = arrays["statistics"].astype(float)
            features = arrays["features"].astype(np.float32) if "features" in arrays else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, EOFError, BadZipFile, zlib.error) as error:
        raise UnreadableFile(f"{FILE} does not hold image descriptors ({error or type(error).__name__})") from error
    if not isinstance(names, list) or not isinstance(keys, list):
        raise UnreadableFile(f"{FILE} does not hold image descriptors (no lists of names)")
    if statistics.shape != (len(names), len(keys)) or (features is not None and len(features) != len(names)):
        raise UnreadableFile(f"{FILE}: {len(names)} images, but statistics of shape {statistics.shape}")
    return {
        name: Descriptor(dict(zip(keys, row, strict=True)), None if features is None else features[index])
        for index, (name, row) in enumerate(zip(names, statistics.tolist(), strict=True))
    }
