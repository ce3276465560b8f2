"""Convert an ImagePlus to an array and back, plane by plane, through Java pixel arrays.

Conversion through ImgLib2 loses units, LUTs, labels and display ranges, and assigns wrong axes to a bare array. Here an
array is always (T, C, Z, Y, X); `autodip_ij.fiji.imageplus.appearance` transfers everything but the pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput

Pixels = npt.NDArray[Any]

DTYPES: dict[int, np.dtype[Any]] = {8: np.dtype(np.uint8), 16: np.dtype(np.uint16), 32: np.dtype(np.float32)}
RGB_DEPTH = 24
"""Bit depth of a colour image; its planes are packed integers 0xAARRGGBB."""
COLOURS = ("Red", "Green", "Blue")
"""Names of the channels of an RGB image."""
_SHIFTS = (16, 8, 0)
_STRAIGHT_LINE = 0
"""Value of ``ij.measure.Calibration.STRAIGHT_LINE``."""
_JAVA_ELEMENTS = {
    "u1": ("JByte", ""),
    "u2": ("JShort", "asShortBuffer"),
    "i4": ("JInt", "asIntBuffer"),
    "f4": ("JFloat", "asFloatBuffer"),
}


@dataclass(frozen=True)
class Selection:
    """Indices along T, C and Z (from 0) of the selected planes.

    For an RGB image C counts red, green and blue.
    """

    times: tuple[int, ...]
    channels: tuple[int, ...]
    slices: tuple[int, ...]

    @property
    def lengths(self) -> tuple[int, int, int]:
        """Numbers of time points, channels and slices."""
        return len(self.times), len(self.channels), len(self.slices)

    def positions(self) -> Iterator[tuple[tuple[int, int, int], tuple[int, int, int]]]:
        """Yield (position in the selection, position in the image), each (t, c, z)."""
        for i, t in enumerate(self.times):
            for j, c in enumerate(self.channels):
                for k, z in enumerate(self.slices):
                    yield (i, j, k), (t, c, z)


def is_rgb(imp: Any) -> bool:
    """Whether an ImagePlus is an RGB image."""
    return int(imp.getBitDepth()) == RGB_DEPTH


def dimensions(imp: Any) -> tuple[int, int, int, int, int]:
    """Return (T, C, Z, Y, X) of an ImagePlus; an RGB image has three channels.

    Raises
    ------
    autodip_ij.errors.BadInput
        If the image is empty, as ImageJ's placeholder for a closed image is, or an RGB image with several channels.
    """
    title, x, y = str(imp.getTitle()), int(imp.getWidth()), int(imp.getHeight())
    if x == 0 or y == 0 or int(imp.getStackSize()) == 0:
        raise BadInput(f"{title or 'image'}: the image is empty ({x} x {y} pixels); select an open image and run again")
    channels = int(imp.getNChannels())
    if is_rgb(imp):
        if channels != 1:
            raise BadInput(f"{title}: RGB with {channels} channels; split them first (Image > Color > Split Channels)")
        channels = 3
    return int(imp.getNFrames()), channels, int(imp.getNSlices()), y, x


def dtype_of(imp: Any) -> np.dtype[Any]:
    """Return the pixel type of an ImagePlus; the colours of an RGB image are 8-bit."""
    return DTYPES[8 if is_rgb(imp) else int(imp.getBitDepth())]


def whole(imp: Any) -> Selection:
    """Select every plane of an ImagePlus."""
    times, channels, slices, _, _ = dimensions(imp)
    return Selection(tuple(range(times)), tuple(range(channels)), tuple(range(slices)))


def stack_index(imp: Any, t: int, c: int, z: int) -> int:
    """Return the index (from 1) in the stack of the plane at (t, c, z), from 0; C runs fastest, then Z, then T."""
    channels = 1 if is_rgb(imp) else int(imp.getNChannels())
    return 1 + (0 if is_rgb(imp) else c) + channels * (z + int(imp.getNSlices()) * t)


def to_array(imp: Any, selection: Selection | None = None, out: Pixels | None = None) -> Pixels:
    """Copy planes of an ImagePlus into an array, as raw values and without regard to the ROI.

    Parameters
    ----------
    imp
        8-, 16- or 32-bit or RGB, of any dimensions; a virtual stack is read one plane at a time.
    selection
        Planes to copy; all by default.
    out
        Array to write to, (T, C, Z, Y, X) of the selection; a new one by default.

    Returns
    -------
    numpy.ndarray
        (T, C, Z, Y, X), uint8, uint16 or float32.

    Raises
    ------
    autodip_ij.errors.BadInput
        If a plane differs in type from the image, as can happen in virtual stacks.
    """
    selection = selection or whole(imp)
    height, width = dimensions(imp)[3:]
    if out is None:
        out = np.empty((*selection.lengths, height, width), dtype_of(imp))
    if is_rgb(imp):
        _read_colours(imp, selection, out)
        return out
    for target, source in selection.positions():
        out[target] = _read_plane(imp, stack_index(imp, *source), out.dtype).reshape(height, width)
    return out


def _read_plane(imp: Any, index: int, dtype: np.dtype[Any]) -> Pixels:
    plane = np.frombuffer(memoryview(imp.getStack().getPixels(index)), dtype=np.uint8).view(dtype)
    expected = int(imp.getWidth()) * int(imp.getHeight())
    if plane.size != expected:
        raise BadInput(
            f"{imp.getTitle()}: plane {index} is not {dtype.itemsize * 8}-bit like the others; "
            "convert the stack to one type first (Image > Type)"
        )
    return plane


def _read_colours(imp: Any, selection: Selection, out: Pixels) -> None:
    height, width = out.shape[3:]
    for i, t in enumerate(selection.times):
        for k, z in enumerate(selection.slices):
            packed = _read_plane(imp, stack_index(imp, t, 0, z), np.dtype(np.int32)).reshape(height, width)
            for j, c in enumerate(selection.channels):
                out[i, j, k] = (packed >> _SHIFTS[c]) & 0xFF


def to_imageplus(array: Pixels, title: str, *, rgb: bool = False) -> Any:
    """Create an ImagePlus from an array (T, C, Z, Y, X): pixels and dimensions only.

    Parameters
    ----------
    array
        uint8, uint16 or float32.
    title
        Title of the new image.
    rgb
        Combine the three channels into RGB pixels; values are rounded and clipped to 0..255.

    Raises
    ------
    autodip_ij.errors.BadInput
        For a data type that ImageJ does not support.
    """
    from scyjava import jimport

    times, channels, slices, height, width = array.shape
    stack = jimport("ij.ImageStack")(width, height)
    for t in range(times):
        for z in range(slices):
            if rgb:
                stack.addSlice(None, java_pixels(pack_colours(array[t, :, z])))
                continue
            for c in range(channels):
                stack.addSlice(None, java_pixels(array[t, c, z]))
    imp = jimport("ij.ImagePlus")(title, stack)
    channels = 1 if rgb else channels
    imp.setDimensions(channels, slices, times)
    imp.setOpenAsHyperStack(channels * slices * times > 1)
    return imp


def pack_colours(planes: Pixels) -> npt.NDArray[np.int32]:
    """Pack planes (3, Y, X) into colour pixels 0xFFRRGGBB (Y, X), rounded and clipped to 0..255.

    Examples
    --------
    >>> hex(int(pack_colours(np.array([[[1.4]], [[300]], [[-2]]]))[0, 0]) & 0xFFFFFFFF)
    '0xff01ff00'
    """
    red, green, blue = np.clip(np.rint(planes), 0, 255).astype(np.uint32)
    return (0xFF000000 | red << 16 | green << 8 | blue).astype(np.uint32).view(np.int32)


def java_pixels(plane: Pixels) -> Any:
    """Return the Java array (byte, short, int, float) of a plane; Java integers are signed, the bits are unchanged."""
    import jpype

    code = f"{plane.dtype.kind}{plane.dtype.itemsize}"
    if code not in _JAVA_ELEMENTS:
        raise BadInput(f"{plane.dtype} pixels: ImageJ supports uint8, uint16 and float32; convert to one of them")
    element, view = _JAVA_ELEMENTS[code]
    flat = np.require(plane, plane.dtype.newbyteorder("="), ["C", "W"]).ravel().view(np.uint8)
    pixels = jpype.JArray(getattr(jpype, element))(plane.size)
    # Copying through a direct buffer is several times faster than filling an array by JPype.
    buffer = jpype.nio.convertToDirectBuffer(flat).order(jpype.JClass("java.nio.ByteOrder").nativeOrder())
    (getattr(buffer, view)() if view else buffer).get(pixels)
    return pixels


def replace_planes(imp: Any, array: Pixels, selection: Selection) -> None:
    """Replace planes of an ImagePlus of the same pixel type, in place.

    Parameters
    ----------
    imp
        The image to change; not a virtual stack.
    array
        (T, C, Z, Y, X) of the selection, in the pixel type of the image; for RGB, all three colours.
    selection
        Planes to replace.
    """
    stack = imp.getStack()
    if is_rgb(imp):
        for i, t in enumerate(selection.times):
            for k, z in enumerate(selection.slices):
                stack.setPixels(java_pixels(pack_colours(array[i, :, k])), stack_index(imp, t, 0, z))
    else:
        for source, target in selection.positions():
            stack.setPixels(java_pixels(array[source]), stack_index(imp, *target))
    imp.setStack(None, stack)
    imp.updateAndDraw()


# ImageJ gives 8- and 16-bit images a calibrated density function from raw to shown values (optical density, a
# concentration, the offset of signed 16-bit data); 32-bit images cannot have one. Fits run on raw values, where the
# noise model holds; a 32-bit result holds the shown values, so that a measurement in it reads like one in the source.


def has_density_function(imp: Any) -> bool:
    """Whether the grey values shown for an ImagePlus differ from its stored ones."""
    return bool(imp.getCalibration().calibrated()) and int(imp.getBitDepth()) in (8, 16)


def shown_values(imp: Any, raw: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return the values that ImageJ shows for raw values of `imp`.

    Parameters
    ----------
    imp
        Image with the calibration: applied exactly if it is a straight line, else by interpolation in its table.
    raw
        Raw values of any shape, including values between and beyond those of the image.

    Returns
    -------
    numpy.ndarray
        float32, the shape of `raw`; NaN stays NaN.
    """
    calibration = imp.getCalibration()
    if not has_density_function(imp):
        return raw.astype(np.float32, copy=False)
    if int(calibration.getFunction()) == _STRAIGHT_LINE:
        offset, slope = (float(c) for c in list(calibration.getCoefficients())[:2])
        return (offset + slope * raw.astype(np.float64)).astype(np.float32)
    table = np.array(calibration.getCTable()[:], np.float64)
    return np.interp(raw, np.arange(table.size), table).astype(np.float32)
