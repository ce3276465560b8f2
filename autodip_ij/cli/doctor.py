"""``autodip doctor``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from autodip_ij.doctor import Check


def doctor(*, json: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Check this installation: Python packages, file readers, devices, LPIPS weights; exit code 3 if it cannot denoise.

    Parameters
    ----------
    json
        Print the checks as JSON.
    """
    from autodip_ij.doctor import checks

    return show_checks(checks(), as_json=json)


def show_checks(found: Sequence[Check], *, as_json: bool) -> int:
    """Print checks as text or as JSON; return the exit code."""
    if as_json:
        from dataclasses import asdict
        from json import dumps

        print(dumps([asdict(check) for check in found], indent=2))
    else:
        from rich.console import Console

        console = Console()
        mark = {"ok": "[green]ok[/green]     ", "missing": "[yellow]missing[/yellow]", "broken": "[red]broken[/red] "}
        for check in found:
            console.print(f"{mark[check.state]} ", end="")
            console.print(f"{check.name}: {check.finding}", highlight=False, soft_wrap=True, markup=False)
            if check.remedy:
                console.print(f"        -> {check.remedy}", highlight=False, soft_wrap=True, markup=False)
    return 3 if any(check.state == "broken" for check in found) else 0
