"""What the benchmarks share: folders, the command line, the machine in one line, and the files they write."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autodip_ij._support.files import write_text
from autodip_ij._support.versions import processor_name

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
SHARED = Path(os.environ.get("AUTODIP_SHARED", ROOT.parent / "shared"))
"""Folder with ``data`` and ``weights``."""


def parser_of(documentation: str | None) -> argparse.ArgumentParser:
    """Return the parser of a script, whose help is its documentation."""
    return argparse.ArgumentParser(description=documentation, formatter_class=argparse.RawDescriptionHelpFormatter)


def machine_line() -> str:
    """Return processor and number of cores."""
    return f"{processor_name()}, {os.cpu_count()} cores"


def write_results(out: Path, record: Mapping[str, Any] | list[Any], page: str) -> Path:
    """Write a record beside its page, as ``out.json`` and ``out.md``; return the page."""
    write_text(out.with_suffix(".json"), json.dumps(record, indent=1) + "\n")
    return write_text(out.with_suffix(".md"), page)
