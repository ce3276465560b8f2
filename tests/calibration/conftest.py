from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_weights_by_accident(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests see only the LPIPS weights that they name."""
    monkeypatch.delenv("AUTODIP_LPIPS_WEIGHTS", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path_factory.mktemp("torch-home")))
