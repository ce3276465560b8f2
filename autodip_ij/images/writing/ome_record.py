"""Build the OME record of a written image: its source's record, or the source's metadata as annotations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
from ome_types import OME, model
from ome_types.model import (
    AnnotationRef,
    CommentAnnotation,
    InstrumentRef,
    Map,
    MapAnnotation,
    Pixels,
    PixelType,
    Reference,
    TiffData,
    UnitsLength,
    UnitsTime,
)
from ome_types.model.simple_types import Color
from pydantic import BaseModel

from autodip_ij._version import __version__
from autodip_ij.images.image import SourceMetadata
from autodip_ij.images.reading.formats import flavour_of
from autodip_ij.images.reading.ome_xml import DISPLAY_NAMESPACE

if TYPE_CHECKING:
    from ome_types.model.simple_types import AnnotationID

    from autodip_ij.images.image import Image, PixelSize


NATIVE_NAMESPACE = "autodip_ij/source"
"""Namespaces of the annotations are this and the format, e.g. ``autodip_ij/source/lif``."""


_PLACEHOLDER: AnnotationID = "Annotation:0"


def native_annotations(metadata: SourceMetadata) -> list[Any]:
    """Return annotations that preserve the metadata of the source: texts unchanged, tables as maps of dotted names.

    Parameters
    ----------
    metadata
        Of a format whose reader gives no OME record (`SourceMetadata.native` says what each has).

    Returns
    -------
    list
        OME annotations; their ids are the caller's to give.
    """
    native, namespace = metadata.native, f"{NATIVE_NAMESPACE}/{metadata.format}"
    flavour = flavour_of(metadata.format)
    if flavour is None or not flavour.stored or not native:
        return []
    if flavour.stored == "table":
        pairs = [Map.M(k=key, value=value) for key, value in _flat(native).items()]
        return [MapAnnotation(id=_PLACEHOLDER, namespace=namespace, value=Map(ms=pairs))]
    text = str(native.get(flavour.stored) or "")
    return [CommentAnnotation(id=_PLACEHOLDER, namespace=namespace, value=text)] if text else []


def _flat(value: Any, prefix: str = "") -> dict[str, str]:
    """Return nested tables as one, names joined by dots."""
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list):
        items = {str(i): item for i, item in enumerate(value)}.items()
    else:
        return {prefix: str(value)}
    found: dict[str, str] = {}
    for key, item in items:
        found.update(_flat(item, f"{prefix}.{key}".lstrip(".")))
    return found


_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def clean_text(text: str) -> str:
    r"""Remove control characters and lone surrogates, which neither XML nor a terminal accepts.

    Examples
    --------
    >>> clean_text("DA\x07PI \x1b[1mbold\udcff\n")
    'DAPI [1mbold\n'
    """
    return _FORBIDDEN.sub("", text)


def clean_texts(ome: OME) -> None:
    """Clean every text of a record, in place."""
    for entry in _models(ome):
        for name in type(entry).model_fields:
            value = getattr(entry, name)
            if type(value) is str and _FORBIDDEN.search(value):
                setattr(entry, name, clean_text(value))


def drop_dangling_references(ome: OME) -> None:
    """Remove every reference, and settings of an instrument part, whose target is not in the record.

    Readers leave such references (the style sheets for CZI refer to light sources that they do not describe), and
    taking one image out of several leaves more. Programs that follow them fail.
    """
    known = {entry.id for entry in _models(ome) if not isinstance(entry, Reference) and hasattr(entry, "id")}
    for entry in list(_models(ome)):
        for name in type(entry).model_fields:
            value = getattr(entry, name)
            if _dangles(value, known):
                setattr(entry, name, None)
            elif isinstance(value, list) and any(_dangles(item, known) for item in value):
                setattr(entry, name, [item for item in value if not _dangles(item, known)])


def _dangles(value: Any, known: set[str]) -> bool:
    return isinstance(value, Reference) and value.id not in known


def _models(model: BaseModel) -> Iterator[Any]:
    """Yield a model and every model inside it."""
    yield model
    for name in type(model).model_fields:
        value = getattr(model, name)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, BaseModel):
                yield from _models(item)


PROVENANCE_NAMESPACE = "autodip_ij/provenance"

_TYPES = {"bool": "bit", "float32": "float", "float64": "double"}
"""OME names of numpy types, where they differ."""


def make_ome(image: Image, dtype: np.dtype[Any], provenance: str = "") -> OME:
    """Return a valid OME record of one image, its planes in the order Z, C, T.

    Parameters
    ----------
    image
        What is written. Its own names, colours and sizes go before those of the record of its source, from which
        instrument, objective, channel acquisition, plane positions and annotations are taken over.
    dtype
        Data type that is written.
    provenance
        Text about how the image was made; becomes a comment annotation of the image.
    """
    ome, record, before = _start(image)
    record.id = "Image:0"
    record.name = image.name
    record.pixels = Pixels(
        id="Pixels:0",
        dimension_order="XYZCT",
        type=PixelType(_TYPES.get(dtype.name, dtype.name)),
        significant_bits=before.significant_bits if before and before.type.value == dtype.name else None,
        size_t=image.shape[0],
        size_c=image.shape[1],
        size_z=image.shape[2],
        size_y=image.shape[3],
        size_x=image.shape[4],
        channels=_channels(image, before),
        planes=_planes(image, before),
        tiff_data_blocks=[TiffData(ifd=0, plane_count=int(np.prod(image.shape[:3])))],
        **_sizes(image.pixel_size),
    )
    _annotate(ome, record, image, provenance)
    drop_dangling_references(ome)
    clean_texts(ome)
    return ome


def _start(image: Image) -> tuple[OME, model.Image, Pixels | None]:
    """Return a record with the one image that is written, that image, and the pixels that its source describes."""
    creator = f"autodip_ij {__version__}"
    source, position = image.metadata.ome, image.metadata.ome_image
    if source is None or position >= len(source.images):
        ome = OME(creator=creator)
        record = model.Image(id="Image:0", pixels=_empty_pixels())
        ome.images.append(record)
        return ome, record, None
    # Plates, datasets and the like tie together images that are not written.
    kept = ("experiments", "experimenters", "experimenter_groups", "instruments", "structured_annotations", "rights")
    ome = OME(creator=creator)
    for name in kept:
        setattr(ome, name, deepcopy(getattr(source, name)))
    record = deepcopy(source.images[position])
    wanted = {reference.id for reference in record.roi_refs}
    ome.rois = [deepcopy(roi) for roi in source.rois if roi.id in wanted]
    ome.images.append(record)
    if record.instrument_ref is None and len(ome.instruments) == 1:
        record.instrument_ref = InstrumentRef(id=ome.instruments[0].id)
    return ome, record, record.pixels


def _empty_pixels() -> Pixels:
    """Return placeholder pixels."""
    return Pixels(
        id="Pixels:0", dimension_order="XYZCT", type="uint8", size_t=1, size_c=1, size_z=1, size_y=1, size_x=1
    )


def _channels(image: Image, before: Pixels | None) -> list[model.Channel]:
    """Return one channel each, with the acquisition facts of the channel of the source it comes from."""
    known = list(before.channels) if before else []
    channels = []
    for c, entry in enumerate(image.channels):
        if known:
            channel = known[image.metadata.file_channel(c, len(known))].model_copy(deep=True)
        else:
            channel = model.Channel(id=f"Channel:0:{c}")
        channel.id = f"Channel:0:{c}"
        channel.name = entry.name or None
        channel.samples_per_pixel = 1
        if entry.color is not None:
            channel.color = Color(entry.color)
        channels.append(channel)
    return channels


def _planes(image: Image, before: Pixels | None) -> list[Any]:
    """Return times, positions and exposures of the planes, if the source has the same channels."""
    if before is None or len(before.channels) != image.shape[1]:
        return []
    length_t, length_c, length_z = image.shape[:3]
    kept = [plane for plane in before.planes if plane.the_t < length_t and plane.the_c < length_c]
    return [plane.model_copy(deep=True) for plane in kept if plane.the_z < length_z]


def _sizes(size: PixelSize) -> dict[str, Any]:
    """Return the physical sizes, as far as known and positive, with their units."""
    found: dict[str, Any] = {}
    units = {unit.value: unit for unit in UnitsLength}
    for axis in "xyz":
        value = getattr(size, axis)
        if value is not None and value > 0 and size.unit in units:
            found[f"physical_size_{axis}"] = value
            found[f"physical_size_{axis}_unit"] = units[size.unit]
    times = {unit.value: unit for unit in UnitsTime}
    if size.t is not None and size.t > 0 and size.time_unit in times:
        found["time_increment"] = size.t
        found["time_increment_unit"] = times[size.time_unit]
    return found


def _annotate(ome: OME, record: model.Image, image: Image, provenance: str) -> None:
    """Add display ranges, provenance, and the metadata of formats that have no OME record."""
    annotations = ome.structured_annotations or model.StructuredAnnotations()
    # What an earlier write put in would contradict what this one does.
    own = {entry.id for entry in annotations if entry.namespace in (PROVENANCE_NAMESPACE, DISPLAY_NAMESPACE)}
    for entry in [entry for entry in annotations if entry.id in own]:
        annotations.remove(entry)
    new: list[Any] = []
    ranges = {str(c): entry.display_range for c, entry in enumerate(image.channels) if entry.display_range}
    if ranges:
        pairs = [Map.M(k=key, value=f"{low!r} {high!r}") for key, (low, high) in ranges.items()]
        new.append(MapAnnotation(id="Annotation:0", namespace=DISPLAY_NAMESPACE, value=Map(ms=pairs)))
    if provenance:
        new.append(CommentAnnotation(id="Annotation:0", namespace=PROVENANCE_NAMESPACE, value=provenance))
    if image.metadata.ome is None:
        new.extend(native_annotations(image.metadata))
    taken = {entry.id for entry in annotations}
    free = (name for number in count() if (name := f"Annotation:{number}") not in taken)
    for entry, name in zip(new, free, strict=False):
        entry.id = name
        annotations.append(entry)
        record.annotation_refs.append(AnnotationRef(id=name))
    ome.structured_annotations = annotations
