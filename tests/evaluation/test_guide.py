"""The Python of the page on evaluation runs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import synthetic_folders as folders

GUIDE = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")


def test_the_python_of_the_guide_runs(tmp_path, monkeypatch, rng):
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)
    data = tmp_path / "my_images"
    clean = np.zeros((40, 40), np.float32)
    clean[10:30, 10:30] = 100
    folders.write_tif(data / "a_long.tif", clean)
    folders.write_tif(data / "a_short.tif", clean + rng.normal(0, 10, clean.shape).astype(np.float32))
    (data / "pairs.csv").write_text("noisy,clean\na_short.tif,a_long.tif\n")
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "guide"}
    exec(code, names)
    assert set(names["table"]["method"]) == {"noisy", "median"}
    assert (tmp_path / "results" / "report.md").is_file()
