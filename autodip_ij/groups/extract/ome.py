"""OME records (OME-TIFF, OME-Zarr, OME-XML): channels, the instrument parts they refer to, annotations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from autodip_ij.groups.extract import native_facts
from autodip_ij.groups.extract.key_values import Pair, pair_facts
from autodip_ij.groups.facts import Fact, Kind, number_fact, spread, text_fact
from autodip_ij.images.reading.formats import flavour_of

if TYPE_CHECKING:
    from ome_types import OME
    from ome_types.model import Channel, Instrument

_NM = {"nm": 1.0, "µm": 1e3, "um": 1e3, "Å": 0.1, "pm": 1e-3, "mm": 1e6, "m": 1e9}
_STORED = "autodip_ij/source"  # the namespace in which `autodip_ij.images` stores the metadata of other formats
_LONGEST_DESCRIPTION = 1000  # longer ones are dumps, not sentences


def ome_facts(ome: OME, image_index: int, channels: int) -> list[Fact]:
    """Return the facts of one image of an OME record."""
    if image_index >= len(ome.images):
        return []
    if found := _facts_of_source(ome, channels):
        return found
    image = ome.images[image_index]
    instrument = _instrument(ome, image)
    described = image.pixels.channels
    where = f"OME/Image[{image_index}]"
    found = text_fact(Kind.TITLE, image.name, f"{where}/@Name")
    if len(image.description or "") <= _LONGEST_DESCRIPTION:
        found += text_fact(Kind.TITLE, image.description, f"{where}/Description")
    referred: set[str] = set()
    for index, channel in enumerate(described):
        found += _channel_facts(channel, f"{where}/Pixels/Channel[{index}]", index)
        found += _part_facts(instrument, channel, f"{where}/Pixels/Channel[{index}]", index, referred)
    found += _instrument_facts(instrument, referred)
    found += pair_facts(_annotation_pairs(ome), channels)
    samples = [max(1, channel.samples_per_pixel or 1) for channel in described]
    return _spread_samples(found, samples, channels)


def _channel_facts(channel: Channel, where: str, index: int) -> Iterator[Fact]:
    for attribute, tag in (
        ("acquisition_mode", "AcquisitionMode"),
        ("contrast_method", "ContrastMethod"),
        ("illumination_type", "IlluminationType"),
    ):
        yield from text_fact(Kind.MODE, _plain(getattr(channel, attribute)), f"{where}/@{tag}", index)
    yield from text_fact(Kind.LABEL, channel.fluor, f"{where}/@Fluor", index)
    yield from text_fact(Kind.NAME, channel.name, f"{where}/@Name", index)
    for kind, attribute, tag in (
        (Kind.EXCITATION, "excitation_wavelength", "ExcitationWavelength"),
        (Kind.EMISSION, "emission_wavelength", "EmissionWavelength"),
    ):
        scale = _NM.get(_plain(getattr(channel, f"{attribute}_unit")), 1.0)
        yield from number_fact(kind, getattr(channel, attribute), f"{where}/@{tag}", index, scale=scale)
    scale = _NM.get(_plain(channel.pinhole_size_unit), 1e3) / 1e3
    yield from number_fact(Kind.PINHOLE_UM, channel.pinhole_size, f"{where}/@PinholeSize", index, scale=scale)
    if (channel.samples_per_pixel or 1) >= 3:
        yield Fact(Kind.COLOUR, str(channel.samples_per_pixel), f"{where}/@SamplesPerPixel", index)


def _part_facts(
    instrument: Instrument | None, channel: Channel, where: str, index: int, referred: set[str]
) -> Iterator[Fact]:
    """Yield the detector and light source a channel refers to, and note their IDs in `referred`."""
    if instrument is None:
        return
    detector, light = channel.detector_settings, channel.light_source_settings
    if detector is not None:
        referred.add(detector.id)
        for part in instrument.detectors:
            if part.id == detector.id:
                for text in _part_texts(part):
                    yield from text_fact(Kind.DETECTOR, text, f"{where}/DetectorSettings -> {part.id}", index)
    if light is not None:
        referred.add(light.id)
        for part in _lights(instrument):
            if part.id == light.id:
                for text in _part_texts(part):
                    yield from text_fact(Kind.LIGHT, text, f"{where}/LightSourceSettings -> {part.id}", index)
                wavelength = light.wavelength or getattr(part, "wavelength", None)
                yield from number_fact(Kind.EXCITATION, wavelength, f"{where}/LightSourceSettings", index)


def _instrument_facts(instrument: Instrument | None, referred: set[str]) -> Iterator[Fact]:
    """Yield the microscope, and the detectors and lights of kinds that no channel refers to."""
    if instrument is None:
        return
    where = f"OME/{instrument.id}"
    if instrument.microscope is not None:
        scope = instrument.microscope
        text = " ".join(part for part in (scope.manufacturer, scope.model) if part)
        yield from text_fact(Kind.MICROSCOPE, text, f"{where}/Microscope/@Model")
    for kind, parts in ((Kind.DETECTOR, list(instrument.detectors)), (Kind.LIGHT, _lights(instrument))):
        if any(part.id in referred for part in parts):
            continue
        for part in parts:
            for text in _part_texts(part):
                yield from text_fact(kind, text, f"{where}/{part.id}")


def _part_texts(part: Any) -> Iterator[str]:
    """Yield what a detector or light source is: its class, type, medium and model."""
    name = type(part).__name__
    if name in ("Laser", "Arc", "LightEmittingDiode"):
        yield name
    yield _plain(getattr(part, "type", None))
    yield _plain(getattr(part, "laser_medium", None))
    yield part.model or ""


def _lights(instrument: Instrument) -> list[Any]:
    return [
        *instrument.lasers,
        *instrument.arcs,
        *instrument.filaments,
        *instrument.light_emitting_diodes,
        *instrument.generic_excitation_sources,
    ]


def _instrument(ome: OME, image: Any) -> Instrument | None:
    reference = image.instrument_ref.id if image.instrument_ref is not None else None
    for instrument in ome.instruments:
        if instrument.id == reference:
            return instrument
    return ome.instruments[0] if reference is None and len(ome.instruments) == 1 else None


def _facts_of_source(ome: OME, channels: int) -> list[Fact]:
    """Return the facts of the source's own metadata that autodip_ij stored when it wrote the file."""
    for annotation in ome.structured_annotations.comment_annotations if ome.structured_annotations else ():
        namespace, _, source = (annotation.namespace or "").rpartition("/")
        flavour = flavour_of(source) if namespace == _STORED else None
        if flavour is not None and flavour.facts:
            return native_facts(source, {flavour.stored or "info": annotation.value}, channels)
    return []


