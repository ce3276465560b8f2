"""Uses of the package that a type checker must accept, and some that it must refuse; checked by `mypy`, never run."""

from __future__ import annotations

import numpy as np

import autodip_ij
from autodip_ij import DenoiseSettings, Result


def uses() -> Result:
    pixels = np.zeros((2, 64, 64), np.uint16)

    result = autodip_ij.denoise(pixels, axes="CYX", channel=1, seed=2, effort="fast", progress=True)
    autodip_ij.denoise("cells.czi", DenoiseSettings(seed=1), microscope="confocal", time=slice(0, 10), z=[0, 2])
    autodip_ij.denoise(pixels, channel=["DAPI", 1], neighbours="off", scene=0).save("cells.ome.tif")

    autodip_ij.denoise(pixels, sede=2)  # type: ignore[call-arg]
    autodip_ij.denoise(pixels, effort="turbo")  # type: ignore[arg-type]
    autodip_ij.denoise(pixels, iterations="many")  # type: ignore[arg-type]
    return result
