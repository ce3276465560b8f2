"""Facts in words."""

from __future__ import annotations


def sentences(*parts: str) -> str:
    """Return `parts` as sentences, one after the other.

    Examples
    --------
    >>> sentences("microscope unknown", "", "the group all is used.")
    'Microscope unknown. The group all is used.'
    """
    return " ".join(f"{part[0].upper()}{part[1:].rstrip('.')}." for part in parts if part)


def duration(seconds: float) -> str:
    """Return a time in words.

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
