"""The lines a user reads before a run: groups, parameters, time, memory, and the cheaper way where it is long."""

from __future__ import annotations

from collections.abc import Sequence

from autodip_ij._support.text import duration, sentences
from autodip_ij.denoising.plan import ChannelPlan, Plan
from autodip_ij.denoising.recipe import fit_arguments
from autodip_ij.settings import DenoiseSettings

LONG_RUN_SECONDS = 600
"""From this estimate on, the run names a cheaper choice before it starts."""


def announcements(plan: Plan, settings: DenoiseSettings) -> list[str]:
    """Return the lines a user reads before the run: group and parameters of each channel, time, memory, warnings."""
    lines = [_channel_line(plan, channel) for channel in plan.channels]
    fitted = [channel for channel in plan.channels if channel.choice]
    lines.extend(_reduced_depth(plan, fitted))
    if fitted:
        peak = max(channel.bytes for channel in fitted)
        lines.append(f"about {duration(plan.seconds)} and {peak / 1e9:.1f} GB of memory on {plan.device}")
    if plan.seconds > LONG_RUN_SECONDS:
        lines.append(_cheaper(plan, fitted, settings))
    return lines


def _channel_line(plan: Plan, channel: ChannelPlan) -> str:
    decision = channel.decision
    name = f"channel {decision.index}{f' ({decision.name})' if decision.name else ''}"
    if channel.recipe is None or channel.choice is None:
        return f"{name}: {channel.reason}"
    p = channel.choice.parameters
    most = "at most " if p.discrepancy else ""
    return (
        f"{name}: group {decision.group}, confidence {decision.confidence:.2f} -> "
        f"depth {p.depth}, width {p.width}, skip {p.skip}, {most}{p.iterations} iterations. "
        f"{sentences(decision.reason, channel.reason)}"
    )


def _reduced_depth(plan: Plan, fitted: Sequence[ChannelPlan]) -> list[str]:
    side = plan.image.shape[3], plan.image.shape[4]
    lines = []
    for channel in fitted:
        if channel.recipe is None or channel.recipe.parameters is None:
            continue
        tile = (min(side[0], channel.recipe.tile), min(side[1], channel.recipe.tile))
        wanted, _ = fit_arguments(channel.recipe, 0)
        borne = wanted.fitted_to(tile).depth
        if borne < wanted.depth:
            lines.append(
                f"channel {channel.decision.index}: depth {wanted.depth} reduced to {borne}, the most that "
                f"{tile[0]} x {tile[1]} pixels bear"
            )
    return lines


def _cheaper(plan: Plan, fitted: Sequence[ChannelPlan], settings: DenoiseSettings) -> str:
    from autodip_ij.calibration import cheaper, load_calibration

    costliest = max(fitted, key=lambda channel: channel.seconds)
    calibration = load_calibration(settings.calibration)
    advice = costliest.choice and cheaper(calibration, costliest.choice, (plan.image.shape[3], plan.image.shape[4]))
    return f"this is long: {advice or '--iterations N shortens it in proportion'}; a GPU is far faster than a CPU"
