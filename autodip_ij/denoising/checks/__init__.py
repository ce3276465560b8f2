"""What a user is told about the quality of a result: a few measures of each run, their limits, and one line of advice.

The measures need neither a clean image nor a network: they look at what was taken away (input minus output) and ask
whether it is noise of the strength that was there, and nothing else. ``docs/quality.md`` tells how the limits were
found.
"""

from __future__ import annotations

from autodip_ij.denoising.checks.judge import (
    ALL_GREEN,
    LIMITS,
    Check,
    Limits,
    Verdict,
    checks_of_planes,
    fit_verdict,
    judge,
    quality_lines,
    worst,
)
from autodip_ij.noise.residual import Unknown, Value, measure_plane

__all__ = [
    "ALL_GREEN",
    "LIMITS",
    "Check",
    "Limits",
    "Unknown",
    "Value",
    "Verdict",
    "checks_of_planes",
    "fit_verdict",
    "judge",
    "measure_plane",
    "quality_lines",
    "worst",
]
