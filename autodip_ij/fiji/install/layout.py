"""Where files lie in a Fiji folder: only where Fiji's updater accepts them, so that an update site can carry them."""

from __future__ import annotations

from pathlib import PurePosixPath

LIBRARY = PurePosixPath("lib/AUTO-DIP")
"""All that is neither a menu command nor a macro: the updater takes files of every kind below ``lib``."""
SCRIPTS = PurePosixPath("scripts/Plugins/AUTO-DIP")
PLUGINS = PurePosixPath("plugins/AUTO-DIP")
"""Each macro in it becomes a menu command."""
MACROS = PurePosixPath("macros/AUTO-DIP")
MANIFEST = LIBRARY / "manifest.json"
FORMER_MANIFEST = PurePosixPath("plugins/AUTO-DIP/autodip-install.json")

_CODE = frozenset({".ijm", ".py", ".rb", ".clj", ".js", ".bsh", ".groovy", ".gvy"})
UPLOADED: dict[str, frozenset[str] | None] = {
    "jars": frozenset({".jar", ".class"}),
    "plugins": _CODE | {".jar", ".class", ".txt"},
    "scripts": _CODE | {".m"},
    "macros": frozenset({".txt", ".ijm", ".png"}),
    "luts": frozenset({".lut"}),
    "images": frozenset({".png", ".tif", ".txt", ".ico"}),
    "models": None,
    "lib": None,
    "config": None,
    "licenses": None,
}
"""Suffixes that Fiji's updater uploads from each folder, None for all (imagej-updater, ``Checksummer.directories``)."""

_PLATFORMS = frozenset(
    {
        "linux",
        "linux32",
        "win32",
        *(f"{system}{kind}" for system in ("linux", "macos", "win") for kind in ("64", "-arm64", "x")),
    }
)


def is_uploaded(path: PurePosixPath) -> bool:
    """Return whether Fiji's updater uploads a file, and installs it on every system.

    Parameters
    ----------
    path
        Path relative to the Fiji folder.

    Examples
    --------
    >>> is_uploaded(PurePosixPath("lib/AUTO-DIP/manifest.json")), is_uploaded(PurePosixPath("plugins/manifest.json"))
    (True, False)
    """
    if any(part.startswith(".") for part in path.parts) or ".old" in path.name or path.parts[0] not in UPLOADED:
        return False
    if path.parts[0] in ("lib", "jars") and len(path.parts) > 2 and path.parts[1] in _PLATFORMS:
        return False
    suffixes = UPLOADED[path.parts[0]]
    return suffixes is None or path.suffix in suffixes
