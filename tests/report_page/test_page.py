"""The report page: complete, nothing from a file becomes mark-up, and it works in a browser without a network."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from autodip_ij.cli.app import run
from autodip_ij.denoising import denoise_file
from autodip_ij.denoising.checks import LIMITS
from autodip_ij.denoising.report import read_sidecar, write_sidecar
from autodip_ij.errors import BadInput, UnreadableFile
from autodip_ij.report_page.page import write_report
from autodip_ij.report_page.words import MEANINGS, command_of
from autodip_ij.settings import DenoiseSettings

EVIL = "<script>alert(1)</script> \"quoted' häßlich \u202egnp.exe \u05e9\u05dc\u05d5\u05dd"


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result of two channels and two time points beside its input."""
    folder = tmp_path_factory.mktemp("report")
    rng = np.random.default_rng(1)
    clean = 50 + 400 * np.exp(-((np.mgrid[:64, :72] - 30) ** 2).sum(0) / 200)
    pixels = rng.poisson(np.broadcast_to(clean, (2, 2, 64, 72))).astype(np.uint16)
    tifffile.imwrite(folder / "in ü's.ome.tif", pixels, metadata={"axes": "TCYX"})
    settings = DenoiseSettings(method="gaussian", time="0-1", neighbours="off")
    return denoise_file(folder / "in ü's.ome.tif", folder / "out.ome.tif", settings).output


class Page(HTMLParser):
    """Elements and text of a page."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_channel_and_time_point_has_pictures_plots_checks_and_the_command(result: Path) -> None:
    assert run(["report", str(result), "--quiet"]) == 0
    page = Page(result.with_name("out.report.html"))
    titles = [attrs["aria-label"] for tag, attrs in page.found if attrs.get("class") == "view"]
    assert titles == [f"channel {c}, time point {t}" for c in (0, 1) for t in (0, 1)]
    assert sum(tag == "img" for tag, _ in page.found) == 3 * len(titles)
    for words in ("Histogram", "Line profile", "Spectrum", "noise removed", "torch", "Group"):
        assert words in page.text
    command = command_of(read_sidecar(result))
    assert command in page.text
    assert shlex.split(command)[:4] == ["autodip", "denoise", "in ü's.ome.tif", "out.ome.tif"]
    assert {"--method=gaussian", "--time=0-1"} < set(shlex.split(command))


def test_nothing_outside_the_file_is_named(result: Path) -> None:
    page = Page(write_report(result))
    named = [value or "" for _, attrs in page.found for key, value in attrs.items() if key in ("src", "href", "action")]
    assert all(value.startswith("data:image/png;base64,") for value in named)


def test_texts_of_files_are_shown_and_never_become_markup(result: Path, tmp_path: Path) -> None:
    record = read_sidecar(result)
    channel = record.channels[0]
    parts = {"name": EVIL, "group": EVIL, "reason": EVIL}
    evidence = [{"source": EVIL, "value": EVIL, "speaks_for": EVIL, "weight": 1.0}]
    told = type(channel).model_validate({**channel.model_dump(), **parts, "evidence": evidence})
    named = record.model_copy(update={"channels": [told, record.channels[1]], "messages": [EVIL]})
    copy = tmp_path / "out.ome.tif"
    shutil.copy(result, copy)
    write_sidecar(named, copy)
    page = Page(write_report(copy, source=result.with_name("in ü's.ome.tif")))
    assert sum(tag == "script" for tag, _ in page.found) == 1
    assert page.text.count("häßlich") >= 6
    assert "\u202e" not in page.text


def test_an_input_that_is_missing_or_another_one_is_refused(result: Path, tmp_path: Path) -> None:
    copy = tmp_path / "deep/out.ome.tif"
    copy.parent.mkdir()
    shutil.copy(result, copy)
    write_sidecar(read_sidecar(result), copy)
    with pytest.raises(UnreadableFile, match="--input"):
        write_report(copy)
    tifffile.imwrite(tmp_path / "other.ome.tif", np.zeros((2, 2, 30, 30), np.uint8), metadata={"axes": "TCYX"})
    with pytest.raises(BadInput, match=r"other\.ome\.tif.*shapes"):
        write_report(copy, source=tmp_path / "other.ome.tif")
    with pytest.raises(BadInput, match=r"\.html"):
        write_report(result, result.with_name("in ü's.ome.tif"))


def test_every_check_has_a_sentence() -> None:
    assert set(MEANINGS) == set(LIMITS)


@pytest.fixture
def browser() -> Iterator[Any]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium in PATH")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


def test_it_works_in_a_browser_by_mouse_and_keyboard_without_a_request(result: Path, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 900, "height": 900})
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    address = write_report(result).as_uri()
    page.goto(address)
    view = page.locator(".view").first
    divider, curve = view.locator(".divider"), view.locator(".profile polyline.after")
    page.wait_for_function("document.querySelector('.profile polyline').getAttribute('points') !== ''")

    def at() -> int:
        return int(divider.get_attribute("aria-valuenow"))

    box = divider.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + 20
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 200, y)
    page.mouse.up()
    assert at() > 60
    before = at()
    divider.focus()
    page.keyboard.press("ArrowLeft")
    assert at() == before - 1
    page.keyboard.press("Home")
    assert at() == 0
    page.keyboard.press("+")
    assert view.locator(".zoom").text_content() == "150 %"
    page.keyboard.press("-")
    assert view.locator(".zoom").text_content() == "100 %"

    drawn = curve.get_attribute("points")
    stage = view.locator(".stage").bounding_box()
    page.mouse.move(stage["x"] + 100, stage["y"] + 30)
    page.mouse.down()
    page.mouse.move(stage["x"] + 300, stage["y"] + 200)
    page.mouse.up()
    assert curve.get_attribute("points") != drawn

    view.get_by_role("button", name="what was removed").click()
    assert view.locator(".difference").is_visible()
    page.get_by_label("Plane").select_option("2")
    assert page.locator(".view").nth(2).is_visible()
    assert not view.is_visible()
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert complaints == []
    assert [url for url in requests if url != address and not url.startswith("data:")] == []
