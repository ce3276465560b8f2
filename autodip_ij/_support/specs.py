"""Parse texts that name something with options: ``gaussian sigma_px=1``.

A name is followed by assignments ``key=value``. After a colon, commas separate them, and values may contain blanks:
``dip:loss=perceptual ssim=0.2,effort=fast``. Without a colon, blanks separate them, or commas. ``+`` joins several
such texts, and ``|`` separates alternatives.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from autodip_ij.errors import BadInput

_NAME = re.compile(r"[\s,]*([^\s:,=]*)\s*(:?)(.*)", re.DOTALL)


@dataclass(frozen=True)
class Spec:
    """A name and its options, as texts.

    Attributes
    ----------
    name
        The name.
    options
        Values by key, in the order given; the last value if a key is repeated.
    """

    name: str
    options: dict[str, str] = field(default_factory=dict)


def parse_spec(text: str, example: str) -> Spec:
    """Parse ``name``, ``name key=value key=value`` or ``name:key=value,key=value``.

    Parameters
    ----------
    text
        The text; if empty, the name is empty.
    example
        A valid text of this kind, for the message.

    Raises
    ------
    autodip_ij.errors.BadInput
        For a word that is not of the form name=value.

    Examples
    --------
    >>> parse_spec("gaussian sigma_px=1", "nlm")
    Spec(name='gaussian', options={'sigma_px': '1'})
    >>> parse_spec("dip:loss=perceptual ssim=0.2,effort=fast", "nlm").options
    {'loss': 'perceptual ssim=0.2', 'effort': 'fast'}
    """
    found = _NAME.fullmatch(text)
    assert found is not None  # every text matches
    name, colon, rest = found.groups()
    items = rest.split(",") if colon else rest.replace(",", " ").split()
    options: dict[str, str] = {}
    for item in filter(None, map(str.strip, items)):
        key, _, value = (part.strip() for part in item.partition("="))
        if not key or not value:
            raise BadInput(f"'{text.strip()}': '{item}' is not of the form name=value, as in '{example}'")
        options[key] = value
    return Spec(name, options)


def parse_sum(text: str, example: str) -> tuple[Spec, ...]:
    """Parse texts joined by ``+``; return an empty tuple for an empty text.

    Raises
    ------
    autodip_ij.errors.BadInput
        As `parse_spec`.

    Examples
    --------
    >>> [spec.name for spec in parse_sum("nlm + gaussian sigma_px=1", "nlm")]
    ['nlm', 'gaussian']
    """
    return tuple(parse_spec(part, example) for part in text.split("+")) if text.strip() else ()


def alternatives(text: str, example: str) -> tuple[str, ...]:
    """Split a text at ``|``; return an empty tuple for an empty text.

    Raises
    ------
    autodip_ij.errors.BadInput
        If one of several is empty.

    Examples
    --------
    >>> alternatives("nlm + median | gaussian", "nlm | gaussian")
    ('nlm + median', 'gaussian')
    """
    found = tuple(part.strip() for part in text.split("|")) if text.strip() else ()
    if not all(found):
        raise BadInput(f"'{text}' has an empty alternative beside a |; complete it, as in '{example}'")
    return found


def value_of(text: str) -> bool | int | float | str:
    """Convert a text to the boolean, integer or float that it spells, else return it unchanged.

    Examples
    --------
    >>> [value_of(text) for text in ("true", "3", "0.5", "nlm")]
    [True, 3, 0.5, 'nlm']
    """
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
