"""The page itself, ``<result>.report.html``: everything in one file that opens from a disk without a network."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij._support.files import write_text
from autodip_ij._support.html import render
from autodip_ij._support.text import plain, sentences
from autodip_ij._version import __version__
from autodip_ij.denoising.checks import worst
from autodip_ij.denoising.report import ChannelReport, Report, read_sidecar
from autodip_ij.errors import BadInput
from autodip_ij.report_page.plots import HEIGHT, WIDTH, histogram, spectrum
from autodip_ij.report_page.views import View, brightest_structure, find_input, read_views
from autodip_ij.report_page.words import LIGHTS, check_rows, command_of, fit_sentence, parameter_rows

SUFFIX = ".report.html"


def report_path(result: Path) -> Path:
    """Return where the page of a result is written.

    Examples
    --------
    >>> report_path(Path("cells_autodip.ome.tif")).name
    'cells_autodip.report.html'
    """
    from autodip_ij.images.reading.recognition import stem_of

    return result.with_name(f"{stem_of(result)}{SUFFIX}")


def write_report(result: Path, page: Path | None = None, *, source: Path | None = None) -> Path:
    """Write the page of a result that has its sidecar; an earlier page is replaced.

    Parameters
    ----------
    result
        The image that was written.
    page
        The page, ``.html``; by default `report_path`.
    source
        The input; by default the file that the sidecar names, in the folder of the result or in the one above.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    autodip_ij.errors.BadInput
        If `page` has another suffix, or `source` is not what the result was made from.
    autodip_ij.errors.UnreadableFile
        If result, sidecar or input are not there or cannot be read.
    autodip_ij.errors.UnwritableOutput
        If the page cannot be written.
    """
    target = page or report_path(result)
    if target.suffix.lower() not in (".html", ".htm"):
        raise BadInput(f"{plain(str(target))}: a page ends with .html")
    record = read_sidecar(result)
    views = read_views(record, result, source or find_input(record, result))
    return write_text(target, page_of(record, views), "the report page")


def page_of(report: Report, views: list[View]) -> str:
    """Return the page; whatever comes from files is escaped."""
    channels = [_channel(channel) for channel in report.channels]
    verdict = worst(check for channel in report.channels for check in channel.checks)
    return render(
        Path(__file__).with_name("page.html.jinja"),
        title=plain(report.output.file or report.input.name),
        input=plain(report.input.file or report.input.name),
        shape=", ".join(f"{axis} {length}" for axis, length in report.input.shape.items()),
        dtype=plain(report.input.dtype),
        verdict=verdict,
        light=LIGHTS[verdict],
        views=[_view(view) for view in views],
        channels=channels,
        command=command_of(report),
        stages=[(plain(name), f"{seconds:.2f} s") for name, seconds in report.stages.items()],
        versions=[(plain(name), plain(version)) for name, version in report.versions.items()],
        messages=[plain(message) for message in report.messages],
        made=plain(report.software),
        created=plain(report.created[:19].replace("T", " ")),
        machine=plain(f"{report.device}, {report.precision}, {report.platform}"),
        seconds=f"{report.seconds:.1f} s",
        software=f"autodip_ij {__version__}",
        field=(WIDTH, HEIGHT),
    )


def _channel(channel: ChannelReport) -> dict[str, Any]:
    evidence = sorted(channel.evidence, key=lambda row: -abs(row.weight))
    return {
        "title": f"Channel {channel.index}{f' ({plain(channel.name)})' if channel.name else ''}",
        "treatment": plain(channel.treatment),
        "group": plain(channel.group),
        "confidence": f"{100 * channel.confidence:.0f} %",
        "evidence": [
            (plain(row.source), plain(row.value), plain(row.speaks_for), f"{row.weight:g}")
            for row in evidence
            if row.weight
        ],
        "reason": sentences(plain(channel.reason)),
        "calibration": plain(channel.calibration or ""),
        "method": plain(channel.method),
        "neighbours": sentences(plain(channel.neighbours.reason)) if channel.neighbours else "",
        "noise": sentences(plain(channel.noise.reason)) if channel.noise else "",
        "parameters": list(parameter_rows(channel)),
        "fit": fit_sentence(channel),
        "checks": list(check_rows(channel.checks)),
        "verdict": worst(channel.checks),
    }


def _view(view: View) -> dict[str, Any]:
    """Return pictures and plots of a plane; all of one channel's grey values between two percentiles of the input."""
    low, high = (float(value) for value in np.percentile(view.before, (0.2, 99.95)))
    high = max(high, float(np.percentile(view.after, 99.95)), low + 1e-6)
    residual = view.before - view.after
    limit = max(float(np.percentile(np.abs(residual), 99.5)), 1e-6)
    row, _ = brightest_structure(view.after)
    height, width = view.after.shape
    return {
        "title": view.title,
        "part": "" if view.after.shape == view.shape else _part(view),
        "width": width,
        "height": height,
        "low": low,
        "high": high,
        "limit": f"{limit:.3g}",
        "line": f"0,{row},{width - 1},{row}",
        "before": _png(view.before, low, high),
        "after": _png(view.after, low, high),
        "residual": _png(residual, -limit, limit, signed=True),
        "plots": (histogram(view.before, view.after, low, high), spectrum(residual)),
    }


def _part(view: View) -> str:
    (top, left), (height, width) = view.corner, view.after.shape
    return (
        f"Rows {top} to {top + height - 1} and columns {left} to {left + width - 1} of {view.shape[0]} × "
        f"{view.shape[1]} pixels, around the brightest structure."
    )


def _png(plane: npt.NDArray[np.float32], low: float, high: float, *, signed: bool = False) -> str:
    """Return a PNG of 8 bits as an address: grey, or blue and red around white where it is a difference."""
    from PIL import Image

    part = np.clip((plane.astype(np.float64) - low) / (high - low), 0, 1)
    picture = Image.fromarray(np.rint(255 * part).astype(np.uint8))
    if signed:
        steps = np.linspace(0, 1, 256)
        red, blue = np.minimum(2 * steps, 1), np.minimum(2 - 2 * steps, 1)
        colours = np.rint(255 * np.stack([red, np.minimum(red, blue), blue], -1)).astype(np.uint8)
        picture = picture.copy()
        picture.putpalette(colours.tobytes())
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
