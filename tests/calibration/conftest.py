from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def without_weights(no_weights_by_accident: None) -> None:
    """Every test of this folder sees only the LPIPS weights that it names."""
