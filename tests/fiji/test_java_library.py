"""The library of Java mode is compiled once: kept for other sessions and Fijis, and never a condition for a run."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from autodip_ij.fiji.commands.scripts import java_folder

pytestmark = pytest.mark.jvm
LOADER = java_folder().parents[2] / "lib" / "AUTO-DIP" / "AutoDipLibrary.groovy"
Session = Callable[[], str]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A folder with the loader and a library of two classes."""
    folder = tmp_path / "lib" / "AUTO-DIP"
    folder.mkdir(parents=True)
    for name in (LOADER.name, "AutoDipCompiler.groovy"):
        shutil.copy(LOADER.with_name(name), folder)
    said = 'Other.word() + " " + entry + AutoDipLibrary.folder.name'
    (folder / "AutoDIP.groovy").write_text(f"class AutoDIP {{ static Object command(entry, binding) {{ {said} }} }}")
    (folder / "Other.groovy").write_text('class Other { static String word() { ["one"].collect { it }[0] } }')
    return folder


@pytest.fixture
def classes(imagej: Any, tmp_path: Path) -> Iterator[Path]:
    """The folder of the compiled classes."""
    system = imagej.java("java.lang.System")
    folder = tmp_path / "home ü" / "classes"
    before = system.setProperty("autodip.classes", str(folder))
    yield folder
    system.setProperty("autodip.classes", before) if before else system.clearProperty("autodip.classes")


@pytest.fixture
def session(imagej: Any, library: Path, classes: Path) -> Session:
    """Call a command of the library in a session of Fiji that has not loaded it yet."""
    java = imagej.java

    def call() -> str:
        file, text, binding = java("java.io.File"), java("java.lang.String"), java("groovy.lang.Binding")
        parent = binding.class_.getClassLoader()  # a thread of Python has another one by default
        loaded = java("groovy.lang.GroovyClassLoader")(parent).parseClass(file(str(library / LOADER.name)))
        loaded.getMethod("setFolder", file.class_).invoke(None, file(str(library)))
        return str(loaded.getMethod("command", text.class_, binding.class_).invoke(None, "run ", binding()))

    return call


def kept(classes: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in classes.iterdir()}


def test_what_one_session_compiled_the_next_ones_load_until_a_source_changes(session, library, classes):
    assert session() == "one run AUTO-DIP"
    before = kept(classes)
    assert len(before) == 1
    assert session() == "one run AUTO-DIP"
    assert kept(classes) == before
    other = library / "Other.groovy"
    other.write_text(other.read_text().replace("one", "two"))
    assert session() == "two run AUTO-DIP"
    assert len(kept(classes)) == 2


def test_a_damaged_file_is_made_anew_and_a_folder_that_cannot_be_written_is_done_without(session, classes):
    session()
    (file,) = classes.iterdir()
    whole = file.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", whole.replace(whole[200:220], bytes(20))):
        file.write_bytes(damaged)
        assert session() == "one run AUTO-DIP"
        assert len(file.read_bytes()) == len(whole)
    shutil.rmtree(classes)
    classes.write_text("not a folder")
    assert session() == "one run AUTO-DIP"
    assert classes.read_text() == "not a folder"


def test_two_fijis_may_compile_at_the_same_time(session, classes):
    answers: list[str] = []
    both = [Thread(target=lambda: answers.append(session())) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert answers == ["one run AUTO-DIP"] * 2
    assert [path.suffix for path in classes.iterdir()] == [".zip"]
