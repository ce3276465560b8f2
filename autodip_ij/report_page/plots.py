"""Curves of a page, ready to be drawn as SVG: grey values before and after, the spectrum of what was removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 460, 180
"""Of the field in which curves are drawn, in units of the SVG."""
_BINS = 128
_RINGS = 48


@dataclass(frozen=True)
class Plot:
    """Curves in one field.

    Attributes
    ----------
    title, x_label, y_label
        Texts; the title is also what is read aloud.
    curves
        Name, class and points (``x,y x,y``) of each.
    x_ticks, y_ticks
        Position in the field and text of each.
    """

    title: str
    x_label: str
    y_label: str
    curves: tuple[tuple[str, str, str], ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]


Curve = tuple[str, str, npt.NDArray[np.float64]]
"""Name, class and values of a curve."""


def _plot(
    title: str, labels: tuple[str, str], x: npt.NDArray[np.float64], curves: Sequence[Curve], y_ticks: Sequence[float]
) -> Plot:
    left, right, top = float(x[0]), float(x[-1]), float(y_ticks[-1]) or 1.0
    across = (x - left) / ((right - left) or 1.0) * WIDTH
    drawn = []
    for name, kind, values in curves:
        down = HEIGHT * (1 - np.clip(values / top, 0, 1))
        drawn.append((name, kind, " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, down, strict=True))))
    ticks = [(WIDTH * k / 4, f"{left + (right - left) * k / 4:.4g}") for k in range(5)]
    return Plot(
        title,
        *labels,
        tuple(drawn),
        tuple(ticks),
        tuple((HEIGHT * (1 - value / top), f"{value:.3g}") for value in y_ticks),
    )


def histogram(before: npt.NDArray[np.float32], after: npt.NDArray[np.float32], low: float, high: float) -> Plot:
    """Return the shares of the grey values from `low` to `high`, by their square roots: rare ones stay visible."""
    edges = np.linspace(low, max(high, low + 1e-6), _BINS + 1)
    shares = [100 * np.histogram(plane, edges)[0] / plane.size for plane in (before, after)]
    top = max(float(share.max()) for share in shares) or 1.0
    curves = [(name, name, np.sqrt(share / top)) for name, share in zip(("before", "after"), shares, strict=True)]
    plot = _plot(
        "Histogram", ("grey value", "% of the pixels (square-root scale)"), (edges[1:] + edges[:-1]) / 2, curves, (0, 1)
    )
    ticks = tuple((HEIGHT * (1 - np.sqrt(part)), f"{top * part:.2g}") for part in (0, 0.1, 0.5, 1))
    return Plot(plot.title, plot.x_label, plot.y_label, plot.curves, plot.x_ticks, ticks)


def spectrum(residual: npt.NDArray[np.float32]) -> Plot:
    """Return the power of what was removed by spatial frequency, in means over rings; 1 is the mean of all.

    Noise that pixels do not share is flat; structure that went with it shows as more power on the left.

    Parameters
    ----------
    residual
        Before minus after (Y, X).

    Examples
    --------
    >>> noise = np.random.default_rng(1).normal(size=(96, 96)).astype(np.float32)
    >>> heights = [float(point.split(",")[1]) for point in spectrum(noise).curves[0][2].split()]
    >>> bool(abs(np.median(heights) - HEIGHT / 2) < 0.05 * HEIGHT)  # 1 stands half-way up to 2
    True
    """
    values = residual - residual.mean(dtype=np.float64)
    window = np.outer(np.hanning(values.shape[0] + 2)[1:-1], np.hanning(values.shape[1] + 2)[1:-1])
    power = np.abs(np.fft.rfft2(values * window)) ** 2
    radius = np.hypot(np.fft.fftfreq(values.shape[0])[:, None], np.fft.rfftfreq(values.shape[1])[None])
    rings = int(min(_RINGS, max(2, min(values.shape) // 4)))
    ring = np.minimum((radius / 0.5 * rings).astype(int), rings)  # the corners are the last, and not shown
    counts = np.bincount(ring.ravel(), minlength=rings + 1)[:rings]
    means = np.bincount(ring.ravel(), power.ravel(), minlength=rings + 1)[:rings] / np.maximum(counts, 1)
    means = means / (float(power.mean()) or 1.0)
    top = float(max(2, np.ceil(means.max())))
    middle = np.linspace(0, 0.5, rings)
    return _plot(
        "Spectrum of what was removed",
        ("spatial frequency, cycles per pixel", "power over its mean"),
        middle,
        [("removed", "after", means), ("flat: noise of single pixels", "before", np.ones(rings))],
        (0, 1, top),
    )
