"""Fixtures of the tests on groups."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest


@pytest.fixture(autouse=True)
def configuration(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty configuration folder, so that the developer's own vocabulary does not count."""
    folder = tmp_path_factory.mktemp("config")
    monkeypatch.setattr(platformdirs, "user_config_path", lambda *_args, **_options: folder)
    return folder
