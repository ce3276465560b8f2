"""How a result shows itself: one line; in a notebook also its middle, before and after, and its checks."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from autodip_ij.images.image import read_lazy

if TYPE_CHECKING:
    from autodip_ij.denoising.report import Report
    from autodip_ij.images.image import Image

SIDE = 192
"""Side of a picture, in pixels of the result."""


def line_of(image: Image, report: Report) -> str:
    """Return a result in one line: image, groups, and checks that are not green."""
    groups = ", ".join(dict.fromkeys(c.group if c.treatment == "denoised" else c.treatment for c in report.channels))
    verdicts = [check.verdict for channel in report.channels for check in channel.checks]
    found = [f"{verdicts.count(verdict)} {verdict}" for verdict in ("red", "amber", "green") if verdict in verdicts]
    return f"<Result: {image.brief}, {groups}; checks: {', '.join(found) or 'none'}>"


def html_of(before: Image | None, after: Image, report: Report) -> str:
    """Return a result as HTML: its line, the middle before and after, and the advice of checks that are not green.

    Texts of the metadata are escaped.
    """
    parts = [f"<div>{escape(line_of(after, report))}</div>"]
    position = next((place for place, channel in enumerate(report.channels) if channel.treatment == "denoised"), 0)
    if before is not None:
        parts.append(_pictures(before, after, position))
    advice = [
        f"<li>{escape(f'{channel.name or channel.index}, {check.name}: {check.verdict}. {check.advice}')}</li>"
        for channel in report.channels
        for check in channel.checks
        if check.verdict in ("red", "amber")
    ]
    return "".join([*parts, "<ul>", *advice, "</ul>"] if advice else parts)


def _pictures(before: Image, after: Image, position: int) -> str:
    """Return the middle of the middle plane of a channel, before and after, in the same grey values."""
    times, _, slices, height, width = after.shape
    finer = max(1, height // before.shape[3])
    planes = [
        _middle(image.data[times // 2, position, slices // 2], side)
        for image, side in ((before, SIDE // finer), (after, SIDE))
    ]
    known = planes[0][np.isfinite(planes[0])]
    low, high = np.percentile(known, (1, 99.7)) if known.size else (0.0, 1.0)
    return "".join(
        f'<figure style="display:inline-block;margin:4px"><img alt="{title}" '
        f'style="width:{min(SIDE, width)}px;image-rendering:pixelated" '
        f'src="data:image/png;base64,{_png(plane, low, high)}"><figcaption>{title}</figcaption></figure>'
        for title, plane in zip(("before", "after"), planes, strict=True)
    )


def _middle(lazy: Any, side: int) -> np.ndarray[Any, Any]:
    top, left = (max(0, (length - side) // 2) for length in lazy.shape)
    return read_lazy(lazy[top : top + side, left : left + side]).astype(np.float32)


def _png(plane: np.ndarray[Any, Any], low: float, high: float) -> str:
    from PIL import Image as Picture

    shade = np.nan_to_num((plane - low) / max(high - low, 1e-12), nan=0.0, posinf=1.0, neginf=0.0)
    file = io.BytesIO()
    Picture.fromarray((np.clip(shade, 0, 1) * 255).astype(np.uint8)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
