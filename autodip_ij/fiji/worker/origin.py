"""Infer the groups of an open image from its source; runs in the worker, without Java.

The best metadata available are used: the file itself, if it still exists; else the OME record that Bio-Formats or an
OME-TIFF left with the image; else the Info text, to which Bio-Formats writes the original metadata.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from autodip_ij.errors import AutodipError
from autodip_ij.groups.model import GroupDecision
from autodip_ij.images.image import SourceMetadata
from autodip_ij.progress import Progress
from autodip_ij.settings import DenoiseSettings

_CHANNEL_LABEL = re.compile(r"\bc:(\d+)/(\d+)")


@dataclass(frozen=True)
class Origin:
    """What an open image reveals about its source.

    Attributes
    ----------
    title
        Title of the image.
    paths
        Files from which it may have been opened, most likely first.
    info
        Its Info text, without records of earlier runs.
    ome_xml
        OME record stored with it; empty if none.
    labels
        Slice labels.
    channel_labels
        Label of the first plane of each channel; empty where it has none.
    series
        Index of the scene in the file, as Bio-Formats counts; None if unknown.
    """

    title: str = ""
    paths: tuple[str, ...] = ()
    info: str = ""
    ome_xml: str = ""
    labels: tuple[str, ...] = ()
    channel_labels: tuple[str, ...] = field(default=("",))
    series: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the values for a message to the worker."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Origin:
        """Undo `to_json`."""
        lists = {key: tuple(value) for key, value in values.items() if isinstance(value, list)}
        return cls(**{**values, **lists})

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Names of the channels, from labels such as ``DAPI`` or Bio-Formats' ``c:1/2 - DAPI``; empty if unknown."""
        names = [_CHANNEL_LABEL.sub("", label).strip(" -;") for label in self.channel_labels]
        return tuple(names) if len(set(names)) == len(names) else ("",) * len(names)


@dataclass(frozen=True)
class Found:
    """Group decisions of an open image, one per channel, and a description of their source."""

    decisions: tuple[GroupDecision, ...]
    metadata: SourceMetadata
    basis: str


def decide(origin: Origin, settings: DenoiseSettings, progress: Progress) -> Found:
    """Infer the groups of an open image from the best metadata available; a group chosen by the user takes precedence.

    Parameters
    ----------
    origin
        What is known about the image.
    settings
        ``group`` and ``vocabulary`` are used.
    progress
        Progress reporter; receives the reason if a source cannot be used.
    """
    from autodip_ij.denoising.channels import with_given_group
    from autodip_ij.groups import infer_groups, load_vocabulary

    vocabulary = load_vocabulary(settings.vocabulary or None)
    best: Found | None = None
    for metadata, basis in _sources(origin, progress):
        inferred = infer_groups(metadata, vocabulary)
        decisions = match_channels(inferred, origin)
        found = Found(tuple(with_given_group(decisions, settings)), metadata, basis)
        # A weaker source must not overrule the file in the assignment of channels.
        if any(d.microscope or d.specimen or d.leave_alone for d in inferred):
            return found
        best = best or found
    assert best is not None  # the last source always exists
    return best


def _sources(origin: Origin, progress: Progress) -> Iterator[tuple[SourceMetadata, str]]:
    """Yield metadata and a description of their source, best first."""
    for path in origin.paths:
        yield from _from_file(Path(path), origin, progress)
    yield from _from_ome(origin, progress)
    native = {"info": origin.info, "labels": list(origin.labels)}
    given = origin.info or any(origin.labels)
    basis = "the Info text and the labels of the image" if given else "nothing: it has no file, Info or labels"
    # A window can have any title; the name of a file was chosen by whoever acquired the image.
    file = Path(origin.paths[0]).name if origin.paths else None
    title = None if file else origin.title or None
    yield SourceMetadata("imagej", origin.channel_names, native=native, image_name=title, file_name=file), basis


def _from_file(path: Path, origin: Origin, progress: Progress) -> Iterator[tuple[SourceMetadata, str]]:
    from autodip_ij.images import open_image, scene_names
    from autodip_ij.images.reading.recognition import is_readable_path

    if not path.exists() or not is_readable_path(path):
        return
    try:
        scene = _scene(origin, scene_names(path))
        yield open_image(path, scene).metadata, f"the file {path}"
    except AutodipError as error:
        progress.log(f"{path.name} cannot be read again for its metadata: {error}")
    except Exception as error:  # a failing reader must not prevent an open image from being denoised
        progress.log(f"{path.name} cannot be read again for its metadata: {type(error).__name__}: {error}")


def _scene(origin: Origin, names: Sequence[str]) -> str:
    """Return the scene of an image: by Bio-Formats' index, or by the name at the end of the title."""
    if origin.series is not None and origin.series < len(names):
        return str(origin.series)
    ending = origin.title.rpartition(" - ")[2]
    return str(list(names).index(ending)) if ending in names else ""


def _from_ome(origin: Origin, progress: Progress) -> Iterator[tuple[SourceMetadata, str]]:
    if not origin.ome_xml:
        return
    try:
        from ome_types import from_xml

        ome = from_xml(origin.ome_xml)
    except Exception as error:  # ome-types raises whatever its XML and validation libraries raise
        progress.log(f"the OME record of the image is damaged: {(str(error).splitlines() or [''])[0]}")
        return
    index = origin.series if origin.series is not None and origin.series < len(ome.images) else 0
    if not ome.images:
        return
    image = ome.images[index]
    names = tuple(channel.name or "" for channel in image.pixels.channels)
    native = {"info": origin.info, "labels": list(origin.labels)}
    yield (
        SourceMetadata("ome-xml", names, ome=ome, ome_image=index, native=native, image_name=image.name),
        "the OME record that came with the image",
    )


def match_channels(decisions: Sequence[GroupDecision], origin: Origin) -> tuple[GroupDecision, ...]:
    """Match the decisions of a file to the channels of the image, of which there may be more or fewer.

    Where neither labels (``c:2/3``) nor names identify a channel, only what all channels of the file share is used.
    """
    count = len(origin.channel_labels)
    if len(decisions) == count:
        chosen = list(decisions)
    else:
        chosen = [
            _match(decisions, label, name)
            for label, name in zip(origin.channel_labels, origin.channel_names, strict=True)
        ]
    return tuple(
        replace(decision, index=index, name=decision.name or origin.channel_names[index])
        for index, decision in enumerate(chosen)
    )


def _match(decisions: Sequence[GroupDecision], label: str, name: str) -> GroupDecision:
    place = _CHANNEL_LABEL.search(label)
    if place and int(place[2]) == len(decisions) >= int(place[1]) > 0:
        return decisions[int(place[1]) - 1]
    named = [decision for decision in decisions if name and decision.name.lower() == name.lower()]
    if len(named) == 1:
        return named[0]
    return _shared(decisions, name)


def _shared(decisions: Sequence[GroupDecision], name: str) -> GroupDecision:
    microscopes = {decision.microscope for decision in decisions}
    specimens = {decision.specimen for decision in decisions}
    microscope = microscopes.pop() if len(microscopes) == 1 else None
    specimen = specimens.pop() if len(specimens) == 1 else None
    known = bool(microscope or specimen)
    return GroupDecision(
        index=0,
        name=name,
        microscope=microscope,
        specimen=specimen,
        confidence=min((decision.confidence for decision in decisions), default=0.0) if known else 0.0,
        evidence=decisions[0].evidence if len(decisions) == 1 else (),
        reason=f"the source has {len(decisions)} channels, and this one cannot be identified; "
        + ("what they have in common is used" if known else "they have nothing in common"),
    )
