"""Every script of the benchmarks can be loaded and explains itself."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py") if "def main(" in path.read_text(encoding="utf-8"))


def test_there_are_scripts() -> None:
    assert len(SCRIPTS) >= 18


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_answers_help(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "path", sys.path.copy())
    environment = dict(os.environ)
    try:
        script = importlib.import_module(name)
    finally:  # one of them sets the number of threads
        os.environ.clear()
        os.environ.update(environment)
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--help"])
    with pytest.raises(SystemExit) as ended:
        script.main()
    assert ended.value.code == 0
    assert str(script.__doc__).splitlines()[0] in capsys.readouterr().out.replace("\n", " ")
