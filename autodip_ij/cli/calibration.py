"""``autodip calibration list`` and ``autodip calibration show``."""

from __future__ import annotations

import json as json_text
from dataclasses import asdict
from typing import Annotated

from cyclopts import App, Parameter

app = App(name="calibration", help="List calibrations and show their parameters.")

JsonFlag = Annotated[bool, Parameter(name="--json", negative="")]


@app.command(name="list")
def list_command(*, as_json: JsonFlag = False) -> None:
    """List the calibrations that can be selected by name.

    Parameters
    ----------
    as_json
        Print a JSON array.
    """
    from autodip_ij.calibration import list_calibrations

    found = list_calibrations()
    if as_json:
        print(json_text.dumps([asdict(summary) for summary in found], indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    from autodip_ij.cli.console import add_row

    table = Table("name", "what", "criteria", "groups", "images", "efforts", "source")
    for summary in found:
        criteria = ", ".join(
            f"{name} (default)" if name == summary.default_criterion else name for name in summary.criteria
        )
        efforts = "fast, standard" if summary.knows_effort else "none"
        numbers = (str(summary.groups), str(summary.images))
        add_row(table, summary.name, summary.title, criteria, *numbers, efforts, summary.source)
    Console().print(table)


@app.command(name="show")
def show_command(
    calibration: str = "autodip",
    *,
    criterion: str | None = None,
    images: Annotated[bool, Parameter(negative="")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show the parameters of every group and the cost of a fit of 512 x 512 pixels.

    Parameters
    ----------
    calibration
        Name of a shipped calibration, or the path of a pack (folder or zip).
    criterion
        Criterion for the best parameters: l1, mse, ssim, psnr, lpips, lpips_psnr, ...; by default that of the pack.
    images
        Also show the parameters of the single calibration images.
    as_json
        Print a JSON object.
    """
    from autodip_ij.calibration import load_calibration
    from autodip_ij.calibration.pack.load import criteria_of
    from autodip_ij.calibration.parameters import Parameters, operations

    found = load_calibration(calibration, criterion)

    def row(parameters: Parameters) -> dict[str, object]:
        return {**parameters.record(), "tera_operations": operations(parameters, (512, 512)) / 1e12}

    groups = [
        {"group": group, "effort": effort, **row(parameters)} for (group, effort), parameters in found.table.items()
    ]
    singles = [
        {"image": image.name, "group": image.group, "effort": effort, **row(parameters)}
        for image in found.images
        for effort, parameters in image.parameters.items()
    ]
    if as_json:
        record = {
            "name": found.name,
            "criterion": found.criterion,
            "criteria": criteria_of(calibration),
            "source": found.source,
            "knows_effort": found.knows_effort,
            "groups": groups,
            "images": singles,
            "original_dip_iterations": dict(found.original_dip),
        }
        print(json_text.dumps(record, indent=2))
        return
    from rich.console import Console

    from autodip_ij.cli.console import text

    console = Console()
    about = (
        f"{found.name}: {found.source}; best by {found.criterion} (also known: {', '.join(criteria_of(calibration))})"
    )
    console.print(text(about), highlight=False)
    console.print(_table(groups, "group", found.knows_effort))
    if images and singles:
        console.print(_table(singles, "image", found.knows_effort))
    elif images:
        console.print("this calibration does not include its images")


def _table(rows: list[dict[str, object]], key: str, with_effort: bool) -> object:
    """Return a table of the values that differ between the rows; those shared by all rows are listed below it."""
    from rich.table import Table

    from autodip_ij.calibration.parameters import DEFAULTS, STORED, label_of
    from autodip_ij.cli.console import add_row, text

    labels = {stored: label_of(name) for name, stored in STORED.items() if name != "classical_weight"}
    used = [name for name in labels if name not in DEFAULTS or any(row[name] != DEFAULTS[name] for row in rows)]
    shown = [name for name in used if len(rows) == 1 or len({_shown(row, name) for row in rows}) > 1]
    alike = [f"{labels[name]} {_shown(rows[0], name)}" for name in used if name not in shown]
    table = Table()
    for name in (key, *(["effort"] if with_effort else [])):
        table.add_column(name, no_wrap=True)
    for name in shown:
        table.add_column(labels[name])
    table.add_column("TFLOP", justify="right")
    said = f"Common to all: {', '.join(alike)}. " if alike else ""
    table.caption = text(f"{said}TFLOP: for a plane of 512 x 512 pixels.")
    for row in rows:
        effort = [str(row["effort"] or "")] if with_effort else []
        values = [_shown(row, name) for name in shown]
        add_row(table, str(row[key]), *effort, *values, f"{row['tera_operations']:,.1f}")
    return table


def _shown(row: dict[str, object], name: str) -> str:
    if name == "classical" and row["classical"]:
        share, method = row["classical_weight"], row["classical"]
        return f"{method} alone" if share == 1 else f"{share:g} {method}"
    return str(row[name])
