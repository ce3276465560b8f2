"""Whatever a reader raises, as one line that names the file."""

from __future__ import annotations

import re
from pathlib import Path

from autodip_ij.errors import UnreadableFile

_LONGEST_CAUSE = 160


def unreadable(path: str | Path, cause: object, where: str = "") -> UnreadableFile:
    """Return the error for a file that its reader gave up on.

    Parameters
    ----------
    path
        The file; only its name is shown.
    cause
        What the reader said; shortened to one line.
    where
        The part of the file, e.g. a plane; empty for the file itself.
    """
    # Some readers quote the bytes that they stumbled over.
    plain = re.sub(r"""b(['"]).*?\1""", "...", str(cause))
    text = " ".join(plain.split()) or type(cause).__name__
    short = text if len(text) <= _LONGEST_CAUSE else text[: _LONGEST_CAUSE - 3] + "..."
    place = f", {where}" if where else ""
    return UnreadableFile(
        f"{Path(path).name}{place}: cannot be read, the file may be damaged or incomplete ({short}); "
        "copy it again from the microscope, or open it in Fiji and save it as OME-TIFF"
    )
