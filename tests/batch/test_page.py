"""The page of a batch: every file has its row, nothing from a file becomes mark-up, its links lead to the results."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
import tifffile
from imageio.v3 import imread

from autodip_ij.batch import Row, run_batch
from autodip_ij.batch.page import Details, Flagged, Page, render
from autodip_ij.settings import DenoiseSettings

MakeTiff = Callable[..., Path]
EVIL = "<img src=x onerror=alert(1)>"


class Elements(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def page(folder: Path) -> Elements:
    return Elements((folder / "index.html").read_text(encoding="utf-8"))


def test_every_file_has_a_row_with_pictures_and_links_that_exist(
    tmp_path: Path, quick: DenoiseSettings, make_tiff: MakeTiff
) -> None:
    make_tiff(tmp_path / "in/a ü#1?.tif", shape=(200, 190))
    make_tiff(tmp_path / "in/day 1/stack.tif", shape=(5, 40, 50))
    (tmp_path / "in/bad.tif").write_bytes(b"II*\0")
    run_batch(tmp_path / "in", tmp_path / "out", quick)
    for run in ("done", "skipped"):
        found = page(tmp_path / "out")
        assert len(found.all("tr")) == 1 + 3
        pictures = [str(image["src"]) for image in found.all("img")]
        assert len(pictures) == 4
        assert all(image["loading"] == "lazy" for image in found.all("img"))
        sizes = [imread(tmp_path / "out" / name).shape[:2] for name in pictures]
        assert sizes == [(160, 160)] * 2 + [(40, 50)] * 2
        links = [unquote(str(link["href"])) for link in found.all("a")]
        assert len(links) == 4
        assert all((tmp_path / "out" / link).exists() for link in links)
        assert f"2 {run}" in found.text
        assert "widefield/nucleus" in found.text
        assert found.open == []
        assert run_batch(tmp_path / "in", tmp_path / "out", quick).count("skipped") == 2


@pytest.mark.skipif("os.name == 'nt'", reason="such names are those of POSIX")
def test_names_of_files_and_channels_are_text(tmp_path: Path, quick: DenoiseSettings, make_tiff: MakeTiff) -> None:
    (tmp_path / "in").mkdir()
    pixels = np.random.default_rng(0).poisson(60, (24, 24)).astype(np.uint16)
    tifffile.imwrite(tmp_path / f"in/{EVIL}.ome.tif", pixels, metadata={"axes": "YX", "Channel": {"Name": EVIL}})
    make_tiff(tmp_path / "in/javascript:alert(1).tif")
    (tmp_path / "in/' onload='x.tif").write_bytes(b"II*\0")
    run_batch(tmp_path / "in", tmp_path / "out", quick)
    found = page(tmp_path / "out")
    assert found.text.count(EVIL) == 2  # the file and its channel
    assert all(str(image["src"]).startswith("thumbnails/") for image in found.all("img"))
    assert not any(name.startswith("on") for _, attributes in found.found for name in attributes)
    assert all(str(link["href"]).startswith("./") for link in found.all("a"))
    assert len(found.all("script")) == 1


def test_checks_are_told_in_words_and_sorted_from_the_worst() -> None:
    check = Flagged(name="stripes", value=0.5, verdict="red", advice=f"rows differ {EVIL}")
    rows = [
        Row("a.tif", "", "a.ome.tif", "done", "all", "green", 1.25),
        Row("b.tif", "", "b.ome.tif", "done", "all", "red", 0.5),
        Row("c.tif", "", "c.ome.tif", "failed", message="broken\x1b[31m"),
    ]
    found = Elements(render("raw", rows, {"b.ome.tif": Details(checks=(check,))}))
    assert "stripes = 0.5: rows differ <img" in found.text.replace("\n", " ")
    ranks = [str(cell["data-key"]) for cell in found.all("td") if str(cell.get("data-key")) in "01234"]
    assert ranks == ["2", "0", "4"]
    assert "broken\\x1b[31m" in found.text


def test_it_asks_nothing_of_the_network() -> None:
    text = render("raw", [Row("a.tif", "", "a.ome.tif", "done", "all", "green")], {})
    assert "//" not in text.replace("// A click", "")
    assert "default-src 'none'" in text


def test_it_is_written_during_the_batch_and_a_full_disk_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autodip_ij.batch.page._PAUSE", 0.0)
    written = Page(tmp_path, "raw")
    written.catch_up([Row("a.tif", "", "a.ome.tif")], {})
    assert "the batch is running" in page(tmp_path).text
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]  # and nothing half-written
    (tmp_path / "file").touch()
    Page(tmp_path / "file", "raw").write([], {})  # cannot be written there


def test_every_result_has_a_report_page_if_asked_for_also_one_made_before(
    tmp_path: Path, quick: DenoiseSettings, make_tiff: MakeTiff
) -> None:
    make_tiff(tmp_path / "in/day 1/a.tif", shape=(48, 48))
    run_batch(tmp_path / "in", tmp_path / "out", quick)
    make_tiff(tmp_path / "in/b.tif", shape=(48, 48))
    (tmp_path / "in/bad.tif").write_bytes(b"II*\0")
    result = run_batch(tmp_path / "in", tmp_path / "out", quick, report=True)
    assert (result.count("done"), result.count("skipped"), result.count("failed")) == (1, 1, 1)
    found = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.report.html")}
    assert found == {"b_autodip.report.html", "day 1/a_autodip.report.html"}
