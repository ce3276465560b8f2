"""``autodip batch``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from autodip_ij.settings import DenoiseSettings

if TYPE_CHECKING:
    from autodip_ij.batch import BatchResult


def batch(
    input: str,
    output: Path,
    *,
    settings: Annotated[DenoiseSettings | None, Parameter(name="*")] = None,
    settings_file: Annotated[Path | None, Parameter(name="--settings")] = None,
    format: Literal[".ome.tif", ".ome.zarr", ".tif"] = ".ome.tif",
    all_scenes: Annotated[bool, Parameter(negative="")] = False,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    workers: int = 1,
    scheduler: str | None = None,
    shard: str | None = None,
    watch: Annotated[bool, Parameter(negative="")] = False,
    watch_for: float | None = None,
    settle: float = 30.0,
    report: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Denoise a folder of files; run it again after an interruption to resume.

    Finished files are skipped if output, sidecar, input and settings agree. A file that fails is reported, and the
    others are still processed (exit code 1). `OUTPUT/status.csv` always lists the state of every file.

    Parameters
    ----------
    input
        Folder (with its sub-folders), pattern in quotes ("raw/*.czi"), or list: .txt with one path per line, or .csv
        with a column `file` and columns named as settings.
    output
        Folder for the results, outside the input folder.
    format
        .ome.tif, .ome.zarr, or .tif (ImageJ).
    all_scenes
        Denoise all scenes of a file, each into its own output.
    settings_file
        Settings in TOML (iterations = 300), or the sidecar of a result, whose run is repeated; other options win.
    overwrite
        Replace outputs of other inputs or settings; results that agree are still skipped.
    workers
        Number of processes, each with one file at a time, and with windows of one long series. 0 does the work in this
        process, which then ends with a file that crashes.
    scheduler
        Address (tcp://host:8786) or file (*.json) of a Dask scheduler, instead of processes on this machine.
    shard
        Denoise one share of the files, as 3/40 in task 3 of a job array of 40, into OUTPUT/shard-03-of-40.
    watch
        Go on with the files that come into the folder until Ctrl-C, each when it no longer grows.
    watch_for
        Watch until nothing has changed in the folder for this time in minutes.
    settle
        Time in seconds during which a watched file must not have grown or changed; longer than the pauses of a
        microscope that writes one file over hours.
    report
        Also write NAME.report.html beside every result, as `autodip report` does.
    quiet
        Show errors only.
    json
        Print the result as JSON on standard output.
    """
    from autodip_ij.cli.console import console_progress, with_file

    settings = with_file(DenoiseSettings, settings, settings_file)
    with console_progress(quiet=quiet, before=f"reading {input}") as progress:
        from autodip_ij.batch import Watch, run_batch
        from autodip_ij.batch.inputs import Shard

        result = run_batch(
            input,
            output,
            settings,
            suffix=format,
            all_scenes=all_scenes,
            overwrite=overwrite,
            workers=workers,
            scheduler=scheduler,
            watch=Watch(settle, watch_for and 60 * watch_for) if watch or watch_for else None,
            report=report,
            shard=Shard.parse(shard) if shard is not None else None,
            progress=progress,
        )
    if json:
        from json import dumps

        print(dumps(result.to_json(), indent=2))
    else:
        _show(result, quiet)
    return result.exit_code


def _show(result: BatchResult, quiet: bool) -> None:
    import sys

    from autodip_ij._support.text import plain
    from autodip_ij.batch.status import FAILED
    from autodip_ij.cli.console import say

    for row in result.rows:
        if row.status == FAILED and quiet:
            print(plain(f"autodip: {row.file}: {row.message}"), file=sys.stderr)
    if not quiet:
        say(result.summary)
