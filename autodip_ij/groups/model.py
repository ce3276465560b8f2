"""Evidence, decisions, groups and modalities: the vocabulary of group inference."""

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
        Why the channel is not a fluorescence image (bright-field, electron microscopy, ...); None for fluorescence.
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


@dataclass(frozen=True)
class Modality:
    """An imaging technique.

    Attributes
    ----------
    phrase
        Its name in a sentence.
    counts_as
        The microscope of the calibration whose images it resembles most; None if there is none.
    fluorescence
        False for channels that show no fluorescence and are left alone.
    own_group
        True if `counts_as` is meant in full; False for techniques outside the calibration, whose nearest microscope is
        offered with low confidence.
    """

    phrase: str
    counts_as: str | None = None
    fluorescence: bool = True
    own_group: bool = False


MODALITIES: dict[str, Modality] = {
    "confocal": Modality("confocal", "confocal", own_group=True),
    "spinningdisk": Modality("spinning-disk confocal", "confocal", own_group=True),
    "twophoton": Modality("two-photon", "twophoton", own_group=True),
    "widefield": Modality("wide field", "widefield", own_group=True),
    # Families: a point detector serves confocal and two-photon alike, a camera wide field, disks, sheets and TIRF.
    "laserscanning": Modality("laser scanning", own_group=True),
    "camera": Modality("a camera", own_group=True),
    "laser": Modality("a visible laser", own_group=True),
    "fluorescence": Modality("fluorescence", own_group=True),
    # Fluorescence techniques outside the calibration.
    "tirf": Modality("TIRF", "widefield"),
    "lightsheet": Modality("light-sheet microscopy", "widefield"),
    "sim": Modality("structured illumination", "widefield"),
    "smlm": Modality("single-molecule localisation", "widefield"),
    "sted": Modality("STED", "confocal"),
    "threephoton": Modality("three-photon excitation", "twophoton"),
    "harmonic": Modality("harmonic generation", "twophoton"),
    "raman": Modality("coherent Raman scattering", None),
    "nearfield": Modality("near-field scanning", None),
    "computed": Modality("a channel computed from others", None),
    # No fluorescence.
    "brightfield": Modality("bright field", fluorescence=False),
    "transmitted": Modality("transmitted light", fluorescence=False),
    "phase": Modality("phase contrast", fluorescence=False),
    "dic": Modality("differential interference contrast", fluorescence=False),
    "oblique": Modality("oblique illumination", fluorescence=False),
    "polarized": Modality("polarised light", fluorescence=False),
    "darkfield": Modality("dark field", fluorescence=False),
    "reflection": Modality("reflected light", fluorescence=False),
    "electron": Modality("electron microscopy", fluorescence=False),
}
"""Every word, in the order of the tables in ``groups/vocabulary/README.md``."""

OUTSIDE = tuple(word for word, modality in MODALITIES.items() if modality.fluorescence and not modality.own_group)
"""Fluorescence techniques without a group of their own."""

NO_FLUORESCENCE = tuple(word for word, modality in MODALITIES.items() if not modality.fluorescence)
"""Channels that are left alone."""
