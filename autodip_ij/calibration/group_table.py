"""The entry of a group in a calibration's table, and the words for it."""

from __future__ import annotations

from autodip_ij.calibration.model import Calibration, Choice
from autodip_ij.errors import BadInput
from autodip_ij.groups.model import group_name

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
        If there is no wider group either.
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
    """Return what is known of an image, in words."""
    if microscope and specimen:
        return "microscope and specimen are known"
    if microscope:
        return f"only the microscope is known ({in_words(microscope)})"
    if specimen:
        return f"only the specimen is known ({in_words(specimen)})"
    return "neither microscope nor specimen is known"


def table_entry(calibration: Calibration, group: str, wanted: str) -> str:
    """Return the words for taking the entry of `group` where `wanted` was looked for."""
    instead = "" if group == wanted else f" (it has none for {wanted})"
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
