"""What a Fiji gets: menu commands, macros, the wheel of this package and descriptions of its environment.

`autodip fiji bundle` writes it as a folder or zip, laid out as an update site uploads it; `autodip fiji install` copies
the same files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from autodip_ij._support.files import write_bytes
from autodip_ij._support.versions import shipped
from autodip_ij.errors import BadInput
from autodip_ij.fiji.commands.menu import COMMANDS
from autodip_ij.fiji.commands.scripts import java_folder, scripts_folder
from autodip_ij.fiji.install.environments import described, description_files
from autodip_ij.fiji.install.folder import Manifest, digest, folders_of
from autodip_ij.fiji.install.layout import LIBRARY, MACROS, MANIFEST, PLUGINS, SCRIPTS
from autodip_ij.fiji.install.wheel import given_wheel, own_wheel, wheel_name, zipped


class Mode(StrEnum):
    """How the menu commands reach Python."""

    JAVA = "java"
    """Groovy scripts, which run in every Fiji and start a worker in an environment of its own."""
    PYTHON = "python"
    """Python scripts, for a Fiji in Python mode with autodip_ij in its environment."""


@dataclass(frozen=True)
class Bundle:
    """Files for a Fiji folder.

    Attributes
    ----------
    files
        Contents by path relative to the folder, without the manifest.
    mode
        Kind of the menu commands.
    """

    files: dict[PurePosixPath, bytes]
    mode: Mode

    @property
    def manifest(self) -> Manifest:
        """The manifest for an empty folder."""
        wheel = LIBRARY / wheel_name()
        return Manifest(
            mode=self.mode,
            wheel=str(wheel) if wheel in self.files else "",
            files={str(path): digest(content) for path, content in sorted(self.files.items())},
            folders=folders_of([*self.files, MANIFEST]),
            environments=described() if wheel in self.files else {},
        )


def make_bundle(mode: Mode = Mode.JAVA, *, wheel: Path | None = None) -> Bundle:
    """Return all files for a Fiji.

    Parameters
    ----------
    mode
        Kind of the menu commands; there is one set of them.
    wheel
        Wheel of this version; by default it is made from this installation.

    Raises
    ------
    autodip_ij.errors.BadInput
        If `wheel` is not a wheel of this version.
    autodip_ij.errors.EnvironmentProblem
        If no wheel can be made from this installation.
    """
    name, content = own_wheel() if wheel is None else given_wheel(wheel)
    files = {LIBRARY / name: content, **description_files(name), **dict(_commands(mode))}
    files |= {MACROS / path.name: path.read_bytes() for path in _macro_files()}
    files[PLUGINS / "AUTO-DIP_Menu.jar"] = _menu_jar()
    library = shipped("fiji_java") / "lib"
    for path in sorted(library.rglob("*")):
        if path.is_file():
            files[PurePosixPath("lib", path.relative_to(library).as_posix())] = path.read_bytes()
    return Bundle(files, mode)


def make_imagej_bundle() -> Bundle:
    """Return the files for a plain ImageJ: the macros that call the command line, as menu commands."""
    macros = {PLUGINS / path.name: path.read_bytes() for path in _macro_files() if path.stem.endswith("_External")}
    return Bundle(macros, Mode.JAVA)


def _macro_files() -> list[Path]:
    return sorted(shipped("macros").glob("*.ijm"))


def _menu_jar() -> bytes:
    """Return a jar that puts the first command first in the menu.

    SciJava sorts the scripts of a menu by name, and scripts have no weight: "Denoise File..." would precede
    "Denoise...". Commands that ImageJ itself knows stand before all scripts, and a script of the same name takes the
    place of one of them (imagej-legacy, ``IJ1Helper.addMenuItems``). The macro runs where something still calls the
    command by ImageJ's own name for it, as Fiji's search does.
    """
    first = COMMANDS[0].leaf
    macro = f"""List.setCommands;
if (!startsWith(List.get("{first}"), "script:"))
    exit("AUTO-DIP: the scripts of its commands are missing; install it into this Fiji again");
run("{first}");
"""
    entry = f'Plugins>AUTO-DIP, "{first}", ij.plugin.Macro_Runner("JAR:AUTO-DIP_First.ijm")\n'
    return zipped({"plugins.config": entry.encode("ascii"), "AUTO-DIP_First.ijm": macro.encode("ascii")})


def _commands(mode: Mode) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield the menu scripts; every file below ``scripts`` becomes a command, hence one set only."""
    folder = java_folder() if mode is Mode.JAVA else scripts_folder()
    for path in sorted([*folder.glob("*.groovy"), *folder.glob("*.py")]):
        yield SCRIPTS / path.name, path.read_bytes()


def write_bundle(bundle: Bundle, out: Path, *, as_zip: bool = False) -> Path:
    """Write a bundle as a new folder or zip; return its path.

    Parameters
    ----------
    bundle
        What to write.
    out
        An empty or new folder; with `as_zip` a folder, in which ``AUTO-DIP-Fiji-<version>.zip`` is written, or a path
        that ends with ``.zip``.
    as_zip
        Write a zip, to be unpacked into the folder of Fiji.

    Raises
    ------
    autodip_ij.errors.BadInput
        If `out` is a folder that is not empty.
    autodip_ij.errors.UnwritableOutput
        If it cannot be written.
    """
    files = {**bundle.files, MANIFEST: bundle.manifest.text().encode()}
    if as_zip:
        target = out if out.suffix == ".zip" else out / f"AUTO-DIP-Fiji-{bundle.manifest.version}.zip"
        write_bytes(target, zipped({str(path): content for path, content in sorted(files.items())}))
        return target
    if out.is_dir() and any(out.iterdir()):
        raise BadInput(f"{out}: not empty; give a new folder, or install with: autodip fiji install --fiji FOLDER")
    for path, content in files.items():
        write_bytes(out / path, content)
    return out
