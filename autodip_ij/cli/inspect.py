"""``autodip inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from autodip_ij.calibration.parameters import Parameters, fit_in_words
from autodip_ij.settings import DenoiseSettings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from autodip_ij.denoising.inspection import ChannelInspection, SceneInspection


def inspect(
    input: Path,
    *,
    settings: Annotated[DenoiseSettings | None, Parameter(name="*")] = None,
    pixels: bool = True,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Show the group of every channel with its evidence, the parameters with the reason, and the estimated cost.

    The parameters are those of a run, which also inspects the middle of one plane of every channel.

    Parameters
    ----------
    input
        Microscope file, or a file with OME-XML.
    pixels
        Inspect pixels; with --no-pixels the parameters may differ from those of a run.
    json
        Print a JSON object.
    """
    import sys

    from rich.console import Console

    from autodip_ij.cli.console import text
    from autodip_ij.denoising.inspection import inspect as inspect_file

    if json:
        from autodip_ij._support.text import plain
        from autodip_ij.denoising.report import to_json

        def tell(scene: SceneInspection, number: int, total: int) -> None:
            if total > 1:
                print(f"scene {number} of {total}: {plain(scene.name)}", file=sys.stderr, flush=True)

        print(to_json(inspect_file(input, settings, pixels=pixels, on_scene=tell), indent=2))
        return
    console = Console()

    def show(scene: SceneInspection, number: int, total: int) -> None:
        if number == 1:
            console.print(text(input, "bold"), highlight=False)
        _show(scene, console)

    inspect_file(input, settings, pixels=pixels, on_scene=show)


def _show(scene: SceneInspection, console: Console) -> None:
    """Print one scene as soon as it is inspected; a plate has hundreds."""
    from autodip_ij.cli.console import text

    size = " x ".join(f"{axis} {length}" for axis, length in scene.shape.items())
    title = text("scene ").append_text(text(scene.name, "bold"))
    console.print()
    console.print(title.append(f": {size}, {scene.dtype or 'no pixels'}"), highlight=False)
    console.print(text(f"inspected: {scene.looked_at}"), highlight=False)
    console.print(_overview(scene))
    for channel in scene.channels:
        console.print()
        console.print(text(f"channel {channel.index} {channel.name}", "bold"), highlight=False)
        console.print(text(channel.reason), highlight=False)
        if channel.noise:
            sure = "" if channel.noise_certainty is None else f", certainty {channel.noise_certainty:.2f}"
            console.print(text(f"noise: {channel.noise}{sure}"), highlight=False)
        if channel.neighbours and (channel.neighbours.axis or channel.neighbours.worth):
            console.print(text(channel.neighbours.in_words), highlight=False)
        if channel.evidence:
            console.print(_evidence(channel))
    console.file.flush()


def _overview(scene: SceneInspection) -> Table:
    from rich.table import Table

    from autodip_ij._support.text import duration
    from autodip_ij.cli.console import add_row

    table = Table("channel", "microscope", "specimen", "confidence", "parameters", "estimate")
    for channel in scene.channels:
        cost = channel.estimate
        add_row(
            table,
            f"{channel.index} {channel.name}".strip(),
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
    known = Parameters.among(p.model_dump())
    return fit_in_words(known) + (f", {known.n_fits} fits" if known.fitted and known.n_fits > 1 else "")


def _evidence(channel: ChannelInspection) -> Table:
    from rich.table import Table

    from autodip_ij.cli.console import add_row

    table = Table("where", "value", "speaks for", "weight")
    for row in channel.evidence:
        add_row(table, row.source, row.value, row.speaks_for, f"{row.weight:+.2f}")
    return table
