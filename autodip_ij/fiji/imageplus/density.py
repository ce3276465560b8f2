"""Calibrated density functions: the grey values ImageJ shows for the raw values it stores.

ImageJ gives 8- and 16-bit images a function from raw to shown values (optical density, a concentration, the offset of
signed 16-bit data); 32-bit images cannot have one. Fits run on raw values, where the noise is; a 32-bit result then
holds the shown values, so that a measurement in the result reads like one in the source.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def has_density_function(imp: Any) -> bool:
    """Whether the grey values shown for an ImagePlus differ from those it stores."""
    return bool(imp.getCalibration().calibrated()) and int(imp.getBitDepth()) in (8, 16)


def shown_values(imp: Any, raw: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return the values that ImageJ would show for raw values of `imp`.

    Parameters
    ----------
    imp
        Its calibration is used: exactly for a straight line, else its table of shown values, interpolated.
    raw
        Raw values, also between and beyond those of the image; any shape.

    Returns
    -------
    numpy.ndarray
        float32, the shape of `raw`; NaN stays NaN.
    """
    from scyjava import jimport

    calibration = imp.getCalibration()
    if not has_density_function(imp):
        return raw.astype(np.float32, copy=False)
    if int(calibration.getFunction()) == int(jimport("ij.measure.Calibration").STRAIGHT_LINE):
        offset, slope = (float(c) for c in list(calibration.getCoefficients())[:2])
        return (offset + slope * raw.astype(np.float64)).astype(np.float32)
    table = np.array(calibration.getCTable()[:], np.float64)
    return np.interp(raw, np.arange(table.size), table).astype(np.float32)
