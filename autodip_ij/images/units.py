"""Names of units, as programs write them and as OME does."""

from __future__ import annotations

_UNITS = {
    "\\u00b5m": "µm",
    "\u00b5m": "µm",
    "\u03bcm": "µm",
    "um": "µm",
    "micron": "µm",
    "microns": "µm",
    "micrometer": "µm",
    "micrometre": "µm",
    "nanometer": "nm",
    "angstrom": "Å",
    "a": "Å",
    "millimeter": "mm",
    "inch": "in",
    "pixels": "pixel",
    "sec": "s",
    "seconds": "s",
    "second": "s",
    "msec": "ms",
    "usec": "µs",
    "minute": "min",
    "minutes": "min",
    "hour": "h",
    "hours": "h",
    "day": "d",
}
"""Spellings of units in files of many programs, and the OME names of them."""


def unit_name(text: object) -> str:
    r"""Return the OME name of a unit as ImageJ writes it.

    Examples
    --------
    >>> [unit_name(text) for text in ("micron", "\\u00B5m", "nm", "sec", "")]
    ['µm', 'µm', 'nm', 's', 'pixel']
    """
    plain = str(text).strip()
    return _UNITS.get(plain.lower(), plain) or "pixel"
