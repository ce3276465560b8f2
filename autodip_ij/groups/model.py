"""Evidence, decision, group: the words of group inference."""

from __future__ import annotations

from dataclasses import dataclass

MICROSCOPES = ("confocal", "twophoton", "widefield")
SPECIMENS = ("nucleus", "actin", "mito")


@dataclass(frozen=True)
class Evidence:
    """One metadata fact and what it speaks for.

    Attributes
    ----------
    source
        Where in the metadata it stands, e.g. ``OME/Image[0]/Pixels/Channel[1]/@AcquisitionMode``.
    value
        The value found there, as text.
    speaks_for
        A microscope, a specimen, or something outside the groups (``brightfield``, ``electron``, ``lightsheet``,
        another structure, ...).
    weight
        Strength: 1 for the file stating it outright, about 0.5 for a strong hint, 0.1 for a weak one; negative speaks
        against; 0 for a row that repeats another or is overruled.
    axis
        ``microscope`` or ``specimen``.
    """

    source: str
    value: str
    speaks_for: str
    weight: float
    axis: str


@dataclass(frozen=True)
class GroupDecision:
    """What one channel shows, decided from its evidence.

    Attributes
    ----------
    index
        Channel index.
    name
        Channel name as in the file.
    microscope
        One of `MICROSCOPES`, or None when unknown.
    specimen
        One of `SPECIMENS`, or None when unknown.
    confidence
        0..1; of the weaker of the known axes, 0 if nothing is known.
    evidence
        Every row found, strongest first.
    reason
        One sentence: why this, or why unknown (missing or conflicting evidence).
    leave_alone
        Why the channel is no fluorescence image (bright-field, electron microscopy, ...); None for fluorescence.
    """

    index: int
    name: str
    microscope: str | None
    specimen: str | None
    confidence: float
    evidence: tuple[Evidence, ...] = ()
    reason: str = ""
    leave_alone: str | None = None

    @property
    def group(self) -> str:
        """Group name: ``confocal/actin``, ``confocal``, ``actin`` or ``all``."""
        return group_name(self.microscope, self.specimen)


def group_name(microscope: str | None, specimen: str | None) -> str:
    """Return the name of the group of a microscope and a specimen, either of which may be unknown.

    Examples
    --------
    >>> group_name("confocal", "actin"), group_name(None, "mito"), group_name(None, None)
    ('confocal/actin', 'mito', 'all')
    """
    return "/".join(part for part in (microscope, specimen) if part) or "all"


def split_group(group: str) -> tuple[str | None, str | None]:
    """Return (microscope, specimen) of a group name; the inverse of `group_name`.

    Raises
    ------
    autodip_ij.errors.BadInput
        If it is none of the 16 groups; the message names the nearest.

    Examples
    --------
    >>> split_group("widefield/nucleus"), split_group("actin"), split_group("all")
    (('widefield', 'nucleus'), (None, 'actin'), (None, None))
    """
    from autodip_ij.errors import BadInput, nearest

    text = group.strip().lower().replace("+", "/").replace("_", "/").replace("two-photon", "twophoton")
    for microscope in (*MICROSCOPES, None):
        for specimen in (*SPECIMENS, None):
            if text in (group_name(microscope, specimen), group_name(specimen, microscope)):
                return microscope, specimen
    raise BadInput(f"unknown group '{group}'{nearest(text, group_names())}")


def group_names() -> list[str]:
    """Return the 15 + 1 groups of the paper, most specific first."""
    both = [group_name(m, s) for m in MICROSCOPES for s in SPECIMENS]
    return [*both, *MICROSCOPES, *SPECIMENS, "all"]
