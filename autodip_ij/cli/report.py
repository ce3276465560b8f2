"""``autodip report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def report(
    result: Path,
    page: Path | None = None,
    *,
    input: Path | None = None,
    quiet: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Write a page that shows a result beside its input: pictures, plots, checks, group, parameters, command.

    One HTML file that opens in any browser without a network. An earlier page is replaced.

    Parameters
    ----------
    result
        Image that autodip wrote, with its sidecar beside it.
    page
        .html; by default NAME.report.html beside the result.
    input
        What the result was made from; by default the file that the sidecar names, beside the result or one folder up.
    quiet
        Show errors only.
    """
    from autodip_ij.cli.console import say
    from autodip_ij.report_page.page import write_report

    written = write_report(result, page, source=input)
    if not quiet:
        say(written)
