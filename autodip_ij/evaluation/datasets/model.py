"""The pair: one noisy image, its clean counterpart, and what is known of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from autodip_ij.evaluation.datasets.recipes import ImageRecipe
from autodip_ij.groups.model import GroupDecision, group_name

_SPECIMENS = {
    "nucleus": "nucleus",
    "nuclei": "nucleus",
    "actin": "actin",
    "f-actin": "actin",
    "mito": "mito",
    "mitochondria": "mito",
}


@dataclass(frozen=True)
class Pair:
    """A noisy image and its clean counterpart.

    Attributes
    ----------
    name
        Unique within its data set, usable as a file name.
    dataset
        Name of the data set.
    noisy, clean
        How the two images are made; ``.read()`` gives (Y, X) float32.
    subject
        What is shown, in the words of the data set (``actin``, ``fish``, ``CCPs``, ...).
    microscope, specimen
        The group in the paper's sense; None where the groups do not cover it.
    field
        Field of view, as text; empty where the data set has none.
    level
        Noise level in the words of the data set (``raw``, ``avg2``, ``noise1``, ``level1``, ...).
    capture
        Index of the first capture, where the data set counts them.
    value_range
        Width of the fixed grey-value scale on which PSNR is published (255 for 8-bit data); None if there is none.
    split
        ``test``, ``train`` or empty.
    shifted
        Whether noisy and clean image may lie beside one another and should be registered.
    rescaled
        Whether their grey values differ by a gain and an offset.
    scale
        Pixels of the clean image per pixel of the noisy one; above 1 for super-resolution.
    """

    name: str
    dataset: str
    noisy: ImageRecipe
    clean: ImageRecipe
    subject: str
    microscope: str | None = None
    specimen: str | None = None
    field: str = ""
    level: str = ""
    capture: int | None = None
    value_range: float | None = None
    split: str = ""
    shifted: bool = False
    rescaled: bool = False
    scale: int = 1

    @property
    def group(self) -> str:
        """Group name: ``confocal/actin``, ``widefield``, ``all``, ..."""
        return group_name(self.microscope, self.specimen)

    @property
    def subset(self) -> str:
        """Row of a table that this pair belongs to: microscope and subject, whether or not the groups know it."""
        return " ".join(part for part in (self.microscope, self.subject) if part)

    def decision(self) -> GroupDecision:
        """Return the group as a decision, for `autodip_ij.denoising.api.denoise_image`."""
        return GroupDecision(0, self.subject, self.microscope, self.specimen, 1.0, reason=f"known from {self.dataset}")


@dataclass(frozen=True)
class Dataset:
    """What was found in a folder.

    Attributes
    ----------
    name
        Name of the layout.
    root
        The folder.
    pairs
        The pairs that are complete.
    missing
        What a complete copy has and this one lacks, one line each.
    """

    name: str
    root: Path
    pairs: tuple[Pair, ...]
    missing: tuple[str, ...] = ()


def specimen_of(word: str) -> str | None:
    """Return the specimen group that a data set's word stands for, or None.

    Examples
    --------
    >>> specimen_of("F-actin"), specimen_of("Nuclei"), specimen_of("CCPs")
    ('actin', 'nucleus', None)
    """
    return _SPECIMENS.get(word.strip().lower())


def safe_name(*parts: object) -> str:
    """Return the parts as one text that is a file name everywhere.

    Examples
    --------
    >>> safe_name("fmd", "confocal", "F-actin", "field 3/4")
    'fmd_confocal_F-actin_field-3-4'
    """
    texts = (re.sub(r"[^A-Za-z0-9.+=_-]+", "-", str(part)).strip("-._") for part in parts if part not in ("", None))
    return "_".join(text for text in texts if text)
