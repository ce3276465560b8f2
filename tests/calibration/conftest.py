from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an AlexNet backbone of random weights: enough to test what is done with features."""
    import torch
    from torchvision.models import alexnet

    folder = tmp_path_factory.mktemp("weights")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(alexnet(weights=None).features.state_dict(), folder / "alexnet_features.pth")
    return folder


@pytest.fixture(autouse=True)
def no_weights_by_accident(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests see only the LPIPS weights that they name."""
    monkeypatch.delenv("AUTODIP_LPIPS_WEIGHTS", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path_factory.mktemp("torch-home")))
