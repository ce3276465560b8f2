"""The check: one measure of a result, judged."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

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

    name: str = Field(description="Name of the measure; docs/quality.md describes each")
    value: float | None = Field(None, description="Worst value of the planes looked at; None if unknown")
    verdict: Verdict
    green: Range = Field((None, None), description="Values that are green")
    amber: Range = Field((None, None), description="Values that are at least amber")
    advice: str = Field("", description="What an amber or red value means and what to do; why a value is unknown")
    plane: tuple[int, int] | None = Field(None, description="Indices T, Z in the output of the plane with this value")
