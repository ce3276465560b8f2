"""Which channels, time points, slices and scenes a text means."""

from __future__ import annotations

import re
from collections.abc import Sequence

from autodip_ij.errors import BadInput, nearest

_RANGE = re.compile(r"(\d+)\s*-\s*(\d+)")


def parse_indices(text: str, length: int, names: Sequence[str] = (), *, what: str = "index") -> list[int]:
    """Return the indices that `text` selects, ascending and each once.

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


def parse_scene(text: str, names: Sequence[str]) -> int:
    """Return the index of the scene that `text` (an index from 0, or a name) means; the first if empty.

    Raises
    ------
    autodip_ij.errors.BadInput
        If there is none, or more than one; the message names the nearest.
    """
    if not text.strip():
        return 0
    chosen = parse_indices(text, len(names), names, what="scene")
    if len(chosen) > 1:
        raise BadInput(f"scene '{text}' means {len(chosen)} scenes; give one index or name")
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
    """Return the index of the one name equal to `item`; None where there is none."""
    exact = [index for index, name in enumerate(names) if name and name == item]
    found = exact or [index for index, name in enumerate(names) if name and name.lower() == item.lower()]
    if len(found) > 1:
        raise BadInput(f"{what} name '{item}' is not unique; give its index ({', '.join(map(str, found))})")
    return found[0] if found else None


def _possible(length: int) -> str:
    """Return what can be selected, as the end of a message."""
    return "; the only one is 0" if length == 1 else f"; choose from 0 to {length - 1}"
