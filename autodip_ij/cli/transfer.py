"""``autodip transfer``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from autodip_ij.calibration.strategies import POOLS, STRATEGIES

if TYPE_CHECKING:
    from autodip_ij.calibration.explanation import Explanation
    from autodip_ij.groups.model import GroupDecision

    Answer = tuple[GroupDecision, list[Explanation], Path | None, str]
    """The decision, the answer of each strategy, the picture, and which plane was analysed."""
    StrategyName = str
    PoolName = str
else:
    StrategyName = Literal[("policy", "all", *STRATEGIES)]
    PoolName = Literal[POOLS]

Flag = Annotated[bool, Parameter(negative="")]


def transfer(
    input: Path,
    *,
    calibration: str = "autodip",
    criterion: str | None = None,
    strategy: StrategyName = "policy",
    pool: PoolName | None = None,
    group: str = "auto",
    effort: Literal["fast", "standard"] | None = None,
    channel: str = "",
    time: int | None = None,
    z: int | None = None,
    scene: str = "",
    lpips_weights: str = "",
    explain: Flag = False,
    picture: Path | None = None,
    json: Flag = False,
) -> None:
    """Show which calibration images a file resembles, and the parameters that follow.

    The strategy policy gives the parameters of a denoising run, from the same inspection of the pixels.

    Parameters
    ----------
    input
        Microscope file.
    calibration
        Name of a shipped calibration, or the path of a pack.
    criterion
        Criterion for the best parameters; by default the calibration's own.
    strategy
        Measure of similarity; policy is that of a denoising run, all shows every strategy.
    pool
        Calibration images to compare with: those with the same microscope, specimen, both, or all; by default those
        that share everything known.
    group
        Group of the image; auto infers it from the metadata.
    effort
        Effort, for calibrations that distinguish efforts.
    channel
        Channels: index from 0, range, name; all by default.
    time
        Time point; the middle one by default.
    z
        Slice; the middle one by default.
    scene
        Scene, index or name; the first by default.
    lpips_weights
        Folder of LPIPS backbone weights; also $AUTODIP_LPIPS_WEIGHTS.
    explain
        Show the whole ranking, and write a picture of the nearest neighbours if the calibration includes its images.
    picture
        Path of that picture; by default NAME_transfer_cN.png in the current folder.
    json
        Print a JSON object.
    """
    from autodip_ij.calibration import load_calibration
    from autodip_ij.calibration.explanation import explain as explain_strategy
    from autodip_ij.denoising.channels import decide, representative, treated
    from autodip_ij.denoising.plan import asked, select
    from autodip_ij.images import open_image
    from autodip_ij.settings import DenoiseSettings

    given = {"effort": effort} if effort else {}
    settings = DenoiseSettings.parse(group=group, channel=channel, scene=scene, lpips_weights=lpips_weights, **given)
    chosen_calibration = load_calibration(calibration, criterion)
    image = open_image(input, scene)
    _, channels, _ = select(image, settings)
    decided = decide(image, settings)
    decisions = treated([decided[index] for index in channels], explicit=bool(channel.strip()))
    _check_position(time, image.shape[0], "time point")
    _check_position(z, image.shape[2], "slice")
    names = tuple(STRATEGIES) if strategy == "all" else (strategy,)
    answers: list[Answer] = []
    for index, decision in zip(channels, decisions, strict=True):
        if decision.leave_alone:
            answers.append((decision, [], None, ""))
            continue
        look = representative(image, index, t=time, z=z)
        found = [
            explain_strategy(
                chosen_calibration,
                look.pixels,
                decision,
                name,
                pool=pool,
                **asked(settings, image.shape[3:]),
            )
            for name in names
        ]
        file = _write_picture(input, index, look.pixels, found[0], picture) if explain and strategy != "all" else None
        answers.append((decision, found, file, look.words))
    if json:
        from json import dumps

        channels_json = [_record(*answer, explain) for answer in answers]
        print(dumps({"file": str(input), "calibration": chosen_calibration.name, "channels": channels_json}, indent=2))
        return
    for answer in answers:
        _show(*answer, explain)


def _check_position(index: int | None, length: int, what: str) -> None:
    from autodip_ij.errors import BadInput

    if index is not None and not 0 <= index < length:
        raise BadInput(f"{what} {index} is outside 0 to {length - 1}")


def _write_picture(input: Path, channel: int, plane: Any, found: Explanation, picture: Path | None) -> Path | None:
    from autodip_ij._support.files import write_bytes
    from autodip_ij.calibration.explanation import thumbnails

    used = found.choice.strategy if found.choice else found.strategy
    content = thumbnails(plane, found.neighbours, used)
    if content is None:
        return None
    file = picture or Path(f"{input.name.split('.')[0]}_transfer.png")
    file = file.with_name(f"{file.stem}_c{channel}{file.suffix or '.png'}")
    return write_bytes(file, content)


def _record(
    decision: GroupDecision, found: list[Explanation], file: Path | None, looked_at: str, ranking: bool
) -> dict[str, Any]:
    return {
        "index": decision.index,
        "name": decision.name,
        "group": decision.group,
        "left_alone": decision.leave_alone,
        "looked_at": looked_at,
        "picture": str(file) if file else None,
        "strategies": [
            {
                "strategy": answer.strategy,
                "used": answer.choice.strategy if answer.choice else None,
                "parameters": answer.choice.parameters.record() if answer.choice else None,
                "reason": answer.choice.reason if answer.choice else answer.obstacle,
                "ranking": [
                    {"image": near.image.name, "group": near.image.group, "distance": near.distance}
                    for near in (answer.neighbours if ranking else answer.neighbours[:1])
                ],
            }
            for answer in found
        ],
    }


def _show(decision: GroupDecision, found: list[Explanation], file: Path | None, looked_at: str, ranking: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from autodip_ij.cli.console import add_row, text

    console = Console()

    def say(line: str) -> None:
        console.print(text(line), highlight=False, soft_wrap=True)

    say(f"channel {decision.index} {decision.name}".rstrip() + f": group {decision.group}")
    if decision.leave_alone:
        say(f"returned unchanged: {decision.leave_alone}")
        return
    say(f"inspected: {looked_at}")
    table = Table("strategy", "nearest image", "distance", "network", "iterations", "fits")
    for answer in found:
        if answer.choice is None:
            continue
        p = answer.choice.parameters
        near = answer.neighbours[0] if answer.neighbours else None
        image = (f"{near.image.name} ({near.image.group})", f"{near.distance:.4g}") if near else ("", "")
        network, most, fits = "none", "", ""
        if p.fitted:
            network, fits = f"depth {p.depth}, width {p.width}, skip {p.skip}", str(p.n_fits)
            most = f"at most {p.iterations}" if p.discrepancy else str(p.iterations)
        add_row(table, answer.strategy, *image, network, most, fits)
    if table.row_count:
        console.print(table)
    for answer in found:
        if answer.choice is None:
            say(f"{answer.strategy} cannot run: {answer.obstacle}")
        elif len(found) == 1:
            say(answer.choice.reason)
    for answer in found if ranking else ():
        if answer.neighbours:
            used = answer.choice.strategy if answer.choice else answer.strategy
            ranks = Table("rank", "image", "group", "distance", title=f"ranking by {used}")
            for position, near in enumerate(answer.neighbours, start=1):
                add_row(ranks, position, near.image.name, near.image.group, f"{near.distance:.4g}")
            console.print(ranks)
    if file:
        say(f"nearest images: {file}")
