"""Select channels, time points, slices and scenes by index or name."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from autodip_ij.errors import BadInput, nearest
from autodip_ij.images.image import Image, SourceMetadata

if TYPE_CHECKING:
    from ome_types import OME
    from ome_types.model import Pixels


_RANGE = re.compile(r"(\d+)\s*-\s*(\d+)")


def parse_indices(text: str, length: int, names: Sequence[str] = (), *, what: str = "index") -> list[int]:
    """Return the indices that `text` selects, ascending, without duplicates.

    Parameters
    ----------
    text
        Empty for all; else a list, separated by commas, of indices from 0 (``3``), ranges with both ends (``0-9``) and
        names. Names are compared exactly first, then without regard to case.
    length
        Number of things to select from.
    names
        Their names; empty names cannot be selected.
    what
        The word for one of them in messages: ``channel``, ``time point``, ``slice``.

    Raises
    ------
    autodip_ij.errors.BadInput
        If an index is out of range, or a name is unknown or not unique; the message names the nearest.

    Examples
    --------
    >>> parse_indices("0,3-4", 6), parse_indices("dapi", 2, ["GFP", "DAPI"]), parse_indices("", 3)
    ([0, 3, 4], [1], [0, 1, 2])
    """
    if not text.strip():
        return list(range(length))
    # A name may itself hold commas, so the whole text is tried first.
    whole = _by_name(text.strip(), names, what)
    if whole is not None:
        return [whole]
    chosen: set[int] = set()
    for item in (part.strip() for part in text.split(",")):
        if item:
            chosen.update(_parse_item(item, length, names, what))
    if not chosen:
        raise BadInput(f"{what} '{text}' selects nothing{_possible(length)}")
    return sorted(chosen)


def selection_text(chosen: object, what: str = "index") -> str:
    """Return a selection, in any form that Python users write it, as the text that `parse_indices` reads.

    Parameters
    ----------
    chosen
        Text; None for all; an index from 0; a `range`, a `slice` with an end, or a list of indices and names.
    what
        The word for it in messages.

    Raises
    ------
    autodip_ij.errors.BadInput
        If it is none of these, an index is negative, or nothing is selected.

    Examples
    --------
    >>> [selection_text(chosen) for chosen in (None, "DAPI", 1, slice(3), range(0, 6, 2), [0, "DAPI"])]
    ['', 'DAPI', '1', '0,1,2', '0,2,4', '0,DAPI']
    """
    if chosen is None:
        return ""
    if isinstance(chosen, str):
        return chosen
    if isinstance(chosen, slice):
        if chosen.stop is None:
            raise BadInput(f"{what}: a slice needs an end, as in slice(2, 10); how many there are is not known here")
        try:
            chosen = range(chosen.start or 0, chosen.stop, chosen.step or 1)
        except TypeError as error:
            raise BadInput(f"{what}: {chosen} has ends that are no indices; give numbers from 0") from error
    if isinstance(chosen, Iterable) and not isinstance(chosen, Mapping | bytes):
        items = [_item_text(item, what) for item in chosen]
        if not items:
            raise BadInput(f"{what}: nothing is selected; give an index or a name, or omit it for all")
        return ",".join(items)
    return _item_text(chosen, what)


def _item_text(item: object, what: str) -> str:
    """Return one index or name as text."""
    if isinstance(item, str):
        if "," in item:
            raise BadInput(f"{what}: the name '{item}' has a comma, which separates names in a list; give its index")
        return item
    if isinstance(item, bool) or not hasattr(item, "__index__"):
        raise BadInput(
            f"{what}: '{item}' is neither an index nor a name; give 0, 'DAPI', slice(0, 10), or a list of indices"
        )
    number = int(item.__index__())
    if number < 0:
        raise BadInput(f"{what}: {number} is below 0; count from 0, not from the end")
    return str(number)


def parse_scene(text: str, names: Sequence[str]) -> int:
    """Return the index of the scene that `text` (an index from 0, or a name) selects; the first if empty.

    Raises
    ------
    autodip_ij.errors.BadInput
        If there is none, or more than one; the message names the nearest.
    """
    if not text.strip():
        return 0
    chosen = parse_indices(text, len(names), names, what="scene")
    if len(chosen) > 1:
        raise BadInput(f"scene '{text}' selects {len(chosen)} scenes; give one index or name")
    return chosen[0]


def _parse_item(item: str, length: int, names: Sequence[str], what: str) -> list[int]:
    """Return the indices of one item of the list."""
    if item.isdecimal() and int(item) < length:
        return [int(item)]
    named = _by_name(item, names, what)
    if named is not None:
        return [named]
    if item.isdecimal():
        raise BadInput(f"{what} {item} is out of range{_possible(length)}")
    if match := _RANGE.fullmatch(item):
        first, last = int(match[1]), int(match[2])
        if first > last:
            raise BadInput(f"{what} range '{item}' runs backwards; did you mean '{last}-{first}'?")
        if last >= length:
            raise BadInput(f"{what} range '{item}' is out of range{_possible(length)}")
        return list(range(first, last + 1))
    hint = nearest(item, filter(None, names)) if any(names) else _possible(length)
    raise BadInput(f"unknown {what} '{item}'{hint}")


def _by_name(item: str, names: Sequence[str], what: str) -> int | None:
    """Return the index of the one name equal to `item`; None if there is none."""
    exact = [index for index, name in enumerate(names) if name and name == item]
    found = exact or [index for index, name in enumerate(names) if name and name.lower() == item.lower()]
    if len(found) > 1:
        raise BadInput(f"{what} name '{item}' is not unique; give its index ({', '.join(map(str, found))})")
    return found[0] if found else None


def _possible(length: int) -> str:
    """Return what can be selected, as the end of a message."""
    return "; the only one is 0" if length == 1 else f"; choose from 0 to {length - 1}"


def subset(image: Image, times: Sequence[int], channels: Sequence[int], slices: Sequence[int]) -> Image:
    """Reduce `image` to the given indices along T, C and Z, lazily.

    OME record, slice labels and look-up tables are reduced alike, so that what is written describes what is there;
    frame interval and slice distance are those of the chosen ones, and unknown where they are unevenly spaced. Other
    `native` metadata stay whole: groups have to be inferred before a subset is taken.

    Parameters
    ----------
    image
        The whole image.
    times, channels, slices
        Ascending indices along each axis.
    """
    if [list(times), list(channels), list(slices)] == [list(range(length)) for length in image.shape[:3]]:
        return image
    data = image.data[list(times)][:, list(channels)][:, :, list(slices)]
    names = image.metadata.channel_names
    metadata = replace(
        image.metadata,
        channel_names=tuple(names[c] for c in channels) if len(names) == image.shape[1] else names,
        ome=_subset_ome(image.metadata, times, channels, slices),
        native=_subset_native(image, times, channels, slices),
    )
    size = image.pixel_size
    return replace(
        image,
        data=data,
        channels=tuple(image.channels[c] for c in channels),
        metadata=metadata,
        pixel_size=replace(size, t=_spacing(size.t, times), z=_spacing(size.z, slices)),
    )


def _spacing(step: float | None, chosen: Sequence[int]) -> float | None:
    """Return the step between the chosen planes; None if it varies."""
    distances = {after - before for before, after in pairwise(chosen)}
    if step is None or len(distances) > 1:
        return None
    return step * distances.pop() if distances else step


def _subset_ome(
    metadata: SourceMetadata, times: Sequence[int], channels: Sequence[int], slices: Sequence[int]
) -> OME | None:
    """Return the record with the chosen channels, each described once, and the chosen planes of its image."""
    if metadata.ome is None or metadata.ome_image >= len(metadata.ome.images):
        return metadata.ome
    with warnings.catch_warnings():
        # ome-types speaks of every reference that leads nowhere; the writer drops them.
        warnings.simplefilter("ignore")
        ome = deepcopy(metadata.ome)
    pixels = ome.images[metadata.ome_image].pixels
    described = len(pixels.channels)
    if described:
        chosen = [deepcopy(pixels.channels[metadata.file_channel(c, described)]) for c in channels]
        for channel in chosen:
            channel.samples_per_pixel = 1
        pixels.channels = chosen
    _subset_planes(pixels, {"the_t": list(times), "the_c": list(channels), "the_z": list(slices)})
    pixels.size_t, pixels.size_c, pixels.size_z = len(times), len(channels), len(slices)
    pixels.tiff_data_blocks = []
    pixels.bin_data_blocks = []
    return ome


def _subset_planes(pixels: Pixels, place: Mapping[str, list[int]]) -> None:
    """Reduce the record to the chosen planes, renumbered."""
    kept = [p for p in pixels.planes if all(getattr(p, axis) in chosen for axis, chosen in place.items())]
    for plane in kept:
        for axis, chosen in place.items():
            setattr(plane, axis, chosen.index(getattr(plane, axis)))
    pixels.planes = kept


def _subset_native(
    image: Image, times: Sequence[int], channels: Sequence[int], slices: Sequence[int]
) -> Mapping[str, Any]:
    """Return the native metadata with the labels and look-up tables of the chosen planes."""
    native = dict(image.metadata.native)
    _, length_c, length_z, _, _ = image.shape
    labels, luts = native.get("labels") or [], native.get("luts") or []
    if len(labels) == image.shape[0] * length_c * length_z:
        native["labels"] = [labels[c + length_c * (z + length_z * t)] for t in times for z in slices for c in channels]
    if len(luts) == length_c:
        native["luts"] = [luts[c] for c in channels]
    return native
