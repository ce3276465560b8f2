"""Format text for display and for files: plain characters, sentences, durations."""

from __future__ import annotations

import re
from typing import Any

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
