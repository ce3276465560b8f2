"""Every real microscope file is inspected and denoised, and comes back with its metadata."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from bioio import BioImage
from ome_types import from_xml

from autodip_ij.denoising.api import denoise_file
from autodip_ij.denoising.inspection import inspect
from autodip_ij.images import open_image
from autodip_ij.settings import DenoiseSettings

LOOKED_AT = {"toxo.dv"}
"""A stack of which the neighbouring planes are looked at: this takes seconds a channel."""
LARGE = {"Al2O3_SE_020_sp.czi"}
"""Inspected without its pixels, which take 7 s; they are read where it is denoised."""
FITTED = {"nuc_small.czi", "example-cerevisiae.nd2"}
"""Fitted by a small network; the others are filtered: the way there and back is the same, and a fit takes long."""


def test_a_real_file_is_inspected(microscope_file: Path) -> None:
    name = microscope_file.name
    settings = DenoiseSettings(neighbours="auto" if name in LOOKED_AT else "off")
    found = inspect(microscope_file, settings, pixels=name not in LARGE)
    assert found.scenes
    for scene in found.scenes:
        assert scene.channels
        for channel in scene.channels:
            assert channel.parameters or channel.reason.startswith(("left alone", "returned unchanged"))


def test_a_real_file_is_denoised_and_keeps_its_metadata(microscope_file: Path, tmp_path: Path) -> None:
    image = open_image(microscope_file)
    settings = DenoiseSettings(method="gaussian", device="cpu", time="0", z="0")
    if microscope_file.name in FITTED:
        settings = DenoiseSettings(iterations=1, width=4, depth=2, device="cpu", time="0", z="0")
    made = denoise_file(microscope_file, tmp_path / "out.ome.tif", settings)
    again = BioImage(made.output)
    found_shape = (again.dims.C, again.dims.Y, again.dims.X)
    assert found_shape == (image.shape[1], *image.shape[3:])
    names = [channel.name for channel in image.channels]
    if any(names):
        assert [str(name) for name in again.channel_names] == names
    for axis in "YX":
        expected = getattr(image.pixel_size, axis.lower())
        if expected:
            found = getattr(again.physical_pixel_sizes, axis)
            assert np.isclose(found, expected, rtol=1e-6)
    from tifffile import TiffFile

    with TiffFile(made.output) as file:
        ome = from_xml(file.ome_metadata or "", validate=True)
    assert ome.images[0].pixels.size_c == image.shape[1]
    source = image.metadata.ome
    if source is not None and source.instruments:
        assert ome.instruments, "the instrument of the source is carried over"
