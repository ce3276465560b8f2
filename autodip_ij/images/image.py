"""The `Image`: lazy pixels as TCZYX with their names, colours, sizes and instrument metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autodip_ij._support.text import plain

if TYPE_CHECKING:
    import dask.array as da
    import xarray as xr
    from ome_types import OME


_UNITS = {
    "\\u00b5m": "µm",
    "\u00b5m": "µm",
    "\u03bcm": "µm",
    "um": "µm",
    "micron": "µm",
    "microns": "µm",
    "micrometer": "µm",
    "micrometre": "µm",
    "nanometer": "nm",
    "angstrom": "Å",
    "a": "Å",
    "millimeter": "mm",
    "inch": "in",
    "pixels": "pixel",
    "sec": "s",
    "seconds": "s",
    "second": "s",
    "msec": "ms",
    "usec": "µs",
    "minute": "min",
    "minutes": "min",
    "hour": "h",
    "hours": "h",
    "day": "d",
}
"""Spellings of units in files of many programs, and the OME names of them."""


def unit_name(text: object) -> str:
    r"""Return the OME name of a unit in any common spelling.

    Examples
    --------
    >>> [unit_name(text) for text in ("micron", "\\u00B5m", "nm", "sec", "")]
    ['µm', 'µm', 'nm', 's', 'pixel']
    """
    plain = str(text).strip()
    return _UNITS.get(plain.lower(), plain) or "pixel"


@dataclass(frozen=True)
class SourceMetadata:
    """Instrument metadata of one scene.

    Attributes
    ----------
    format
        Name of a `autodip_ij.images.reading.formats.Flavour`, e.g. ``ome-tiff``, ``imagej-tiff``, ``czi``, ``png`` (any
        photograph format), ``imagej`` (an image open in ImageJ); ``other`` (read by another bioio reader) or ``array``.
    channel_names
        One name per channel, in channel order; empty strings where the file has none. Colour samples and the bands of a
        spectral scan are channels of their own: see `file_channel`.
    ome
        The file's OME record, where the reader gives one.
    ome_image
        Index of this scene in ``ome.images``.
    native
        The reader's own metadata, which the module of the reader describes: the text ``xml`` (CZI, LIF) or ``info``
        (TIFF of ImageJ and of acquisition programs), or tables (ND2, OIB, DeltaVision); empty for others. ImageJ files
        have ``labels`` (list[str]) too, ``luts`` (list of (3, 256) uint8), ``mode``, and where present ``roi``,
        ``overlays`` and ``properties``, as tifffile gives them.
    image_name
        Name of the scene inside the file.
    file_name
        Name of the file without its folder.
    """

    format: str
    channel_names: tuple[str, ...]
    ome: OME | None = None
    ome_image: int = 0
    native: Mapping[str, Any] = field(default_factory=dict)
    image_name: str | None = None
    file_name: str | None = None

    def file_channel(self, index: int, count: int) -> int:
        """Return the index of the file's channel, among the `count` it describes, for channel `index` of the image.

        Examples
        --------
        >>> names = ("Bright red", "Bright green", "Bright blue", "Pol red", "Pol green", "Pol blue")
        >>> [SourceMetadata("czi", names).file_channel(index, 2) for index in range(6)]
        [0, 0, 0, 1, 1, 1]
        """
        total = len(self.channel_names)
        return index * count // total if total and total % max(count, 1) == 0 else min(index, max(count - 1, 0))


AXES = "TCZYX"


@dataclass(frozen=True)
class Channel:
    """Name and display of one channel.

    Attributes
    ----------
    name
        Channel name; empty if the file has none.
    color
        Display colour (red, green, blue), each 0..255; None if the file has none.
    display_range
        Lower and upper grey value of the display; None if the file has none.
    """

    name: str = ""
    color: tuple[int, int, int] | None = None
    display_range: tuple[float, float] | None = None


@dataclass(frozen=True)
class PixelSize:
    """Physical size of a voxel and time between frames; None if the file does not state it.

    Attributes
    ----------
    z, y, x
        Size along the axis in `unit`.
    unit
        Unit of length as in OME (``µm``, ``nm``, ``mm``, ``pixel``, ...).
    t
        Time between frames in `time_unit`.
    time_unit
        Unit of time as in OME (``s``, ``ms``, ...).
    """

    z: float | None = None
    y: float | None = None
    x: float | None = None
    unit: str = "µm"
    t: float | None = None
    time_unit: str = "s"

    @classmethod
    def of(cls, *, unit: str, time_unit: str, **sizes: float | None) -> PixelSize:
        """Return a size whose units are spelt in any common way."""
        return cls(**sizes, unit=unit_name(unit), time_unit=unit_name(time_unit))


@dataclass(frozen=True, repr=False)
class Image:
    """One scene of a file, or an array.

    Attributes
    ----------
    data
        Lazy array (T, C, Z, Y, X), one chunk a plane or smaller, in the dtype and grey values of the source.
        Colour samples of an RGB source are channels (red, green, blue), and `rgb` is true.
    channels
        One entry per channel of `data`.
    metadata
        What group inference reads.
    pixel_size
        Physical pixel size and frame interval.
    name
        Name of the scene, or of the file without suffix.
    source
        The file; None for an array.
    scene
        Index of this scene in the file.
    rgb
        Whether the channels are the colours of one RGB picture.
    axes
        The axes of the source that have a length or a meaning there, in the order of `AXES`, e.g. ``YX`` or ``CZYX``:
        an array given as (Y, X) is given back as (Y, X).
    """

    data: da.Array
    channels: tuple[Channel, ...]
    metadata: SourceMetadata
    pixel_size: PixelSize = field(default_factory=PixelSize)
    name: str = "image"
    source: Path | None = None
    scene: int = 0
    rgb: bool = False
    axes: str = AXES

    def __post_init__(self) -> None:
        if self.data.ndim != len(AXES):
            raise ValueError(f"data has {self.data.ndim} axes, expected {len(AXES)} ({AXES})")
        if len(self.channels) != self.data.shape[1]:
            raise ValueError(f"{len(self.channels)} channel entries for {self.data.shape[1]} channels")

    def __repr__(self) -> str:
        return f"<Image: {self.brief}>"

    @property
    def brief(self) -> str:
        """Name, axes with their lengths, type, and size of a pixel.

        Examples
        --------
        >>> Image.from_array(np.zeros((2, 4, 5), np.uint8), "CYX", pixel_size=PixelSize(y=0.1, x=0.1)).brief
        'image, C 2 x Y 4 x X 5, uint8, 0.1 µm a pixel'
        """
        lengths = zip(AXES, self.shape, strict=True)
        sides = " x ".join(f"{axis} {length}" for axis, length in lengths if axis in self.axes or length > 1)
        size = f", {self.pixel_size.x:.4g} {self.pixel_size.unit} a pixel" if self.pixel_size.x else ""
        return f"{plain(self.name)}, {sides}, {self.dtype}{size}"

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        """Lengths (T, C, Z, Y, X)."""
        return self.data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the source pixels."""
        return self.data.dtype

    def plane(self, t: int, c: int, z: int) -> npt.NDArray[Any]:
        """Read one plane (Y, X) into memory."""
        return read_lazy(self.data[t, c, z])

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Return the pixels with the axes of the source (`axes`) only."""
        keep = tuple(slice(None) if letter in self.axes else 0 for letter in AXES)
        return np.asarray(read_lazy(self.data[keep]), dtype=dtype)

    def to_xarray(self) -> xr.DataArray:
        """Return a lazy array with the axes of the source, channel names and pixel sizes as coordinates.

        Raises
        ------
        autodip_ij.errors.EnvironmentProblem
            If xarray is not installed.
        """
        from autodip_ij.images.labelled import to_xarray

        return to_xarray(self)

    def with_data(self, data: Any) -> Image:
        """Return the same image with other pixels of equal (T, C, Z, Y, X) shape, whatever holds them."""
        import dask.array as da

        chunks = getattr(data, "chunks", (1, 1, 1, -1, -1))
        lazy = data if isinstance(data, da.Array) else da.from_array(data, chunks=chunks)
        return replace(self, data=lazy)

    @classmethod
    def from_array(
        cls,
        array: Any,
        axes: str | None = None,
        *,
        channels: Sequence[Channel] | None = None,
        pixel_size: PixelSize | None = None,
        name: str = "image",
        metadata: SourceMetadata | None = None,
    ) -> Image:
        """Wrap a numpy, dask or xarray array.

        Parameters
        ----------
        array
            Pixels, 2 to 5 axes. The dims of an xarray DataArray are used where they are a subset of T, C, Z, Y, X, and
            the texts of its C coordinate are channel names; evenly spaced coordinates are pixel sizes, whose unit is
            their attribute ``units``.
        axes
            Axis letters of `array`, e.g. ``"CYX"``; by default the last ones of ``TCZYX`` with ``ZYX`` for three axes.
        channels, pixel_size, name, metadata
            As in the class.

        Examples
        --------
        >>> Image.from_array(np.zeros((4, 5), np.uint8)).shape
        (1, 1, 1, 4, 5)
        >>> Image.from_array(np.zeros((2, 4, 5)), "CYX").shape
        (1, 2, 1, 4, 5)
        """
        from autodip_ij.images.arrays import channel_labels, to_tczyx
        from autodip_ij.images.labelled import size_of

        data, found = to_tczyx(array, axes)
        names = channel_labels(array) or ("",) * data.shape[1]
        entries = tuple(channels) if channels is not None else tuple(Channel(name) for name in names)
        return cls(
            data=data,
            channels=entries,
            metadata=metadata or SourceMetadata("array", tuple(entry.name for entry in entries)),
            pixel_size=pixel_size or PixelSize.of(**size_of(array)),
            name=name,
            axes=found,
        )


@dataclass(frozen=True)
class SceneMetadata:
    """Metadata of one scene of a file, without pixels.

    Attributes
    ----------
    metadata
        What group inference reads.
    shape
        Lengths (T, C, Z, Y, X); C counts colour samples one by one.
    dtype
        Data type of the pixels, as numpy names it.
    pixel_size
        Physical pixel size and frame interval.
    name
        Name of the scene.
    """

    metadata: SourceMetadata
    shape: tuple[int, int, int, int, int]
    dtype: str
    pixel_size: PixelSize
    name: str


def read_lazy(lazy: Any) -> npt.NDArray[Any]:
    """Return the pixels of a Dask array, read by threads of this process.

    Not by a Dask cluster that happens to be connected: within one of its workers, the read would wait for the very task
    that waits for it. Given as a function, the scheduler is used without loading the package for clusters, which takes
    half a second.
    """
    from dask.threaded import get

    return np.asarray(lazy.compute(scheduler=get))
