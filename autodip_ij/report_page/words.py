"""What a page says of a record: checks in one sentence each, parameters with their meaning, the command."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from autodip_ij._support.text import plain, sentences
from autodip_ij.calibration.parameters import STORED, declared, label_of
from autodip_ij.denoising.checks import Check
from autodip_ij.denoising.report import ChannelReport, Report
from autodip_ij.settings import DenoiseSettings

MEANINGS = {
    "signal_to_noise": "how far the structures of the input stand out of its noise",
    "noise_removed": "what was removed is as strong as the noise that was there (1 = equally strong)",
    "residual_correlation": "neighbouring pixels of what was removed are independent, as noise is (0 = independent)",
    "residual_direction": "what was removed does not follow the structures beside it (0 = noise alone)",
    "contrast_2px": "structures of about 2 px have the contrast of the input (1 = the same)",
    "contrast_4px": "structures of about 4 px have the contrast of the input (1 = the same)",
    "contrast_8px": "structures of about 8 px have the contrast of the input (1 = the same)",
    "stripes": "no rows or columns stand out of the result (0 = none)",
    "mean_ratio": "the mean brightness is that of the input (1 = the same)",
    "iterations_done": "the fit ran to its end (1 = all iterations)",
    "tile_disagreement": "neighbouring tiles agree where they overlap (0 = the same)",
    "uncertainty": "independent fits agree (0 = the same)",
}
"""By name of the check, what a green one says."""

LIGHTS = {"green": "●", "amber": "▲", "red": "■", "unknown": "○"}
"""Of the verdicts, told apart without colour too."""


def check_rows(checks: list[Check]) -> Iterator[dict[str, str]]:
    """Yield what the page shows of every check."""
    for check in checks:
        yield {
            "name": plain(check.name.replace("_", " ")),
            "verdict": check.verdict,
            "light": LIGHTS[check.verdict],
            "value": "" if check.value is None else f"{check.value:.3g}",
            "sentence": sentences(plain(check.advice or MEANINGS.get(check.name, ""))),
        }


def parameter_rows(channel: ChannelReport) -> Iterator[tuple[str, str, str]]:
    """Yield label, value and meaning of the parameters of a channel; none that has no value."""
    stored = channel.parameters.model_dump()
    for name, info in declared().items():
        value = stored.get(STORED[name])
        if value is not None:
            yield label_of(name), plain(str(value)), info.description or ""
    for name, value in channel.method_parameters.items():
        yield plain(name), plain(str(value)), ""


def fit_sentence(channel: ChannelReport) -> str:
    """Return what the fits did, in words."""
    fit = channel.fit
    if not fit.planes or not fit.iterations:
        return "No network was fitted."
    parts = [
        f"{fit.planes} plane{'s' * (fit.planes != 1)} fitted, {fit.tiles_per_plane} tile"
        f"{'s' * (fit.tiles_per_plane != 1)} each, {fit.iterations} iterations, {fit.seconds:.1f} s"
    ]
    if fit.guard:
        parts.append(f"at the end, what was removed had {fit.guard.ratio:.2f} times the variance of the noise")
        if fit.guard.overfitted_at is not None:
            parts.append(f"fits began to follow the noise at iteration {fit.guard.overfitted_at}")
        if fit.guard.stopped:
            parts.append(f"{fit.guard.stopped} of {fit.guard.fits} fits were ended there")
    if fit.stopped:
        parts.append("the user stopped the run and kept its result")
    return sentences(*parts)


def command_of(report: Report) -> str:
    """Return the command that makes the result again, for a shell of Linux or macOS: settings that are not defaults.

    Parameters
    ----------
    report
        The record; files have their names without folders.
    """
    scale = report.settings.get("scale")
    words = ["autodip", "superres" if scale is not None else "denoise"]
    words += [plain(report.input.file or "INPUT"), plain(report.output.file or "OUTPUT.ome.tif")]
    for name, value in report.settings.items():
        field = DenoiseSettings.model_fields.get(name)
        if (field is None and name != "scale") or (field is not None and value == field.default):
            continue
        option = f"--{name.replace('_', '-')}"
        words += [option] if value is True else [f"{option}={plain(_written(value))}"]
    return shlex.join(words)


def _written(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
