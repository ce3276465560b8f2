"""Format text for display and for files: plain characters, sentences, durations; parse names with options.

Names with options read ``gaussian sigma_px=1``: a name is followed by assignments ``key=value``. After a colon, commas
separate them, and values may contain blanks: ``dip:loss=perceptual ssim=0.2,effort=fast``. Without a colon, blanks
separate them, or commas. ``+`` joins several such texts, and ``|`` separates alternatives.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from autodip_ij.errors import BadInput

_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line and paragraph separators, bidirectional marks, and undecodable bytes of file names."""


def plain(text: str) -> str:
    r"""Return untrusted text as one line that is safe in any terminal, table or record.

    File names are bytes, and metadata may contain anything: control characters, line breaks and bidirectional marks
    are shown as escape codes.

    Examples
    --------
    >>> print(plain("a\x1b[2Jb\tc"), plain("caf\udce9"))
    a\x1b[2Jb c caf\xe9
    """
    return _UNFIT.sub(_code, text)


_LONE = re.compile("[\ud800-\udfff]")


def encodable(value: Any) -> Any:
    r"""Replace the undecodable bytes of file names in plain data by escape codes, so that it can be stored as UTF-8.

    Examples
    --------
    >>> print(encodable({"file": ["caf\udce9", 1]}))
    {'file': ['caf\\xe9', 1]}
    """
    if isinstance(value, str):
        return _LONE.sub(_code, value)
    if isinstance(value, dict):
        return {encodable(key): encodable(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(encodable, value))
    return value


def _code(found: re.Match[str]) -> str:
    number = ord(found[0])
    if found[0].isspace():
        return " "
    if 0xDC80 <= number <= 0xDCFF:  # an undecodable byte of a file name, as Python represents it
        number -= 0xDC00
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def sentences(*parts: str) -> str:
    """Join `parts` as capitalised sentences.

    Examples
    --------
    >>> sentences("microscope unknown", "", "the group all is used.")
    'Microscope unknown. The group all is used.'
    """
    return " ".join(f"{part[0].upper()}{part[1:].rstrip('.')}." for part in parts if part)


def duration(seconds: float) -> str:
    """Return a duration as text.

    Examples
    --------
    >>> duration(0.4), duration(75), duration(4000)
    ('1 s', '1 min 15 s', '1 h 7 min')
    """
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {round(whole % 3600 / 60)} min"


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
