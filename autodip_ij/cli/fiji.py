"""``autodip fiji``: write the bundle, install it into Fiji, remove it, check."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

if TYPE_CHECKING:
    from autodip_ij.fiji.install.folder import FijiFolder
    from autodip_ij.fiji.install.install import Step

app = App(name="fiji", help="Put the menu commands and macros into Fiji, remove them, or check the installation.")

ModeName = Literal["java", "python"]


@app.command
def bundle(
    out: Path,
    *,
    zip: Annotated[bool, Parameter(negative="")] = False,
    mode: ModeName = "java",
    wheel: Path | None = None,
) -> None:
    """Write everything for a Fiji into a folder or zip, laid out as an update site uploads it.

    Unpacked into the folder of Fiji, it needs no terminal: restart Fiji, then Plugins > AUTO-DIP > AUTO-DIP Set Up...

    Parameters
    ----------
    out
        A new folder; with --zip the folder or the name of the zip.
    zip
        Write a zip to be unpacked into the folder of Fiji.
    mode
        java: commands for every Fiji; python: for a Fiji in Python mode.
    wheel
        Wheel of this version; by default it is made from this installation.
    """
    from autodip_ij.fiji.install.bundle import Mode, make_bundle, write_bundle

    made = make_bundle(Mode(mode), wheel=wheel)
    target = write_bundle(made, out, as_zip=zip)
    size = sum(map(len, made.files.values())) / 1e6
    print(f"{target}: {len(made.files) + 1} files, {size:.1f} MB unpacked")
    print("Unpack it into the folder of Fiji and restart Fiji" if zip else "Copy its content into the folder of Fiji")


@app.command
def install(
    *,
    fiji: Path | None = None,
    mode: ModeName = "java",
    wheel: Path | None = None,
    requirement: str | None = None,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Copy the files of `autodip fiji bundle` into a Fiji (or ImageJ) folder.

    Run it again after an update of autodip_ij: older files are replaced, all others remain unchanged.

    Parameters
    ----------
    fiji
        Folder of Fiji, or of an ImageJ without Python, which gets only the macros that call the command line; by
        default the Fiji in one of the usual places.
    mode
        java: the commands start a worker in an environment of their own (AUTO-DIP Set Up...); python: they run in
        Fiji's Python mode, and autodip_ij is added to Fiji's environment.
    wheel
        Wheel of this version; by default it is made from this installation.
    requirement
        Requirement that pip installs into Fiji's environment in Python mode; by default the wheel.
    overwrite
        Replace files of other origin and files changed since their installation.
    dry_run
        Only show what would be done.
    """
    from autodip_ij.fiji.install.bundle import Mode
    from autodip_ij.fiji.install.folder import FijiFolder
    from autodip_ij.fiji.install.install import bundle_for
    from autodip_ij.fiji.install.install import install as install_into

    folder = FijiFolder.find() if fiji is None else FijiFolder.at(fiji)
    made = bundle_for(folder, Mode(mode), wheel=wheel)
    steps = install_into(folder, bundle=made, requirement=requirement, overwrite=overwrite, dry_run=dry_run)
    _show(folder, steps, dry_run)
    if not dry_run:
        print(_next_steps(folder, made.mode == "python"))


@app.command(name=("remove", "uninstall"))
def remove(
    *,
    fiji: Path | None = None,
    environment: Annotated[bool, Parameter(negative="")] = False,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Remove the files of `autodip fiji install` or of an unpacked bundle, except those changed since.

    Parameters
    ----------
    fiji
        Folder of Fiji or ImageJ; by default the Fiji in one of the usual places.
    environment
        Remove also the worker's environment, which all Fijis of this user share.
    dry_run
        Only show what would be done.
    """
    from autodip_ij.fiji.install.folder import FijiFolder
    from autodip_ij.fiji.install.install import uninstall
    from autodip_ij.fiji.install.place import Environment

    folder = FijiFolder.find() if fiji is None else FijiFolder.at(fiji)
    _show(folder, uninstall(folder, dry_run=dry_run), dry_run)
    found = Environment.find()
    if not found.folder.is_dir():
        return
    if environment and not dry_run:
        found.remove()
    said = f"{'remove' if environment else 'keep':<9} {found.folder}"
    print(f"  {said}{'' if environment else ' (for other Fijis; --environment removes it)'}")


@app.command
def doctor(
    *,
    fiji: Path | None = None,
    worker: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Check Fiji: scripts, Java, environment, worker and GPU, and name the next step; exit code 3 if any is broken.

    Parameters
    ----------
    fiji
        Folder of Fiji; by default only the Python environment of this command is checked.
    worker
        Check only what a worker needs that AUTO-DIP Set Up... installed: it does without Java.
    json
        Print the checks as JSON.
    """
    from autodip_ij.cli.doctor import show_checks
    from autodip_ij.fiji.install.doctor import environment_checks, fiji_checks, next_step, worker_checks
    from autodip_ij.fiji.install.folder import FijiFolder

    if fiji is not None:
        found = fiji_checks(FijiFolder.at(fiji))
    else:
        found = worker_checks() if worker else environment_checks()
    code = show_checks(found, as_json=json)
    if not json:
        print(f"Next: {next_step(found)}")
    return code


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


def _next_steps(folder: FijiFolder, python_mode: bool) -> str:
    if not folder.is_fiji:
        return "Restart ImageJ: the commands are in Plugins > AUTO-DIP; they ask once for the program autodip."
    if python_mode:
        return (
            "Two steps remain, in Fiji: Edit > Options > Python...\n"
            "  1. Build Python environment   2. tick 'Launch in Python mode', OK\n"
            "Restart Fiji: the commands are in Plugins > AUTO-DIP. Check with: autodip fiji doctor --fiji "
            f'"{folder.root}"'
        )
    return "Restart Fiji, then: Plugins > AUTO-DIP > AUTO-DIP Set Up... (once; it downloads the worker's environment)"
