"""The table of formats of ``docs/formats.md``, made from the rows that declare them."""

from __future__ import annotations

from autodip_ij.images.reading import formats


def formats_table() -> str:
    """Return Markdown: for every flavour of every format its suffixes, its package, its instrument metadata."""
    rows = ["| format | suffixes | package (licence) | instrument metadata from |", "| --- | --- | --- | --- |"]
    for entry in formats.FORMATS:
        packages = ", ".join(
            f"{package.distribution or package.name} ({package.licence})" for package in entry.packages
        )
        for flavour in entry.flavours:
            suffixes = " ".join(flavour.suffixes or entry.suffixes)
            rows.append(f"| {flavour.title or entry.title} | `{suffixes}` | {packages} | {flavour.instrument} |")
    return "\n".join(rows)
