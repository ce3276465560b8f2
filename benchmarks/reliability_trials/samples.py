"""Small files of every format that is read: written here, or copied from the shared microscope files."""

from __future__ import annotations

import io
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import mrcfile
import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image as Picture
from pylibCZIrw import czi

from autodip_ij.images import write
from autodip_ij.images.image import Channel, Image, PixelSize

Pixels = npt.NDArray[Any]
FROM_MICROSCOPES = {
    "ND2, one frame": "example-cerevisiae.nd2",
    "ND2, time series": "example-timelapse.nd2",
    "CZI of a microscope": "tiles.czi",
    "LIF": "LeicaLASX_wavelength-sweep_example.lif",
    "OIB": "test.oib",
    "DV": "toxo.dv",
    "OME-TIFF of a microscope": "FOV7_HV110_P0500510000.ome.tiff",
}


def make_samples(folder: Path, shared: Path | None) -> dict[str, Path]:
    """Write one file, or folder, of each format below `folder`; return them by title."""
    made = {}
    for number, (title, (name, make)) in enumerate(_MADE.items()):
        place = folder / f"{number:02d}"
        place.mkdir()
        make(place / name)
        made[title] = place / name
    for title, name in FROM_MICROSCOPES.items() if shared else ():
        assert shared is not None
        place = folder / name.replace(".", "_")
        place.mkdir()
        shutil.copyfile(shared / name, place / name)
        made[title] = place / name
    if shared:
        made["OIF"] = _as_oif(made["OIB"], folder / "oif")
    return made


def pixels_of(*shape: int, kind: Any = np.uint16) -> Pixels:
    """Return noise, of which every row differs."""
    return np.random.default_rng(5).poisson(90, shape).astype(kind)


def _image() -> Image:
    channels = (Channel("DAPI", (0, 0, 255)), Channel("GFP", (0, 255, 0)))
    size = PixelSize(z=0.5, y=0.1, x=0.1)
    return Image.from_array(pixels_of(2, 3, 48, 40), "CZYX", channels=channels, pixel_size=size, name="sample")


def _tiff(*shape: int, **options: Any) -> Callable[[Path], Any]:
    return lambda path: tifffile.imwrite(path, pixels_of(*shape), photometric="minisblack", **options)


def _write(**options: Any) -> Callable[[Path], Any]:
    return lambda path: write(_image(), path, **options)


def _lsm(path: Path) -> None:
    """Write a TIFF with the private record of Zeiss LSM: three slices of three channels, each with its thumbnail."""
    info = bytearray(512)
    #   magic, size, X, Y, Z, C, T, data type (2: 12 bit), thumbnail, voxel size in metres
    struct.pack_into("<IiiiiiiiiidddI", info, 0, 0x0400494C, 512, 40, 48, 3, 3, 1, 2, 0, 0, 1e-7, 1e-7, 5e-7, 0)
    pages = pixels_of(3, 3, 48, 40)
    with tifffile.TiffWriter(path) as file:
        for number, page in enumerate(pages):
            tags = [(34412, 7, len(info), bytes(info), True)] if number == 0 else []
            options: dict[str, Any] = {"photometric": "minisblack", "planarconfig": "separate", "metadata": None}
            file.write(page, extratags=tags, **options)
            file.write(np.zeros((3, 8, 8), np.uint8), subfiletype=1, **options)


def _mrc(path: Path) -> None:
    with mrcfile.new(path) as file:
        file.set_data(pixels_of(3, 48, 40, kind=np.int16))
        file.voxel_size = 1.5


def _czi(compression: str | None) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        options = {"compression_options": compression} if compression else {}
        with czi.create_czi(str(path), **options) as file:
            for c, z in np.ndindex(2, 3):
                file.write(data=pixels_of(48, 40, 1) + 7 * c + z, plane={"C": c, "Z": z, "T": 0})
            file.write_metadata("sample", channel_names={0: "DAPI", 1: "GFP"}, scale_x=1e-7, scale_y=1e-7)

    return make


def _picture(**options: Any) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        colours = pixels_of(48, 40, 3, kind=np.uint8)
        stream = io.BytesIO()
        Picture.fromarray(colours).save(stream, **options)
        path.write_bytes(stream.getvalue())

    return make


def _as_oif(oib: Path, folder: Path) -> Path:
    import oiffile

    folder.mkdir()
    oiffile.oib2oif(str(oib), location=str(folder), verbose=0)
    (made,) = folder.rglob("*.oif")
    return made


_MADE: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "TIFF": ("a.tif", _tiff(3, 48, 40, metadata=None, rowsperstrip=8)),
    "TIFF, LZW, tiles": ("a.tif", _tiff(2, 64, 64, metadata=None, compression="lzw", predictor=True, tile=(32, 32))),
    "TIFF, PackBits": ("a.tif", _tiff(48, 40, metadata=None, compression="packbits")),
    "TIFF, zstd": ("a.tif", _tiff(2, 48, 40, metadata=None, compression="zstd")),
    "BigTIFF, big-endian, zlib": ("a.btf", _tiff(2, 48, 40, metadata=None, bigtiff=True, byteorder=">", compression=8)),
    "OME-TIFF of this package": ("a.ome.tif", _write()),
    "OME-TIFF, not compressed": ("a.ome.tif", _tiff(2, 3, 48, 40, ome=True, metadata={"axes": "CZYX"})),
    "ImageJ TIFF": ("a.tif", _write()),
    "LSM": ("a.lsm", _lsm),
    "CZI": ("a.czi", _czi(None)),
    "CZI, zstd": ("a.czi", _czi("zstd1:")),
    "MRC": ("a.mrc", _mrc),
    "PNG": ("a.png", _picture(format="PNG")),
    "PNG, 16 bit": ("a.png", lambda path: path.write_bytes(imagecodecs.png_encode(pixels_of(48, 40)))),
    "JPEG": ("a.jpg", _picture(format="JPEG", quality=95)),
    "JPEG 2000": ("a.jp2", _picture(format="JPEG2000")),
    "OME-Zarr 0.5": ("a.ome.zarr", _write()),
    "OME-Zarr 0.4": ("a.ome.zarr", _write(zarr_version="0.4")),
    "OME-Zarr, zip": ("a.ome.zarr.zip", _write()),
}
