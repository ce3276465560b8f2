"""ImageJ hyperstacks, through tifffile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autodip_ij.errors import BadInput
from autodip_ij.images.writing import planes
from autodip_ij.images.writing.ome_record import clean_text

if TYPE_CHECKING:
    from autodip_ij.images.image import Channel, Image

LARGEST_TIFF = 2**32 - 2**25
"""Bytes of pixels up to which every plane can have its own directory; ImageJ reads larger stacks from the first one."""

_TYPES = ("uint8", "uint16", "float32")
_UNITS = {"µm": "\\u00B5m", "s": "sec"}
"""Spellings of ImageJ for units of OME; its descriptions are ASCII."""


def write_imagej_tiff(image: Image, path: Path, dtype: np.dtype[Any], provenance: str) -> None:
    """Write an ImageJ hyperstack with look-up tables, display ranges, slice labels, Info, units and frame interval.

    Parameters
    ----------
    image
        What to write.
    path
        File to write, new.
    dtype
        8-bit or 16-bit unsigned, or float32; boolean images become 0 and 1 in 8 bits.
    provenance
        Text added to the Info; may be empty.

    Raises
    ------
    autodip_ij.errors.BadInput
        If ImageJ has no such data type.
    """
    from tifffile import TiffWriter

    dtype = written_type(dtype)
    size = image.pixel_size
    resolution = [1 / step if step and step > 0 else 1.0 for step in (size.x, size.y)]
    t, c, z, y, x = image.shape
    with TiffWriter(path, imagej=True) as tif:
        tif.write(
            planes(image, dtype, "TZC"),
            # With the axis of samples named, a picture of one column is not taken for one of single samples.
            shape=(t, z, c, y, x, 1),
            dtype=dtype,
            photometric="minisblack",
            resolution=(resolution[0], resolution[1]),
            metadata=_properties(image, provenance),
            software="autodip_ij",
            truncate=image.data.size * dtype.itemsize > LARGEST_TIFF,
        )


def written_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type that `dtype` is written as; errors as `write_imagej_tiff`."""
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    if dtype.name not in _TYPES:
        raise BadInput(f"ImageJ has no {dtype}; write {', '.join(_TYPES)}, or .ome.tif")
    return dtype


def _properties(image: Image, provenance: str) -> dict[str, Any]:
    """Return the entries of the image description and of the ImageJ metadata tag."""
    size, native = image.pixel_size, image.metadata.native
    found: dict[str, Any] = {"axes": "TZCYXS", "mode": native.get("mode") or _mode(image)}
    if image.shape[1] == 1:
        found["mode"] = "grayscale"
    if size.x is not None and size.unit != "pixel":
        found["unit"] = _ascii(_UNITS.get(size.unit, size.unit))
        if size.z:
            found["spacing"] = size.z
    if size.t:
        found["finterval"] = size.t
        found["tunit"] = _ascii(_UNITS.get(size.time_unit, size.time_unit))
    if info := clean_text("\n".join(part for part in (str(native.get("info") or ""), provenance) if part)):
        found["Info"] = info
    if labels := _labels(image):
        found["Labels"] = [clean_text(label) for label in labels]
    if luts := _luts(image):
        found["LUTs"] = luts
    ranges = [entry.display_range for entry in image.channels]
    if all(ranges):
        found["Ranges"] = tuple(float(end) for pair in ranges if pair for end in pair)
        found["min"], found["max"] = found["Ranges"][:2]
    return found | {key: native[key.lower()] for key in ("ROI", "Overlays", "Properties") if key.lower() in native}


def _mode(image: Image) -> str:
    """Return how ImageJ shows the channels: over each other where they have colours, else one at a time."""
    return "composite" if any(entry.color for entry in image.channels) else "grayscale"


def _labels(image: Image) -> list[str]:
    """Return the slice labels of the source where they fit, else the channel name for every slice."""
    t, c, z, _, _ = image.shape
    labels = [str(label or "") for label in image.metadata.native.get("labels") or ()]
    if len(labels) == t * c * z and any(labels):
        return labels
    names = [entry.name for entry in image.channels]
    return names * (t * z) if any(names) else []


def _luts(image: Image) -> list[np.ndarray]:
    """Return the look-up tables of the source where they fit, else one that rises from black to each colour."""
    own = image.metadata.native.get("luts") or []
    if len(own) == image.shape[1]:
        return [np.asarray(lut, np.uint8) for lut in own]
    return [_ramp(entry) for entry in image.channels] if any(entry.color for entry in image.channels) else []


def _ramp(channel: Channel) -> np.ndarray:
    """Return a look-up table (3, 256) from black to the colour of `channel`; grey where it has none."""
    color = np.asarray(channel.color or (255, 255, 255), float)
    return np.rint(np.outer(color, np.arange(256) / 255)).astype(np.uint8)


def _ascii(text: str) -> str:
    r"""Return `text` with other than ASCII characters escaped as in Java (``\u00B5``)."""
    text = " ".join(clean_text(text).split())
    return "".join(char if char.isascii() else f"\\u{ord(char):04X}" for char in text)
