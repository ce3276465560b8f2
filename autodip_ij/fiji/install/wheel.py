"""A wheel of the package that is running, made without a network and without build tools.

Fiji's bundle carries it, so that the environment it builds holds exactly this version. A wheel is a zip of the package
with its metadata and hashes (`Binary distribution format
<https://packaging.python.org/specifications/binary-distribution-format/>`_).
"""

from __future__ import annotations

import base64
import hashlib
import io
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath

import autodip_ij
from autodip_ij._support.versions import shipped
from autodip_ij._version import __version__
from autodip_ij.errors import BadInput, EnvironmentProblem, UnreadableFile

SHIPPED = ("calibration", "fiji_java", "fiji_scripts", "macros")
_NAME = "autodip_ij"
_TAG = "py3-none-any"
_IGNORED = {"__pycache__", "_shipped"}
_MOMENT = (1980, 1, 1, 0, 0, 0)
"""Time of every entry: equal contents make an equal wheel, which an update site does not upload again."""


def wheel_name(version: str = __version__) -> str:
    """Return the file name of the wheel of a version.

    Examples
    --------
    >>> wheel_name("1.2")
    'autodip_ij-1.2-py3-none-any.whl'
    """
    return f"{_NAME}-{version}-{_TAG}.whl"


@cache
def own_wheel() -> tuple[str, bytes]:
    """Return name and content of a wheel of the running package.

    Raises
    ------
    autodip_ij.errors.EnvironmentProblem
        If neither a checkout nor an installation of this version tells its metadata.
    """
    return wheel_name(), zipped(_entries())


def given_wheel(path: Path) -> tuple[str, bytes]:
    """Return name and content of a wheel of this package that the user built.

    Raises
    ------
    autodip_ij.errors.BadInput
        If it is not a wheel of this version for every platform.
    autodip_ij.errors.UnreadableFile
        If it cannot be read.
    """
    if path.name != wheel_name():
        raise BadInput(f"{path}: not the wheel of this version, which is named {wheel_name()}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror or error}") from error
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise BadInput(f"{path}: not a wheel")
    return path.name, content


def zipped(entries: Mapping[str, bytes]) -> bytes:
    """Return a zip of files by name; equal files make an equal zip."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in entries.items():
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return made.getvalue()


def _entries() -> dict[str, bytes]:
    info = f"{_NAME}-{__version__}.dist-info"
    entries = dict(_package_files())
    project = Path(autodip_ij.__file__).parents[1] / "pyproject.toml"
    # The metadata that pip wrote for a checkout are those of the day it was installed.
    described = _of_checkout(project) if project.is_file() else _of_installation()
    entries |= {f"{info}/{name}": content for name, content in described.items()}
    wheel = f"Wheel-Version: 1.0\nGenerator: {_NAME}\nRoot-Is-Purelib: true\nTag: {_TAG}\n"
    entries[f"{info}/WHEEL"] = wheel.encode()
    rows = [f"{name},sha256={_hash(content)},{len(content)}\n" for name, content in entries.items()]
    entries[f"{info}/RECORD"] = "".join([*rows, f"{info}/RECORD,,\n"]).encode("utf-8")
    return entries


def _of_installation() -> dict[str, bytes]:
    """Return the files of ``.dist-info`` that this installation has of its own wheel."""
    try:
        known = distribution(_NAME)
    except PackageNotFoundError:
        raise EnvironmentProblem("autodip_ij is not installed here, only importable; give a wheel by --wheel") from None
    if known.version != __version__:
        raise EnvironmentProblem(f"autodip_ij {__version__} is installed as {known.version}: give a wheel by --wheel")
    files = {}
    for path in known.files or ():
        inner = PurePosixPath(*path.parts[1:])
        if path.parts[0].endswith(".dist-info") and (
            str(inner) in ("METADATA", "entry_points.txt") or inner.parts[:1] == ("licenses",)
        ):
            files[str(inner)] = path.read_binary()
    if "METADATA" not in files:
        raise EnvironmentProblem("METADATA of the installed autodip_ij is missing: install it again")
    return files


def _of_checkout(project_file: Path) -> dict[str, bytes]:
    """Return the files of ``.dist-info`` for a ``pyproject.toml``, as its build backend would write them."""
    project = tomllib.loads(project_file.read_text(encoding="utf-8"))["project"]
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {project['name']}",
        f"Version: {__version__}",
        f"Summary: {project['description']}",
        f"License-Expression: {project['license']}",
        *(f"License-File: {name}" for name in project["license-files"]),
        f"Requires-Python: {project['requires-python']}",
        *(f"Requires-Dist: {requirement}" for requirement in project["dependencies"]),
    ]
    for extra, requirements in project["optional-dependencies"].items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f"Requires-Dist: {requirement}; extra == '{extra}'" for requirement in requirements]
    scripts = "".join(f"{name} = {entry}\n" for name, entry in project["scripts"].items())
    files = {
        "METADATA": "\n".join(lines).encode("utf-8") + b"\n",
        "entry_points.txt": f"[console_scripts]\n{scripts}".encode(),
    }
    licences = {f"licenses/{name}": (project_file.parent / name).read_bytes() for name in project["license-files"]}
    return files | licences


def _package_files() -> Iterator[tuple[str, bytes]]:
    root = Path(autodip_ij.__file__).parent
    yield from _files_below(root, PurePosixPath(_NAME))
    for folder in SHIPPED:
        yield from _files_below(shipped(folder), PurePosixPath(_NAME, "_shipped", folder))


def _files_below(root: Path, place: PurePosixPath) -> Iterator[tuple[str, bytes]]:
    for path in sorted(root.rglob("*")):
        inner = path.relative_to(root)
        if path.is_file() and not _IGNORED & set(inner.parts) and path.suffix not in (".pyc", ".pyo"):
            yield str(place / inner.as_posix()), path.read_bytes()


def _hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
