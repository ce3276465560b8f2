"""``autodip fiji``: install into Fiji, remove from it, check it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

if TYPE_CHECKING:
    from autodip_ij.fiji.install.folder import FijiFolder
    from autodip_ij.fiji.install.install import Step

app = App(name="fiji", help="Install the menu commands and macros into Fiji, remove them, check the installation.")


@app.command
def install(
    *,
    fiji: Path | None = None,
    requirement: str | None = None,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Copy scripts and macros into a Fiji (or ImageJ) folder and add autodip_ij to Fiji's Python environment.

    Again after an update of autodip_ij: what is the same stays, what is older is replaced.

    Parameters
    ----------
    fiji
        Folder of Fiji, or of an ImageJ without Python, which gets the macros that call the command line; by default the
        Fiji in one of the places where people keep it.
    requirement
        What pip installs into Fiji's environment; by default this autodip_ij, from where it was installed here.
    overwrite
        Replace files of other origin, and files that were changed since they were installed.
    dry_run
        Only say what would be done.
    """
    from autodip_ij.fiji.install.folder import FijiFolder
    from autodip_ij.fiji.install.install import install as install_into

    folder = FijiFolder.find() if fiji is None else FijiFolder.at(fiji)
    _show(folder, install_into(folder, requirement=requirement, overwrite=overwrite, dry_run=dry_run), dry_run)
    if not dry_run:
        print(_next_steps(folder))


@app.command
def uninstall(*, fiji: Path | None = None, dry_run: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Remove what `autodip fiji install` put into a folder; files that were changed since are kept.

    Parameters
    ----------
    fiji
        Folder of Fiji or ImageJ; by default the Fiji in one of the places where people keep it.
    dry_run
        Only say what would be done.
    """
    from autodip_ij.fiji.install.folder import FijiFolder
    from autodip_ij.fiji.install.install import uninstall as uninstall_from

    folder = FijiFolder.find() if fiji is None else FijiFolder.at(fiji)
    _show(folder, uninstall_from(folder, dry_run=dry_run), dry_run)


@app.command
def doctor(*, fiji: Path | None = None, json: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Check Fiji, its launch mode, its Python environment, scripts, Java, worker and GPU; exit code 3 if one is broken.

    Parameters
    ----------
    fiji
        Folder of Fiji; without it, only the Python environment that this command runs in.
    json
        Print the checks as JSON.
    """
    from autodip_ij.cli.doctor import show_checks
    from autodip_ij.fiji.install.doctor import environment_checks, fiji_checks
    from autodip_ij.fiji.install.folder import FijiFolder

    found = environment_checks() if fiji is None else fiji_checks(FijiFolder.at(fiji))
    return show_checks(found, as_json=json)


@app.command
def headers() -> None:
    """Write the menu scripts of this checkout again from their declarations; for developers of autodip_ij."""
    from autodip_ij.fiji.commands.scripts import scripts_folder, write_scripts

    for path in write_scripts(scripts_folder()):
        print(path)


def _show(folder: FijiFolder, steps: Sequence[Step], dry_run: bool) -> None:
    print(f"{folder.root}{' (nothing is changed: --dry-run)' if dry_run else ''}")
    for step in steps:
        print(f"  {step}")


def _next_steps(folder: FijiFolder) -> str:
    if not folder.is_fiji:
        return "Restart ImageJ: the commands are in Plugins > AUTO-DIP, and ask once for the program autodip."
    return (
        "Two clicks are left, in Fiji: Edit > Options > Python...\n"
        "  1. Build Python environment   2. tick 'Launch in Python mode', OK\n"
        "Restart Fiji: the commands are in Plugins > AUTO-DIP. Check with: autodip fiji doctor --fiji "
        f'"{folder.root}"'
    )
