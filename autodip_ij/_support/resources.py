"""Where the shipped tables, scripts and macros are: beside the package in a checkout, inside it once installed."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def shipped(folder: str) -> Path:
    """Return the folder `calibration`, `fiji_scripts` or `macros`.

    Parameters
    ----------
    folder
        One of the three names.

    Raises
    ------
    FileNotFoundError
        If the installation is damaged and the folder is nowhere.
    """
    installed = _PACKAGE / "_shipped" / folder
    checkout = _PACKAGE.parent / folder
    for candidate in (installed, checkout):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"{folder} is missing from this installation of autodip_ij; install it again")
