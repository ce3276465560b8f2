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
    settings_file: Annotated[Path | None, Parameter(name="--settings")] = None,
    pixels: bool = True,
    explain: Annotated[bool, Parameter(negative="")] = False,
    all_scenes: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Show the group of every channel, the parameters with the reason, and the estimated time.

    The parameters are those of a run, which also inspects the middle of one plane of every channel.

    Parameters
    ----------
    input
        Microscope file, or a file with OME-XML.
    settings_file
        Settings in TOML (iterations = 300), or the sidecar of a result, whose run is repeated; other options win.
    pixels
        Inspect pixels; with --no-pixels the parameters may differ from those of a run.
    explain
        Also show the evidence for every group, the whole reason, the noise and the memory.
    all_scenes
        Show every scene, not only the first.
    json
        Print a JSON object with all of this for all scenes.
    """
    import sys

    from rich.console import Console

    from autodip_ij.cli.console import text, with_file
    from autodip_ij.denoising.inspection import inspect as inspect_file

    settings = with_file(DenoiseSettings, settings, settings_file)
    if json:
        from autodip_ij._support.text import plain
        from autodip_ij.denoising.report import to_json

        def tell(scene: SceneInspection, number: int, total: int) -> None:
            if total > 1:
                print(f"scene {number} of {total}: {plain(scene.name)}", file=sys.stderr, flush=True)

        print(to_json(inspect_file(input, settings, pixels=pixels, on_scene=tell), indent=2))
        return
    console = Console()
    settings, others = (settings or DenoiseSettings()), 0
    if not all_scenes and not settings.scene.strip() and not input.name.lower().endswith(".xml"):
        from autodip_ij.images import scene_names

        others = len(scene_names(input)) - 1
        settings = settings.model_copy(update={"scene": "0"})

    def show(scene: SceneInspection, number: int, total: int) -> None:
        if number == 1:
            console.print(text(input, "bold"), highlight=False)
        (_explain if explain else _show)(scene, console)

    inspect_file(input, settings, pixels=pixels, on_scene=show)
    if others > 0:
        console.print(f"{others} more scene{'s' if others > 1 else ''}; --all-scenes", highlight=False)


def _head(scene: SceneInspection, console: Console) -> None:
    from autodip_ij.cli.console import text

    size = " x ".join(f"{axis} {length}" for axis, length in scene.shape.items())
    title = text("scene ").append_text(text(scene.name, "bold"))
    console.print(title.append(f": {size}, {scene.dtype or 'no pixels'}"), highlight=False)


def _show(scene: SceneInspection, console: Console) -> None:
    """Print one scene as soon as it is inspected: a line and a sentence for each channel."""
    from autodip_ij.cli.console import text

    _head(scene, console)
    console.print(_overview(scene, memory=False))
    reasons: dict[str, list[str]] = {}
    for channel in scene.channels:
        reasons.setdefault(_sentence(channel), []).append(str(channel.index))
    for reason, indices in reasons.items():
        several = "channel" if len(indices) == 1 else "channels"
        console.print(text(f"{several} {', '.join(indices)}: {reason}"), highlight=False)
    for channel in scene.channels:
        if channel.neighbours and channel.neighbours.axis:
            console.print(text(f"channel {channel.index}: {channel.neighbours.in_words}"), highlight=False)
    console.file.flush()


def _sentence(channel: ChannelInspection) -> str:
    """Return the first clause about the parameters; what precedes it is told by the columns."""
    return channel.reason.rstrip(".").rsplit(". ", 1)[-1].split("; ", 1)[0]


def _explain(scene: SceneInspection, console: Console) -> None:
    """Print one scene with everything that was found."""
    from autodip_ij.cli.console import text

    console.print()
    _head(scene, console)
    console.print(text(f"inspected: {scene.looked_at}"), highlight=False)
    console.print(_overview(scene, memory=True))
    for channel in scene.channels:
        console.print()
        console.print(text(f"channel {channel.index} {channel.name}", "bold"), highlight=False)
        console.print(text(channel.reason), highlight=False)
        if channel.noise:
            sure = "" if channel.noise_certainty is None else f", certainty {channel.noise_certainty:.2f}"
            console.print(text(f"noise: {channel.noise}{sure}"), highlight=False)
        if channel.neighbours and (channel.neighbours.axis or channel.neighbours.worth):
            console.print(text(channel.neighbours.in_words), highlight=False)
        if any(row.weight for row in channel.evidence):
            console.print(_evidence(channel))
    console.file.flush()


def _overview(scene: SceneInspection, *, memory: bool) -> Table:
    from rich.table import Table

    from autodip_ij._support.text import duration
    from autodip_ij.cli.console import add_row

    table = Table("channel", "microscope", "specimen", "sure", "parameters", "time", box=None, pad_edge=False)
    for channel in scene.channels:
        cost = channel.estimate
        add_row(
            table,
            f"{channel.index} {channel.name}".strip(),
            channel.microscope or "unknown",
            channel.specimen or "unknown",
            f"{channel.confidence:.2f}",
            _parameters(channel),
            f"{duration(cost.seconds)}{f', {cost.bytes / 1e9:.1f} GB' if memory else ''}" if cost else "",
        )
    return table


def _parameters(channel: ChannelInspection) -> str:
    p = channel.parameters
    if p is None:
        return "left alone" if channel.method == "none" else channel.method
    known = Parameters.among(p.model_dump())
    if not known.fitted:
        from autodip_ij.classical.estimates import estimates_in_words

        return f"no network, {estimates_in_words(known.classical)} alone"
    return fit_in_words(known) + (f", {known.n_fits} fits" if known.fitted and known.n_fits > 1 else "")


def _evidence(channel: ChannelInspection) -> Table:
    from rich.table import Table

    from autodip_ij.cli.console import add_row

    table = Table("where", "value", "speaks for", "weight")
    for row in filter(lambda row: row.weight, channel.evidence):
        add_row(table, row.source, row.value, row.speaks_for, f"{row.weight:+.2f}")
    return table
