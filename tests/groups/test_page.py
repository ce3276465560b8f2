"""The page on groups shows the weights that are used, and its example of a vocabulary works."""

from __future__ import annotations

import re
from pathlib import Path

from autodip_ij.groups import infer_groups, load_vocabulary
from autodip_ij.images.image import SourceMetadata

from .page import evidence_tables

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "groups.md"
TABLES = ROOT / "autodip_ij" / "groups" / "vocabulary" / "README.md"


def test_the_tables_are_generated_from_the_vocabulary() -> None:
    text = TABLES.read_text(encoding="utf-8")
    shown = re.search(r"<!-- tables: begin -->\n(.*)\n<!-- tables: end -->", text, flags=re.DOTALL)
    assert shown is not None
    assert shown[1] == evidence_tables(load_vocabulary()), "put the result of evidence_tables(load_vocabulary()) there"


def test_the_example_vocabulary_of_the_page_works(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert example is not None
    path = tmp_path / "vocabulary.toml"
    path.write_text(example[1], encoding="utf-8")
    words = load_vocabulary(path)
    found = infer_groups(SourceMetadata("tiff", ("L7", "NukoRed", "mGlow")), words)
    assert [decision.specimen for decision in found] == ["mito", "nucleus", None]


def test_the_thresholds_of_the_page_are_the_ones_used() -> None:
    from autodip_ij.groups import infer as decide

    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert f"reaches {decide.HINT} and leads the next one by {decide.LEAD}" in text
    assert f"Without a single fact of {decide.OUTRIGHT} or more the total stays below {decide.OUTRIGHT}" in text
    assert f"at most {decide.OUTSIDE_CONFIDENCE}" in TABLES.read_text(encoding="utf-8")
