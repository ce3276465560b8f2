"""What a run hands back: the image, how sure it is, and the record; and how they are saved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autodip_ij.denoising.output import refuse_bad_target, uncertainty_path
from autodip_ij.denoising.report import Report, to_json, write_sidecar
from autodip_ij.images.image import Image


@dataclass(frozen=True)
class Result:
    """A denoised image and the record of how it was made.

    Attributes
    ----------
    output
        The image: the selected planes of the input, denoised, with all their metadata.
    report
        What was decided and done.
    uncertainty_output
        Standard deviation between the fits of every pixel, float32, in grey values, with the axes of `output`; NaN
        where there were fewer than two fits. None unless ``uncertainty`` was set and several fits were averaged.
    """

    output: Image
    report: Report
    uncertainty_output: Image | None = None

    @property
    def image(self) -> np.ndarray[Any, Any]:
        """The pixels as an array with the axes of the input (a (Y, X) input gives (Y, X))."""
        return np.asarray(self.output)

    @property
    def uncertainty(self) -> np.ndarray[Any, Any] | None:
        """`uncertainty_output` as an array with the axes of the input."""
        return None if self.uncertainty_output is None else np.asarray(self.uncertainty_output)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write image and sidecar; the format follows the suffix (``.ome.tif``, ``.ome.zarr``, ``.tif``).

        An uncertainty map is written beside the image as ``<name>.uncertainty.ome.tif``.

        Raises
        ------
        autodip_ij.errors.UnwritableOutput
            If the file exists and `overwrite` is false, or it cannot be written.
        """
        from autodip_ij.images import write

        target = Path(path)
        beside = uncertainty_path(target)
        refuse_bad_target(target, self.output.source, overwrite)
        record, provenance = self.report.output, to_json(self.report)
        if self.uncertainty_output is not None:
            refuse_bad_target(beside, self.output.source, overwrite)
            write(self.uncertainty_output, beside, overwrite=overwrite, provenance=provenance)
            record = record.model_copy(update={"uncertainty_file": beside.name})
        written = write(self.output, target, overwrite=overwrite, provenance=provenance)
        record = record.model_copy(update={"file": written.name})
        write_sidecar(self.report.model_copy(update={"output": record}), written)
        return written


@dataclass(frozen=True)
class FileResult:
    """What `denoise_file` wrote, and the record of it."""

    output: Path
    sidecar: Path
    report: Report
