"""The limits of every measure and what to say beyond them.

The figures come from ``benchmarks/check_limits.py``, which applies the measures to pairs of noisy and clean images with
outputs of known quality; ``docs/quality.md`` says which figure comes from which distribution. Change them together.
"""

from __future__ import annotations

from dataclasses import dataclass

from autodip_ij.denoising.checks.model import Range, Verdict


@dataclass(frozen=True)
class Limits:
    """How a measure is judged.

    Attributes
    ----------
    green, amber
        Values that are green, and that are at least amber; all others are red.
    below, above
        One sentence for a value below and above the green ones: what it means and what to do.
    """

    green: Range
    amber: Range
    below: str
    above: str

    def verdict(self, value: float) -> Verdict:
        """Return the verdict on `value`."""
        return "green" if _within(value, self.green) else "amber" if _within(value, self.amber) else "red"

    def advice(self, value: float) -> str:
        """Return the sentence for `value`; empty if it is green."""
        if _within(value, self.green):
            return ""
        low = self.green[0]
        return self.below if low is not None and value < low else self.above


def _within(value: float, bounds: Range) -> bool:
    low, high = bounds
    return (low is None or value >= low) and (high is None or value <= high)


_FLATTER = (
    "structures of this size came out flatter than they are in the input: more iterations, a wider network or less "
    "binning bring them back, strength below 1 a part of them"
)
_STEEPER = (
    "structures of this size came out stronger than they are in the input: compare with the input, and take fewer "
    "iterations"
)


def _contrast(green: float, amber: float) -> Limits:
    return Limits((green, 1.1), (amber, 1.25), _FLATTER, _STEEPER)


LIMITS: dict[str, Limits] = {
    "signal_to_noise": Limits(
        green=(0.75, 10.0),
        amber=(None, None),
        below="the input is noisier than all images the limits were found with: average captures or expose longer, and "
        "trust fine structure least",
        above="the input has little noise: denoising can hardly improve it; compare with the input, or lower strength",
    ),
    "noise_removed": Limits(
        green=(0.75, 1.4),
        amber=(0.6, 1.8),
        below="less was removed than the noise of the input, so the result still holds noise (over-fitted): take fewer "
        "iterations, or more averaging or input noise",
        above="more was removed than the noise of the input, so structure went with it (under-fitted): take more "
        "iterations, a wider network or less binning",
    ),
    "residual_correlation": Limits(
        green=(-0.18, 0.13),
        amber=(-0.24, 0.25),
        below="what was removed alternates from pixel to pixel, because noise was kept (over-fitted): take fewer "
        "iterations, or more averaging or input noise",
        above="what was removed is no noise, neighbouring pixels share it (under-fitted): take more iterations, and "
        "look at input minus result for structure",
    ),
    "residual_direction": Limits(
        green=(None, 0.2),
        amber=(None, 0.3),
        below="",
        above="what was removed follows the structures beside it, so that part of them went with the noise "
        "(under-fitted): compare with the input, name the microscope with group, or take another method",
    ),
    "contrast_2px": _contrast(0.85, 0.65),
    "contrast_4px": _contrast(0.94, 0.85),
    "contrast_8px": _contrast(0.96, 0.94),
    "stripes": Limits(
        green=(None, 0.12),
        amber=(None, 0.25),
        below="",
        above="whole rows or columns of the result differ from their neighbours: stripes of the detector or scanner "
        "are left in it; do not take them for structure",
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
        below="the fit was stopped before its iterations were done, so structure may be missing: run it to the end",
        above="",
    ),
    "tile_disagreement": Limits(
        green=(None, 0.7),
        amber=(None, 1.4),
        below="",
        above="neighbouring tiles differ by more than the noise where they overlap, so seams may show: take larger "
        "tiles or a larger overlap",
    ),
    "uncertainty": Limits(
        green=(None, 0.35),
        amber=(None, 0.7),
        below="",
        above="independent fits differ by a large part of the noise: average more of them (seeds), or take fewer "
        "iterations",
    ),
}
"""By name of the measure, in the order in which they are shown."""
