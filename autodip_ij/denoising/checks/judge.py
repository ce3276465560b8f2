"""From the measures of a few planes to the checks of a channel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from autodip_ij.denoising.checks.limits import LIMITS
from autodip_ij.denoising.checks.model import Check, FitVerdict, Verdict
from autodip_ij.noise.residual import Measured, Unknown, Value

_ORDER: tuple[Verdict, ...] = ("unknown", "green", "amber", "red")
_NOISE_KEPT = ("noise_removed", "residual_correlation")


def judge(name: str, measured: Value | Unknown, plane: tuple[int, int] | None = None) -> Check:
    """Return the check `name` of one plane.

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
        advice=limits.advice(measured.value),
        plane=plane,
    )


def checks_of_planes(planes: Mapping[tuple[int, int], Measured], iterations_done: float | None = None) -> list[Check]:
    """Return the checks of a channel: of each measure the worst of the planes.

    Parameters
    ----------
    planes
        Measures by (T, Z).
    iterations_done
        Iterations done over those expected, the smallest of all fits; None where it has no meaning.
    """
    found: dict[str, list[Check]] = {name: [] for name in LIMITS}
    for place, measured in planes.items():
        for name, value in measured.items():
            found[name].append(judge(name, value, place))
    if iterations_done is not None:
        found["iterations_done"].append(judge("iterations_done", Value(iterations_done)))
    return [max(checks, key=lambda check: _ORDER.index(check.verdict)) for checks in found.values() if checks]


def worst(checks: Iterable[Check]) -> Verdict:
    """Return the worst verdict; ``unknown`` without any that is known."""
    return max((check.verdict for check in checks), key=_ORDER.index, default="unknown")


def fit_verdict(checks: Sequence[Check]) -> FitVerdict:
    """Return whether the fit went too far (the noise came back) or not far enough (structure is missing).

    Missing structure comes first: it cannot be seen in the result.
    """
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
