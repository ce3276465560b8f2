"""The Python environment that Fiji builds for its worker: descriptions for uv and pixi.

The Fiji command *AUTO-DIP Set Up...* hands one of the descriptions to Appose, which runs uv or pixi. It copies the
wheel into the folder of the environment first: the descriptions name it without a folder, so that no path is quoted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePosixPath

from autodip_ij._version import __version__
from autodip_ij.fiji.install.layout import LIBRARY

PYTHON = ">=3.11.1,<3.14"
"""Versions of Python for which every package has wheels (ome-zarr excludes 3.11.0); uv downloads one if need be."""
OFFLINE = "offline"
_INDEX = "https://download.pytorch.org/whl"


@dataclass(frozen=True)
class Variant:
    """One kind of environment.

    Attributes
    ----------
    torch
        Folder of PyTorch's own index from which torch comes; empty for the general index.
    systems
        Values of ``sys_platform`` for which it comes from there.
    platforms
        Names that conda uses for the platforms of this variant.
    download_gb, disk_gb
        What is downloaded and what it takes on disk, in GB.
    minutes
        Time of a build over a line of 100 MBit/s, roughly.
    """

    torch: str
    systems: tuple[str, ...]
    platforms: tuple[str, ...]
    download_gb: float
    disk_gb: float
    minutes: int


VARIANTS = {
    "cpu": Variant("cpu", ("linux",), ("linux-64", "win-64"), 0.5, 1.8, 3),
    "cuda": Variant("cu128", ("linux", "win32"), ("linux-64", "win-64"), 3.2, 6.5, 8),
    "macos": Variant("", (), ("osx-arm64",), 0.4, 1.2, 3),
}
"""PyTorch's packages for Windows and macOS in the general index need no CUDA; those for Linux do."""


def uv_project(variant: Variant, wheel: str) -> str:
    """Return the ``pyproject.toml`` for uv.

    The index of PyTorch is *explicit*: torch comes from there, and nothing else.
    """
    torch = _sources(variant)
    # uv resolves for every system at once, unless told for which.
    systems = "".join(f"    \"sys_platform == '{system}'\",\n" for system in ("linux", "win32"))
    environments = f"environments = [\n{systems}]\n" if torch else ""
    index = f'\n[[tool.uv.index]]\nname = "pytorch"\nurl = "{_INDEX}/{variant.torch}"\nexplicit = true\n'
    direct = ', "torch", "torchvision"' if torch else ""
    return f"""\
# The environment of AUTO-DIP's worker for uv. Set Up in Fiji copies it; changes here are lost by an update.
[project]
name = "autodip-environment"
version = "1"
requires-python = "{PYTHON}"
dependencies = ["autodip_ij[readers]", "appose>=0.12"{direct}]

[tool.uv]
package = false
{environments}
[tool.uv.sources]
autodip_ij = {{ path = "{wheel}" }}
{torch}{index if torch else ""}"""


def pixi_project(variant: Variant, wheel: str) -> str:
    """Return the ``pixi.toml`` for pixi: Python from conda-forge, all else as with uv."""
    platforms = json.dumps(list(variant.platforms))
    index = f'{{ version = "*", index = "{_INDEX}/{variant.torch}" }}'
    tables = [
        f"\n[target.{_CONDA[system]}.pypi-dependencies]\ntorch = {index}\ntorchvision = {index}\n"
        for system in variant.systems
    ]
    return f"""\
# The environment of AUTO-DIP's worker for pixi. Set Up in Fiji copies it; changes here are lost by an update.
[workspace]
name = "autodip-environment"
channels = ["conda-forge"]
platforms = {platforms}

[dependencies]
python = "3.12.*"

[pypi-dependencies]
autodip_ij = {{ path = "{wheel}", extras = ["readers"] }}
appose = ">=0.12"
{"".join(tables)}"""


_CONDA = {"linux": "linux-64", "win32": "win-64"}


def _sources(variant: Variant) -> str:
    if not variant.systems:
        return ""
    marker = " or ".join(f"sys_platform == '{system}'" for system in variant.systems)
    return "".join(f'{name} = {{ index = "pytorch", marker = "{marker}" }}\n' for name in ("torch", "torchvision"))


def offline_requirements() -> str:
    """Return the ``requirements.txt`` for a build from folders of wheels, which hold those of one system only.

    uv finds the wheel of this package and the others by ``UV_FIND_LINKS``.
    """
    return f"autodip_ij[readers]=={__version__}\nappose>=0.12\n"


def description_files(wheel: str) -> dict[PurePosixPath, bytes]:
    """Return the descriptions of every variant by their paths in the Fiji folder."""
    files = {_place(OFFLINE, "requirements.txt"): offline_requirements().encode()}
    for name, variant in VARIANTS.items():
        files[_place(name, "pyproject.toml")] = uv_project(variant, wheel).encode()
        files[_place(name, "pixi.toml")] = pixi_project(variant, wheel).encode()
    return files


def described() -> dict[str, dict[str, str | float]]:
    """Return what Fiji reads of each variant from the manifest: its files, sizes and time."""
    found: dict[str, dict[str, str | float]] = {OFFLINE: {"uv": str(_place(OFFLINE, "requirements.txt"))}}
    for name, variant in VARIANTS.items():
        found[name] = {
            "uv": str(_place(name, "pyproject.toml")),
            "pixi": str(_place(name, "pixi.toml")),
            "download_gb": variant.download_gb,
            "disk_gb": variant.disk_gb,
            "minutes": variant.minutes,
        }
    return found


def _place(variant: str, name: str) -> PurePosixPath:
    return LIBRARY / "environments" / variant / name
