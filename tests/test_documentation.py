"""Documentation that cannot go stale: made pages are current, links lead somewhere, the README has its commands."""

from __future__ import annotations

import re
import runpy
import shlex
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import tifffile
from test_architecture import FLOORS, PACKAGE

from autodip_ij.cli.app import build_app, run
from autodip_ij.cli.pages import keywords_module, settings_page, sidecar_page

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/**/*.md", "calibration/**/*.md", "autodip_ij/**/*.md")
    for page in ROOT.glob(pattern)
)


def blocks(page: Path, *languages: str) -> list[str]:
    """Return the fenced blocks of a page, those of some languages alone."""
    found = re.findall(r"^ *```(\w*)\n(.*?)^ *```", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return [text for language, text in found if language in languages]


COMMANDS = [
    (page.name, line.strip())
    for page in PAGES
    for block in blocks(page, "", "bash")
    for line in block.replace("\\\n", " ").splitlines()
    if line.strip().startswith("autodip ") and not line.rstrip().endswith("&")
]


def test_the_pages_have_commands() -> None:
    assert len(COMMANDS) > 30


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_a_command_of_a_page_is_understood(page: str, command: str) -> None:
    words = shlex.split(command, comments=True)[1:]
    _, bound, *_ = build_app().parse_args(words, exit_on_error=False, print_error=False)
    assert bound.arguments or len(words) == 2


PYTHON = [(page.name, block) for page in PAGES for block in blocks(page, "python")]


@pytest.mark.parametrize(("page", "block"), PYTHON)
def test_the_python_of_a_page_compiles(page: str, block: str) -> None:
    assert compile(block, page, "exec").co_code


@pytest.fixture
def cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with the small files that the pages name."""
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).poisson(40, (64, 64)).astype(np.uint16)
    (tmp_path / "raw").mkdir()
    for name in ("cells.tif", "raw/a.tif", "raw/b.tif"):
        tifffile.imwrite(tmp_path / name, pixels)
    return tmp_path


@pytest.mark.parametrize("page", ["README.md", "docs/tutorials/terminal.md"])
def test_the_commands_of_the_first_pages_work_one_after_another(page: str, cells: Path) -> None:
    lines = [line.strip() for block in blocks(ROOT / page, "") for line in block.splitlines()]
    words = [
        shlex.split(line.replace(".czi", ".tif"), comments=True)[1:] for line in lines if line.startswith("autodip ")
    ]
    assert [command for command in words if run(command) != 0] == []
    assert (cells / "cells_autodip.ome.tif.autodip.json").exists()


def test_the_python_of_the_readme_works(cells: Path) -> None:
    for block in blocks(ROOT / "README.md", "python"):
        exec(block.replace(".czi", ".tif"), {})
    assert (cells / "cells_autodip.ome.tif").exists()


@pytest.mark.parametrize("notebook", sorted((ROOT / "docs" / "tutorials").glob("*.py")), ids=lambda path: path.name)
def test_a_notebook_compiles_and_its_links_lead_somewhere(notebook: Path) -> None:
    text = notebook.read_text(encoding="utf-8")
    assert compile(text, notebook.name, "exec").co_code
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert [link for link in links if not (notebook.parent / link).exists()] == []


def test_the_settings_page_is_made_from_the_settings() -> None:
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == settings_page()


def test_the_types_of_keywords_are_made_from_the_settings() -> None:
    module = ROOT / "autodip_ij" / "denoising" / "keywords.py"
    assert module.read_text(encoding="utf-8") == keywords_module()


def test_the_sidecar_page_is_generated_from_its_schema() -> None:
    page = sidecar_page()
    assert (ROOT / "docs" / "sidecar.md").read_text(encoding="utf-8") == page
    silent = [line for line in page.splitlines() if re.fullmatch(r"- `\w+` \([^:]*\)(: )?", line)]
    assert [line for line in silent if "object" not in line] == [], "fields without a description"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text(encoding="utf-8"))
    places = [(page.parent / target if target else page, anchor) for target, anchor in targets]
    assert [place for place, _ in places if not place.exists()] == []
    assert [(place, anchor) for place, anchor in places if anchor and anchor not in headings(place)] == []


def headings(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_page_has_its_place_in_the_site() -> None:
    places = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    listed = set(re.findall(r"[\w/.-]+\.md", places))
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    notebooks = {f"tutorials/{path.stem}.md" for path in (ROOT / "docs" / "tutorials").glob("*.py")}
    assert listed == pages | notebooks | {"index.md", "CHANGELOG.md"}


def test_the_readme_is_one_screen() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 65


def test_the_picture_of_how_it_chooses_is_drawn_by_its_script() -> None:
    script = runpy.run_path(str(ROOT / "benchmarks" / "how_it_chooses.py"))
    picture = (ROOT / "docs" / "images" / "how-it-chooses.svg").read_text(encoding="utf-8")
    assert picture == script["drawing"]()


def test_the_readme_starts_with_two_commands_of_one_line_each() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```\w*\n(.*?)```", readme, flags=re.DOTALL)
    first, second = (block.strip() for block in blocks[:2])
    assert "\n" not in first
    assert "autodip demo" in first
    assert "\n" not in second
    assert "pytest" in second
    assert all("-m venv" in command for command in (first, second))


def test_the_drawing_of_the_house_has_every_room_on_its_floor() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    drawn = [
        (int(floor), room)
        for floor, names in re.findall(r"^\| (\d+) \| (.+?) \|", page, re.M)
        for room in re.findall(r"`(\w+)`", names)
    ]
    assert sorted(drawn) == sorted((floor, room) for floor, names in enumerate(FLOORS, 1) for room in names)


def test_what_the_drawing_names_exists() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    files = set(re.findall(r"`(?:autodip_ij/)?([\w/]+/\w+\.py)`", page)) - {"dip/fit.py"}
    assert [name for name in sorted(files) if not (PACKAGE / name).exists() and not (ROOT / name).exists()] == []
    (way,) = (block for block in blocks(ROOT / "CONTRIBUTING.md", "") if block.startswith("denoising."))
    named = re.findall(r"\b[a-z_]+(?:\.[A-Za-z_]+)+", way)
    assert len(named) > 10
    lacking = [
        name for name in named if not resolve(f"autodip_ij.{name}") and not resolve(f"autodip_ij.denoising.{name}")
    ]
    assert lacking == []


def resolve(name: str) -> object | None:
    """Return the module, class or function of a dotted name; None if there is none."""
    with suppress(ImportError):
        return import_module(name)
    outer, _, inner = name.rpartition(".")
    return getattr(resolve(outer), inner, None) if outer else None
