"""Generate a synthetic sample with its clean image: two widefield channels, nuclei and actin, and metadata."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autodip_ij.images.image import Channel, Image, PixelSize, SourceMetadata

FloatPlane = npt.NDArray[np.float64]

OFFSET = 100.0
"""Camera offset, grey values."""
ELECTRONS_PER_COUNT = 2.0
READ_NOISE = 30.0
"""Standard deviation of the camera noise, grey values."""
CORRELATION = 0.5
"""Standard deviation of the Gaussian that correlates the camera noise, px: neighbours correlate by 0.26."""


@dataclass(frozen=True)
class Sample:
    """A noisy image and its noise-free counterpart.

    Attributes
    ----------
    noisy
        The image, uint16, (1, 2, 1, Y, X).
    clean
        Expected grey values, float64, (2, Y, X).
    """

    noisy: Image
    clean: npt.NDArray[np.float64]


def make_sample(side: int = 160, seed: int = 7) -> Sample:
    """Generate the sample.

    Photons follow a Poisson distribution; the camera adds noise that is correlated between neighbouring pixels, as
    measured on real widefield cameras, where methods that assume independent pixels fail.

    Parameters
    ----------
    side
        Side of the square image, in pixels.
    seed
        Seed of specimen and noise.

    Examples
    --------
    >>> make_sample(64).noisy.shape
    (1, 2, 1, 64, 64)
    """
    random = np.random.default_rng(seed)
    signal = np.stack([520 * _nuclei(side, random), 420 * _filaments(side, random)])
    clean = signal + OFFSET
    noisy = np.stack([_exposed(plane, random) for plane in signal])
    pixels = np.clip(np.rint(noisy), 0, 65535).astype(np.uint16)
    channels = (
        Channel("DAPI", (0, 0, 255), _display(pixels[0])),
        Channel("Phalloidin-Alexa Fluor 568", (255, 0, 0), _display(pixels[1])),
    )
    image = Image.from_array(
        pixels,
        "CYX",
        channels=channels,
        pixel_size=PixelSize(y=0.16, x=0.16),
        name="autodip sample",
        metadata=_metadata(side, channels),
    )
    return Sample(image, clean)


def _exposed(signal: FloatPlane, random: np.random.Generator) -> FloatPlane:
    from scipy.ndimage import gaussian_filter

    photons = random.poisson(signal * ELECTRONS_PER_COUNT) / ELECTRONS_PER_COUNT
    camera = gaussian_filter(random.normal(size=signal.shape), CORRELATION)
    return photons + OFFSET + camera * (READ_NOISE / camera.std())


def _nuclei(side: int, random: np.random.Generator) -> FloatPlane:
    """Return ellipses with a mottled inside and a soft border, in about 0..1."""
    from scipy.ndimage import gaussian_filter

    y, x = np.mgrid[:side, :side]
    chromatin = gaussian_filter(random.normal(size=(side, side)), side / 64)
    chromatin = 0.65 + 0.18 * chromatin / chromatin.std()
    plane = np.zeros((side, side))
    for centre_y, centre_x in ((0.24, 0.27), (0.68, 0.38), (0.36, 0.76), (0.84, 0.82)):
        angle, long, short = random.uniform(0, np.pi), random.uniform(0.13, 0.17), random.uniform(0.09, 0.12)
        u = (x / side - centre_x) * np.cos(angle) + (y / side - centre_y) * np.sin(angle)
        v = -(x / side - centre_x) * np.sin(angle) + (y / side - centre_y) * np.cos(angle)
        plane[(u / long) ** 2 + (v / short) ** 2 < 1] = random.uniform(0.8, 1.1)
    return np.clip(gaussian_filter(plane * chromatin, 1.3), 0, None)


def _filaments(side: int, random: np.random.Generator) -> FloatPlane:
    """Return bundles of gently bent fibres, in about 0..1."""
    from scipy.ndimage import gaussian_filter

    plane = np.zeros((side, side))
    along = np.linspace(-0.2, 1.2, 4 * side)
    for _ in range(26):
        angle = random.normal(0.5, 0.35)
        bend, phase, shift = random.normal(0, 0.04), random.uniform(0, 6), random.uniform(-0.7, 0.7)
        across = shift + bend * np.sin(3 * along + phase)
        x = 0.5 + (along - 0.5) * np.cos(angle) - across * np.sin(angle)
        y = 0.5 + (along - 0.5) * np.sin(angle) + across * np.cos(angle)
        row, column = np.rint(y * side).astype(int), np.rint(x * side).astype(int)
        inside = (row >= 0) & (row < side) & (column >= 0) & (column < side)
        np.maximum.at(plane, (row[inside], column[inside]), random.uniform(0.4, 1.0))
    fibres = gaussian_filter(plane, 1.2)
    return fibres / fibres.max() + 0.12 * gaussian_filter(plane, side / 16) / plane.mean()


def _display(plane: npt.NDArray[np.uint16]) -> tuple[float, float]:
    low, high = np.percentile(plane, (0.5, 99.8))
    return float(low), float(high)


def _metadata(side: int, channels: tuple[Channel, ...]) -> SourceMetadata:
    from ome_types import OME, model

    instrument = model.Instrument(
        id="Instrument:0",
        microscope=model.Microscope(manufacturer="autodip", model="Synthetic widefield", type="Upright"),
        light_emitting_diodes=[model.LightEmittingDiode(id="LightSource:0", model="LED 385/550 nm")],
        detectors=[model.Detector(id="Detector:0", type="CMOS", model="Synthetic sCMOS")],
        objectives=[model.Objective(id="Objective:0", nominal_magnification=40, lens_na=0.95)],
    )
    entries = [
        model.Channel(
            id=f"Channel:0:{index}",
            name=channel.name,
            fluor=fluor,
            acquisition_mode="WideField",
            contrast_method="Fluorescence",
            excitation_wavelength=excitation,
            emission_wavelength=emission,
            detector_settings=model.DetectorSettings(id="Detector:0"),
            light_source_settings=model.LightSourceSettings(id="LightSource:0"),
        )
        for index, (channel, fluor, excitation, emission) in enumerate(
            zip(channels, ("DAPI", "Alexa Fluor 568"), (385, 550), (455, 603), strict=True)
        )
    ]
    pixels = model.Pixels(
        id="Pixels:0",
        dimension_order="XYZCT",
        type="uint16",
        size_x=side,
        size_y=side,
        size_z=1,
        size_c=2,
        size_t=1,
        physical_size_x=0.16,
        physical_size_y=0.16,
        channels=entries,
    )
    image = model.Image(
        id="Image:0",
        name="autodip sample",
        description="Synthetic sample made by autodip_ij: nuclei and actin, Poisson and correlated camera noise",
        pixels=pixels,
        instrument_ref=model.InstrumentRef(id="Instrument:0"),
        objective_settings=model.ObjectiveSettings(id="Objective:0"),
    )
    ome = OME(instruments=[instrument], images=[image])
    return SourceMetadata("array", tuple(channel.name for channel in channels), ome=ome, image_name=image.name)
