"""The words evidence on the microscope axis may speak for, and what each counts as."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Modality:
    """One way of taking an image.

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
"""Every word, in the order it is explained in ``docs/groups.md``."""

OUTSIDE = tuple(word for word, modality in MODALITIES.items() if modality.fluorescence and not modality.own_group)
"""Fluorescence techniques without a group of their own."""

NO_FLUORESCENCE = tuple(word for word, modality in MODALITIES.items() if not modality.fluorescence)
"""Channels that are left alone."""
