"""Quality checks of a result: a few measures of each run, their limits, a verdict, one line of advice.

The measures need neither a clean image nor a network: they examine what was removed (input minus output) and test
whether it is noise of the strength that was present, and nothing else. ``docs/quality.md`` explains the limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from autodip_ij.noise.residual import Measured, Unknown, Value

Verdict = Literal["green", "amber", "red", "unknown"]
FitVerdict = Literal["well fitted", "under-fitted", "over-fitted", "unknown"]

Range = tuple[float | None, float | None]
"""Lower and upper bound, both included; None where there is none."""


class Check(BaseModel):
    """One measure of the result of a channel.

    Examples
    --------
    >>> Check(name="mean_ratio", value=1.0, verdict="green", green=(0.98, 1.02), amber=(0.95, 1.05)).advice
    ''
    """

    model_config = ConfigDict(extra="ignore")

    name: str = Field(description="Name of the measure")
    value: float | None = Field(None, description="Worst value of the checked planes; null if unknown")
    verdict: Verdict = Field(description="Verdict on that value")
    green: Range = Field((None, None), description="Values that are green")
    amber: Range = Field((None, None), description="Values that are at least amber")
    advice: str = Field("", description="Meaning and remedy of the value; why it is unknown")
    plane: tuple[int, int] | None = Field(None, description="Indices T, Z in the output of the plane with this value")


@dataclass(frozen=True)
class Limits:
    """How a measure is judged.

    Attributes
    ----------
    green, amber
        Values that are green, and that are at least amber; all others are red.
    below, above
        One sentence for a value below and above the green ones: what it means and what to do.
    without_fit
        The same two sentences where no network was fitted; None where they are the same.
    """

    green: Range
    amber: Range
    below: str
    above: str
    without_fit: tuple[str, str] | None = None

    def verdict(self, value: float) -> Verdict:
        """Return the verdict on `value`."""
        return "green" if _within(value, self.green) else "amber" if _within(value, self.amber) else "red"

    def advice(self, value: float, *, fitted: bool = True) -> str:
        """Return the sentence for `value`, for the result of a fit or of none; empty if it is green."""
        if _within(value, self.green):
            return ""
        low = self.green[0]
        below, above = (self.below, self.above) if fitted or self.without_fit is None else self.without_fit
        return below if low is not None and value < low else above


def _within(value: float, bounds: Range) -> bool:
    low, high = bounds
    return (low is None or value >= low) and (high is None or value <= high)


_FLATTER = (
    "structures of this size came out flatter than they are in the input: more iterations, a wider network or less "
    "binning bring them back, strength below 1 a part of them"
)
_STEEPER = (
    "structures of this size came out stronger than they are in the input: compare with the input, and use fewer "
    "iterations"
)


_WITHOUT_FIT = "; a fit may do better: n_fits=1"
_CONTRAST_WITHOUT_FIT = (
    "structures of this size came out flatter than they are in the input: strength below 1 brings a part of them back"
    f"{_WITHOUT_FIT}",
    f"structures of this size came out stronger than they are in the input: compare with the input{_WITHOUT_FIT}",
)


def _contrast(green: float, amber: float) -> Limits:
    return Limits((green, 1.1), (amber, 1.25), _FLATTER, _STEEPER, _CONTRAST_WITHOUT_FIT)


LIMITS: dict[str, Limits] = {
    "signal_to_noise": Limits(
        green=(0.75, 10.0),
        amber=(None, None),
        below="the input is noisier than all images from which the limits were determined: average captures or expose "
        "longer, and interpret fine structure with caution",
        above="the input has little noise: denoising can hardly improve it; compare with the input, or lower strength",
    ),
    "noise_removed": Limits(
        green=(0.75, 1.4),
        amber=(0.6, 1.8),
        below="less was removed than the noise of the input, so noise remains in the result (over-fitted): use fewer "
        "iterations, or more averaging or input noise",
        above="more was removed than the noise of the input, so structure went with it (under-fitted): use more "
        "iterations, a wider network or less binning",
        without_fit=(
            f"less was removed than the noise of the input, so noise remains in the result{_WITHOUT_FIT}",
            f"more was removed than the noise of the input, so structure went with it{_WITHOUT_FIT}",
        ),
    ),
    "residual_correlation": Limits(
        green=(-0.18, 0.13),
        amber=(-0.24, 0.25),
        below="what was removed alternates from pixel to pixel, because noise remains (over-fitted): use fewer "
        "iterations, or more averaging or input noise",
        above="what was removed is not noise, because neighbouring pixels share it (under-fitted): use more "
        "iterations, and inspect input minus result for structure",
        without_fit=(
            f"what was removed alternates from pixel to pixel, because noise remains{_WITHOUT_FIT}",
            "what was removed is not noise, because neighbouring pixels share it: inspect input minus result for "
            f"structure{_WITHOUT_FIT}",
        ),
    ),
    "residual_direction": Limits(
        green=(None, 0.2),
        amber=(None, 0.3),
        below="",
        above="what was removed follows the structures beside it, so that part of them went with the noise "
        "(under-fitted): compare with the input, name the microscope with group, or take another method",
        without_fit=(
            "",
            "what was removed follows the structures beside it, so that part of them went with the noise: compare "
            f"with the input, name the microscope with group{_WITHOUT_FIT}",
        ),
    ),
    "contrast_2px": _contrast(0.85, 0.65),
    "contrast_4px": _contrast(0.94, 0.85),
    "contrast_8px": _contrast(0.96, 0.94),
    "stripes": Limits(
        green=(None, 0.12),
        amber=(None, 0.25),
        below="",
        above="whole rows or columns of the result differ from their neighbours: stripes of the detector or scanner "
        "remain in it; do not mistake them for structure",
    ),
    "mean_ratio": Limits(
        green=(0.995, 1.005),
        amber=(0.98, 1.02),
        below="the result is darker than the input: do not compare its intensities with those of other images",
        above="the result is brighter than the input: do not compare its intensities with those of other images",
    ),
    "iterations_done": Limits(
        green=(1.0, None),
        amber=(0.5, None),
        below="the fit was stopped before its last iteration, so structure may be missing: run it to the end",
        above="",
    ),
    "tile_disagreement": Limits(
        green=(None, 0.7),
        amber=(None, 1.4),
        below="",
        above="neighbouring tiles differ by more than the noise where they overlap, so seams may show: use larger "
        "tiles or a larger overlap",
    ),
    "uncertainty": Limits(
        green=(None, 0.35),
        amber=(None, 0.7),
        below="",
        above="independent fits differ by a large part of the noise: average more of them (n_fits), or use fewer "
        "iterations",
    ),
}
"""By name of the measure, in the order in which they are shown."""

_ORDER: tuple[Verdict, ...] = ("unknown", "green", "amber", "red")
_NOISE_KEPT = ("noise_removed", "residual_correlation")


def judge(name: str, measured: Value | Unknown, plane: tuple[int, int] | None = None, *, fitted: bool = True) -> Check:
    """Return the check `name` of one plane, whose advice is for the result of a fit or of none.

    Examples
    --------
    >>> check = judge("mean_ratio", Value(0.99))
    >>> check.verdict, check.advice[:31]
    ('amber', 'the result is darker than the i')
    """
    limits = LIMITS[name]
    if isinstance(measured, Unknown):
        return Check(name=name, verdict="unknown", green=limits.green, amber=limits.amber, advice=measured.reason)
    return Check(
        name=name,
        value=measured.value,
        verdict=limits.verdict(measured.value),
        green=limits.green,
        amber=limits.amber,
        advice=limits.advice(measured.value, fitted=fitted),
        plane=plane,
    )


def checks_of_planes(
    planes: Mapping[tuple[int, int], Measured], iterations_done: float | None = None, *, fitted: bool = True
) -> list[Check]:
    """Return the checks of a channel: of each measure the worst of the planes.

    Parameters
    ----------
    planes
        Measures by (T, Z).
    iterations_done
        Iterations done over those expected, the smallest of all fits; None where it has no meaning.
    fitted
        Whether the planes were fitted, so that the remedies are those of a fit.
    """
    found: dict[str, list[Check]] = {name: [] for name in LIMITS}
    for place, measured in planes.items():
        for name, value in measured.items():
            found[name].append(judge(name, value, place, fitted=fitted))
    if iterations_done is not None:
        found["iterations_done"].append(judge("iterations_done", Value(iterations_done)))
    return [max(checks, key=lambda check: _ORDER.index(check.verdict)) for checks in found.values() if checks]


def worst(checks: Iterable[Check]) -> Verdict:
    """Return the worst verdict; ``unknown`` without any that is known."""
    return max((check.verdict for check in checks), key=_ORDER.index, default="unknown")


def fit_verdict(checks: Sequence[Check], *, fitted: bool = True) -> FitVerdict:
    """Return whether the fit went too far (the noise came back) or not far enough (structure is missing).

    Missing structure comes first: it cannot be seen in the result. Where nothing was fitted, nothing is known of a fit.
    """
    if not fitted:
        return "unknown"
    by_name = {check.name: check for check in checks if check.verdict in ("amber", "red") and check.value is not None}
    known = any(check.name == "noise_removed" and check.value is not None for check in checks)
    if any(_missing(check) for check in by_name.values()):
        return "under-fitted"
    if any(name in by_name and _below(by_name[name]) for name in _NOISE_KEPT):
        return "over-fitted"
    return "well fitted" if known else "unknown"


def _below(check: Check) -> bool:
    return check.value is not None and check.green[0] is not None and check.value < check.green[0]


def _missing(check: Check) -> bool:
    if check.name.startswith("contrast_"):
        return _below(check)
    return check.name in (*_NOISE_KEPT, "residual_direction") and not _below(check)


ALL_GREEN = "quality: all checks green"


class Checked(Protocol):
    """A channel with its checks, as `autodip_ij.denoising.report.ChannelReport`."""

    index: int
    name: str
    checks: list[Check]


def quality_lines(channels: Iterable[Checked]) -> list[str]:
    """Return one line an amber or red check, or that all are green; nothing where nothing was checked.

    A size at which no structure exceeds the noise is not reported; an unknown noise is.
    """
    checked = [channel for channel in channels if channel.checks]
    if not checked:
        return []
    lines = [
        f"quality, {_of(channel, len(checked))}cannot be judged: {check.advice}"
        for channel in checked
        for check in channel.checks
        if check.name == "noise_removed" and check.verdict == "unknown"
    ]
    for channel in checked:
        lines += [f"quality, {_of(channel, len(checked))}{line}" for line in _flagged(channel.checks)]
    return lines or [ALL_GREEN]


def _flagged(checks: Iterable[Check]) -> Iterator[str]:
    """Yield one line an amber or red check; neighbours that have the same advice share one."""
    flagged = (check for check in checks if check.verdict in ("amber", "red"))
    for advice, group in groupby(flagged, lambda check: check.advice):
        yield f"{', '.join(f'{check.name} {_value(check)} {check.verdict}' for check in group)}: {advice}"


def _of(channel: Checked, count: int) -> str:
    return f"channel {channel.index}{f' ({channel.name})' if channel.name else ''}, " if count > 1 else ""


def _value(check: Check) -> str:
    return "" if check.value is None else f"{check.value:.2f}"
