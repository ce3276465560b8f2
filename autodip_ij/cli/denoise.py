"""``autodip denoise`` and ``autodip superres``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from autodip_ij.denoising.superresolution import SuperresSettings
from autodip_ij.images.reading.formats import readable_titles
from autodip_ij.settings import DenoiseSettings


def denoise(
    input: Annotated[Path, Parameter(help=f"Microscope file: {readable_titles()}, and others through bioio.")],
    output: Path | None = None,
    *,
    settings: Annotated[DenoiseSettings | None, Parameter(name="*")] = None,
    settings_file: Annotated[Path | None, Parameter(name="--settings")] = None,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    report: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Denoise one scene of a microscope file.

    Writes the image and, beside it, `OUTPUT.autodip.json` with all decisions, parameters and results.

    Parameters
    ----------
    output
        .ome.tif, .ome.zarr or .tif (ImageJ); by default NAME_autodip.ome.tif beside the input.
    settings_file
        Settings in TOML (iterations = 300), or the sidecar of a result, whose run is repeated; other options win.
    overwrite
        Replace an existing output.
    report
        Also write NAME.report.html beside the output, as `autodip report` does.
    quiet
        Show errors only.
    json
        Print the report as JSON on standard output.
    """
    from autodip_ij.cli.console import console_progress, say_result, with_file

    asked = with_file(DenoiseSettings, settings, settings_file)
    with console_progress(quiet=quiet, before=f"reading {input.name}") as progress:
        from autodip_ij.denoising.api import denoise_file

        result = denoise_file(input, output, asked, overwrite=overwrite, progress=progress)
    if report:
        from autodip_ij.report_page.page import write_report

        write_report(result.output, source=input)
    say_result(result, json=json, quiet=quiet)


def superres(
    input: Annotated[Path, Parameter(help=f"Microscope file: {readable_titles()}, and others through bioio.")],
    output: Path | None = None,
    *,
    settings: Annotated[SuperresSettings | None, Parameter(name="*")] = None,
    settings_file: Annotated[Path | None, Parameter(name="--settings")] = None,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    report: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Enlarge one scene of a microscope file two- or fourfold with a deep image prior.

    The network generates the fine image, and the loss compares it with the file after downsampling. This sharpens what
    the pixel grid blurred, but does not resolve beyond the optics. The cost of an iteration grows with the square of
    the scale. The pixel size of the result is corrected. Where the calibration fits no network, as `autodip` with white
    noise, its estimate is enlarged by interpolation: --n-fits 1 fits one.

    Parameters
    ----------
    output
        .ome.tif, .ome.zarr or .tif (ImageJ); by default NAME_autodip_x2.ome.tif beside the input.
    settings_file
        Settings in TOML (iterations = 300), or the sidecar of a result, whose run is repeated; other options win.
    overwrite
        Replace an existing output.
    report
        Also write NAME.report.html beside the output, as `autodip report` does.
    quiet
        Show errors only.
    json
        Print the report as JSON on standard output.
    """
    from autodip_ij.cli.console import console_progress, say_result, with_file

    asked = with_file(SuperresSettings, settings, settings_file)
    with console_progress(quiet=quiet, before=f"reading {input.name}") as progress:
        from autodip_ij.denoising.superresolution import superresolve_file

        result = superresolve_file(input, output, asked, overwrite=overwrite, progress=progress)
    if report:
        from autodip_ij.report_page.page import write_report

        write_report(result.output, source=input)
    say_result(result, json=json, quiet=quiet)
