"""``autodip fiji``: install into Fiji, uninstall, check."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

if TYPE_CHECKING:
    from autodip_ij.fiji.install.folder import FijiFolder
    from autodip_ij.fiji.install.install import Step

app = App(name="fiji", help="Install the menu commands and macros into Fiji, remove them, or check the installation.")


@app.command
def install(
    *,
    fiji: Path | None = None,
    requirement: str | None = None,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Copy scripts and macros into a Fiji (or ImageJ) folder and add autodip_ij to Fiji's Python environment.

    Run it again after an update of autodip_ij: older files are replaced, all others remain unchanged.

    Parameters
    ----------
    fiji
        Folder of Fiji, or of an ImageJ without Python, which gets only the macros that call the command line; by
        default the Fiji in one of the usual places.
    requirement
        Requirement that pip installs into Fiji's environment; by default this autodip_ij, from its own source.
    overwrite
        Replace files of other origin and files changed since their installation.
    dry_run
        Only show what would be done.
    """
    from autodip_ij.fiji.install.folder import FijiFolder
    from autodip_ij.fiji.install.install import install as install_into

    folder = FijiFolder.find() if fiji is None else FijiFolder.at(fiji)
    _show(folder, install_into(folder, requirement=requirement, overwrite=overwrite, dry_run=dry_run), dry_run)
    if not dry_run:
        print(_next_steps(folder))


@app.command
def uninstall(*, fiji: Path | None = None, dry_run: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Remove the files that `autodip fiji install` wrote, except those changed since.

    Parameters
    ----------
    fiji
        Folder of Fiji or ImageJ; by default the Fiji in one of the usual places.
    dry_run
        Only show what would be done.
    """
    from autodip_ij.fiji.install.folder import FijiFolder
    from autodip_ij.fiji.install.install import uninstall as uninstall_from

    folder = FijiFolder.find() if fiji is None else FijiFolder.at(fiji)
    _show(folder, uninstall_from(folder, dry_run=dry_run), dry_run)


@app.command
def doctor(*, fiji: Path | None = None, json: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Check Fiji: launch mode, Python environment, scripts, Java, worker and GPU; exit code 3 if any is broken.

    Parameters
    ----------
    fiji
        Folder of Fiji; by default only the Python environment of this command is checked.
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
    """Regenerate the menu scripts of this checkout from their declarations; for developers of autodip_ij."""
    from autodip_ij.fiji.commands.scripts import scripts_folder, write_scripts

    for path in write_scripts(scripts_folder()):
        print(path)


def _show(folder: FijiFolder, steps: Sequence[Step], dry_run: bool) -> None:
    print(f"{folder.root}{' (nothing is changed: --dry-run)' if dry_run else ''}")
    for step in steps:
        print(f"  {step}")


def _next_steps(folder: FijiFolder) -> str:
    if not folder.is_fiji:
        return "Restart ImageJ: the commands are in Plugins > AUTO-DIP; they ask once for the program autodip."
    return (
        "Two steps remain, in Fiji: Edit > Options > Python...\n"
        "  1. Build Python environment   2. tick 'Launch in Python mode', OK\n"
        "Restart Fiji: the commands are in Plugins > AUTO-DIP. Check with: autodip fiji doctor --fiji "
        f'"{folder.root}"'
    )
