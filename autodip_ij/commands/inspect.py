"""``autodip inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.markup import escape

from autodip_ij.settings import DenoiseSettings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from autodip_ij.inspection import ChannelInspection, SceneInspection


def inspect(
    input: Path,
    *,
    settings: Annotated[DenoiseSettings | None, Parameter(name="*")] = None,
    pixels: bool = True,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Show, for every channel, the group with its evidence, the parameters and why, and the estimated cost.

    The parameters are those that a run takes: like it, this looks at the middle of one plane of every channel.

    Parameters
    ----------
    input
        Microscope file, or an OME-XML text.
    pixels
        Look at pixels; without it the parameters may differ from those of a run.
    json
        Print one JSON object for programs.
    """
    import sys

    from rich.console import Console

    from autodip_ij.inspection import inspect as inspect_file

    if json:

        def tell(scene: SceneInspection, number: int, total: int) -> None:
            if total > 1:
                print(f"scene {number} of {total}: {scene.name}", file=sys.stderr, flush=True)

        print(inspect_file(input, settings, pixels=pixels, on_scene=tell).model_dump_json(indent=2))
        return
    console = Console()

    def show(scene: SceneInspection, number: int, total: int) -> None:
        if number == 1:
            console.print(f"[bold]{escape(str(input))}[/bold]", highlight=False)
        _show(scene, console)

    inspect_file(input, settings, pixels=pixels, on_scene=show)


def _show(scene: SceneInspection, console: Console) -> None:
    """Print one scene; a plate has hundreds, so that none waits for the last."""
    size = " x ".join(f"{axis} {length}" for axis, length in scene.shape.items())
    console.print(f"\nscene [bold]{escape(scene.name)}[/bold]: {size}, {scene.dtype or 'no pixels'}", highlight=False)
    console.print(f"looked at: {scene.looked_at}", highlight=False, markup=False)
    console.print(_overview(scene))
    for channel in scene.channels:
        console.print(f"\n[bold]channel {channel.index} {escape(channel.name)}[/bold]", highlight=False)
        console.print(channel.reason, highlight=False, markup=False)
        if channel.evidence:
            console.print(_evidence(channel))
    console.file.flush()


def _overview(scene: SceneInspection) -> Table:
    from rich.table import Table

    from autodip_ij.wording import duration

    table = Table("channel", "microscope", "specimen", "confidence", "parameters", "estimate")
    for channel in scene.channels:
        cost = channel.estimate
        table.add_row(
            escape(f"{channel.index} {channel.name}".strip()),
            channel.microscope or "unknown",
            channel.specimen or "unknown",
            f"{channel.confidence:.2f}",
            _parameters(channel),
            f"{duration(cost.seconds)}, {cost.bytes / 1e9:.1f} GB" if cost else "",
        )
    return table


def _parameters(channel: ChannelInspection) -> str:
    p = channel.parameters
    if p is None:
        return "left alone" if channel.method == "none" else channel.method
    most = "at most " if p.discrepancy else ""
    fits = f", {p.seeds} fits" if (p.seeds or 1) > 1 else ""
    return f"depth {p.depth}, width {p.width}, skip {p.skip}, {most}{p.iterations} iterations{fits}"


def _evidence(channel: ChannelInspection) -> Table:
    from rich.table import Table

    table = Table("where", "value", "speaks for", "weight")
    for row in channel.evidence:
        table.add_row(escape(row.source), escape(row.value), escape(row.speaks_for), f"{row.weight:+.2f}")
    return table
