"""Make the scripts importable, and the made-up data sets that the tests of evaluation use."""

from __future__ import annotations

import sys
from pathlib import Path

_TESTS = Path(__file__).resolve().parent.parent
for folder in (_TESTS.parent / "benchmarks", _TESTS / "evaluation"):
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
