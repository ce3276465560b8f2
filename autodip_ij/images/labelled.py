"""Between images and xarray: coordinates are pixel sizes and channel names, attributes of them are units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autodip_ij.images.arrays import AXES

if TYPE_CHECKING:
    import xarray as xr

    from autodip_ij.images.image import Image


def size_of(array: Any) -> dict[str, Any]:
    """Return the `PixelSize` of the coordinates of an xarray array, by fields; None where they are uneven or none.

    The unit is the attribute ``units`` of a coordinate: of X for lengths, µm where there is none.
    """
    steps, units = {}, {}
    coords = getattr(array, "coords", {})
    for dim in getattr(array, "dims", ()):
        if str(dim).upper() in "TZYX" and dim in coords and coords[dim].dtype.kind in "iuf":
            axis = str(dim).lower()
            steps[axis] = _step(coords[dim].values)
            units[axis] = str(coords[dim].attrs.get("units", coords[dim].attrs.get("unit", "")))
    length = next((units[axis] for axis in "xyz" if units.get(axis)), "µm")
    same = {axis: steps.get(axis) for axis in "zyx" if units.get(axis) in (None, "", length)}
    return {**same, "unit": length, "t": steps.get("t"), "time_unit": units.get("t") or "s"}


def _step(values: Any) -> float | None:
    """Return the even step of a coordinate; None if it varies, is not above 0, or there is a single value."""
    steps = np.diff(np.asarray(values, np.float64))
    if not steps.size or not np.all(np.isfinite(steps)) or steps[0] <= 0:
        return None
    mean = float(steps.mean())
    return mean if np.allclose(steps, mean, rtol=1e-3) else None


def to_xarray(image: Image) -> xr.DataArray:
    """Return an image as a lazy array with the axes of its source; see `Image.to_xarray`."""
    import xarray as xr

    kept = [axis for axis in AXES if axis in image.axes]
    data = image.data[tuple(slice(None) if axis in kept else 0 for axis in AXES)]
    coords: dict[str, Any] = {}
    for axis in kept:
        if axis == "C":
            names = [channel.name for channel in image.channels]
            if all(names):
                coords["C"] = ("C", names)
            continue
        step = getattr(image.pixel_size, axis.lower())
        if step is not None:
            unit = image.pixel_size.time_unit if axis == "T" else image.pixel_size.unit
            coords[axis] = (axis, np.arange(image.shape[AXES.index(axis)]) * step, {"units": unit})
    return xr.DataArray(data, dims=kept, coords=coords, name=image.name)