def _annotation_pairs(ome: OME) -> Iterator[Pair]:
    """Yield the keys and values of map annotations and of the original metadata that Bio-Formats stores."""
    annotations = ome.structured_annotations
    if not annotations:
        return
    for mapping in annotations.map_annotations:
        for entry in mapping.value.ms if mapping.value else ():
            yield Pair(entry.k or "", entry.value or "", f"OME/{mapping.id}")
    for original in annotations.xml_annotations:
        for element in original.value.any_elements if original.value else ():
            inner = [element, *_descendants(element)]
            texts = {child.qname.rpartition("}")[2]: child.text or "" for child in inner}
            if "Key" in texts:
                yield Pair(texts["Key"], texts.get("Value", ""), f"OME/{original.id}")
            for child in inner:
                for key, value in (child.attributes or {}).items():
                    yield Pair(key, str(value), f"OME/{original.id}")


def _descendants(element: Any) -> Iterator[Any]:
    for child in getattr(element, "children", ()):
        if getattr(child, "qname", None):
            yield child
            yield from _descendants(child)


def _plain(value: Any) -> str:
    """Return the text of an enumeration member or of anything else."""
    return str(getattr(value, "value", value) or "")


def _spread_samples(found: list[Fact], samples: Iterable[int], channels: int) -> list[Fact]:
    """Return facts for an image whose colour channels may be read as several."""
    counts = list(samples)
    if sum(counts) != channels or set(counts) == {1}:
        return spread(found, len(counts), channels)
    from dataclasses import replace

    starts = [sum(counts[:index]) for index in range(len(counts))]
    return [
        replace(fact, channel=None if fact.channel is None else starts[fact.channel] + sample)
        for fact in found
        for sample in range(1 if fact.channel is None else counts[fact.channel])
    ]
