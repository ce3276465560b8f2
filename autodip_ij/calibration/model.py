"""A calibration, the entry of a group in it, and a choice: which parameters, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autodip_ij.calibration.parameters import Parameters
from autodip_ij.errors import BadInput
from autodip_ij.groups.model import group_name

if TYPE_CHECKING:
    from autodip_ij.calibration.pack.files import Descriptor
    from autodip_ij.noise.plane import NoisyPlane


@dataclass(frozen=True)
class CalibrationImage:
    """One image that a calibration was made from, with the parameters that were best for it alone.

    Attributes
    ----------
    name
        Name within the calibration.
    microscope, specimen
        Its group; None where the groups do not cover it.
    parameters
        Best parameters by effort; the effort is None where the calibration knows none.
    read
        Reads the noisy image (Y, X), float32, in its own grey values; None where the image is not shipped.
    descriptor
        What is known of it without its pixels; None where it was not measured.
    noise
        ``white`` or ``correlated``; empty where it was not measured.
    """

    name: str
    microscope: str | None
    specimen: str | None
    parameters: Mapping[str | None, Parameters]
    read: Callable[[], npt.NDArray[np.float32]] | None = None
    descriptor: Descriptor | None = None
    noise: str = ""

    @property
    def group(self) -> str:
        """Group name, ``confocal/actin``."""
        return group_name(self.microscope, self.specimen)


@dataclass(frozen=True)
class Calibration:
    """A table group -> parameters, and where it came from.

    Attributes
    ----------
    name
        ``paper``, ``autodip``, or the name of a user's pack.
    criterion
        What "best" meant in the search, e.g. ``lpips_psnr``.
    source
        Where the figures come from, in words.
    table
        Parameters by group name and effort; the effort is None where the calibration knows none.
    images
        The images it was made from, for the strategies that compare images; empty if unknown.
    noise_tables
        Tables from images of one kind of noise, ``white`` or ``correlated``; see `for_noise`.
    side_px
        Side of the images it was made from, for which its iteration counts hold; None if not given.
    original_dip
        Best iteration count of the original network (depth 5, width 128, skip 4) by group, where it was measured.
    noise
        Kind of noise that the table is restricted to; empty for none.
    """

    name: str
    criterion: str
    source: str
    table: Mapping[tuple[str, str | None], Parameters]
    images: tuple[CalibrationImage, ...] = ()
    noise_tables: Mapping[str, Mapping[tuple[str, str | None], Parameters]] = field(default_factory=dict)
    side_px: int | None = None
    original_dip: Mapping[str, int] = field(default_factory=dict)
    noise: str = ""

    @property
    def knows_effort(self) -> bool:
        """Whether the table differs by effort."""
        return any(effort is not None for _, effort in self.table)

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups it has parameters for, in the order of the table."""
        return tuple(dict.fromkeys(group for group, _ in self.table))

    def for_noise(self, kind: str | None) -> Calibration:
        """Return the calibration as its images of one kind of noise alone give it; itself if it has none of them.

        What suits a fit depends on whether neighbouring pixels share noise more than on the specimen: a group may hold
        both, of cameras of different make.
        """
        if kind is None or kind not in self.noise_tables:
            return self
        images = tuple(image for image in self.images if image.noise == kind)
        return replace(self, table=self.noise_tables[kind], images=images, noise_tables={}, noise=kind)

    def parameters(self, group: str, effort: str | None = None) -> Parameters | None:
        """Return the parameters of a group, or None if it has none; `effort` counts only where it is known."""
        return self.table.get((group, (effort or "standard") if self.knows_effort else None))


@dataclass(frozen=True)
class Choice:
    """Parameters chosen for one channel.

    Attributes
    ----------
    parameters
        What the fit will use.
    calibration
        Name of the calibration.
    group
        Group whose entry was used, or the group of the nearest calibration image.
    strategy
        A name of `autodip_ij.calibration.strategies.STRATEGIES`, or ``user``.
    reason
        One sentence for the report.
    details
        Strategy's own facts (distances, nearest images), JSON-like.
    noisy
        The plane whose noise was estimated for the choice, so that a run that fits this very plane need not estimate
        it again; None if the noise did not matter.
    """

    parameters: Parameters
    calibration: str
    group: str
    strategy: str
    reason: str
    details: Mapping[str, Any] = field(default_factory=dict)
    noisy: NoisyPlane | None = field(default=None, compare=False, repr=False)


_IN_WORDS = {
    "twophoton": "two-photon",
    "nucleus": "nuclei",
    "mito": "mitochondria",
}


def from_group(
    calibration: Calibration, microscope: str | None, specimen: str | None, effort: str | None = None
) -> Choice:
    """Return the parameters of a group; of the next wider group where the calibration has none for it.

    Raises
    ------
    autodip_ij.errors.BadInput
        If there is no entry for a wider group either.
    """
    wanted = group_name(microscope, specimen)
    for group in dict.fromkeys((wanted, group_name(microscope, None), group_name(None, specimen), "all")):
        parameters = calibration.parameters(group, effort)
        if parameters is not None:
            reason = f"{what_is_known(microscope, specimen)}, so {table_entry(calibration, group, wanted)}"
            return Choice(parameters, calibration.name, group, "group", reason)
    raise BadInput(
        f"calibration '{calibration.name}' has no parameters for {wanted} or a wider group, only for "
        f"{', '.join(calibration.groups)}; name one of these with --group"
    )


def what_is_known(microscope: str | None, specimen: str | None) -> str:
    """Return what is known of an image, as text."""
    if microscope and specimen:
        return "microscope and specimen are known"
    if microscope:
        return f"only the microscope is known ({in_words(microscope)})"
    if specimen:
        return f"only the specimen is known ({in_words(specimen)})"
    return "neither microscope nor specimen is known"


def table_entry(calibration: Calibration, group: str, wanted: str) -> str:
    """Return the words for using the entry of `group` in place of that of `wanted`."""
    with_noise = " with such noise" if calibration.noise else ""
    instead = "" if group == wanted else f" (it has none for {wanted}{with_noise})"
    what = "the parameters for all images" if group == "all" else f"the parameters of the group {group}"
    return f"{what} in calibration '{calibration.name}'{instead} are used"


def in_words(name: str) -> str:
    """Return the name of a microscope, specimen or parameter as a microscopist writes it.

    Examples
    --------
    >>> in_words("input_noise"), in_words("twophoton")
    ('input noise', 'two-photon')
    """
    return _IN_WORDS.get(name, name.replace("_", " "))
