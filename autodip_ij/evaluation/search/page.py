"""The page of a pack: the table and the pictures, to be opened in a browser."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from autodip_ij.calibration.advice import operations
from autodip_ij.calibration.model import Parameters
from autodip_ij.calibration.pack.write import Key

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { border: 1px solid #ccc; padding: .25rem .6rem; text-align: right }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left }
img { max-width: 100%; display: block; margin: .5rem 0 }
"""


def page(
    name: str,
    about: Sequence[str],
    criterion: str,
    parameters: Mapping[Key, Parameters],
    pictures: Iterable[str],
) -> bytes:
    """Return the HTML page of a calibration pack.

    Parameters
    ----------
    name
        Name of the calibration.
    about
        Lines above the table: data, date, machine.
    criterion
        Criterion whose table is shown.
    parameters
        By (criterion, group, effort).
    pictures
        Names of the picture files in the pack.
    """
    rows = [
        (group, effort or "", *_values(found)) for (of, group, effort), found in parameters.items() if of == criterion
    ]
    header = ("group", "effort", "depth", "width", "skip", "iterations", "TFLOP at 512 x 512")
    parts = [
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{escape(name)}</title>",
        f"<style>{_STYLE}</style></head><body><h1>Calibration {escape(name)}</h1>",
        *(f"<p>{escape(line)}</p>" for line in about),
        f"<h2>Parameters, best by {escape(criterion)}</h2>",
        _html_table(header, rows),
        "<h2>Pictures</h2>",
        *(f"<img src='{escape(file)}' alt='{escape(file)}' loading='lazy'>" for file in pictures),
        "</body></html>",
    ]
    return "\n".join(parts).encode()


def _values(found: Parameters) -> tuple[str, ...]:
    cost = operations(found, (512, 512)) / 1e12
    return str(found.depth), str(found.width), str(found.skip), str(found.iterations), f"{cost:,.1f}"


def _html_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"
