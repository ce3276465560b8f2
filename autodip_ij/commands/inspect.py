"""``autodip inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from autodip_ij.settings import DenoiseSettings

if TYPE_CHECKING:
    from rich.table import Table

    from autodip_ij.inspection import ChannelInspection, SceneInspection


def inspect(
    input: Path,
    *,
    settings: Annotated[DenoiseSettings | None, Parameter(name="*")] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Show, for every channel, the group with its evidence, the parameters and why, and the estimated cost.

    Parameters
    ----------
    input
        Microscope file, or an OME-XML text.
    json
        Print one JSON object for programs.
    """
    from autodip_ij.inspection import inspect as inspect_file

    found = inspect_file(input, settings)
    if json:
        from autodip_ij.report import to_json

        print(to_json(found, indent=2))
        return
    from rich.console import Console

    from autodip_ij.commands.console import text

    console = Console()
    console.print(text(found.file, "bold"), highlight=False)
    for scene in found.scenes:
        size = " x ".join(f"{axis} {length}" for axis, length in scene.shape.items())
        title = text("scene ").append_text(text(scene.name, "bold"))
        console.print()
        console.print(title.append(f": {size}, {scene.dtype or 'no pixels'}"), highlight=False)
        console.print(_overview(scene))
        for channel in scene.channels:
            console.print()
            console.print(text(f"channel {channel.index} {channel.name}", "bold"), highlight=False)
            console.print(text(channel.reason), highlight=False)
            if channel.evidence:
                console.print(_evidence(channel))


def _overview(scene: SceneInspection) -> Table:
    from rich.table import Table

    from autodip_ij.commands.console import add_row
    from autodip_ij.wording import duration

    table = Table("channel", "microscope", "specimen", "confidence", "parameters", "estimate")
    for channel in scene.channels:
        p, cost = channel.parameters, channel.estimate
        add_row(
            table,
            f"{channel.index} {channel.name}".strip(),
            channel.microscope or "unknown",
            channel.specimen or "unknown",
            f"{channel.confidence:.2f}",
            f"depth {p.depth}, width {p.width}, skip {p.skip}, {p.iterations} iterations" if p else "left alone",
            f"{duration(cost.seconds)}, {cost.bytes / 1e9:.1f} GB" if cost else "",
        )
    return table


def _evidence(channel: ChannelInspection) -> Table:
    from rich.table import Table

    from autodip_ij.commands.console import add_row

    table = Table("where", "value", "speaks for", "weight")
    for row in channel.evidence:
        add_row(table, row.source, row.value, row.speaks_for, f"{row.weight:+.2f}")
    return table
