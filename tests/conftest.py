"""Fixtures that every test may use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# The fits of the tests are so small that threads only wait for each other; on a busy machine they wait long. Set
# before PyTorch or NumPy is loaded, and inherited by the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Without an NVIDIA driver Triton's kernels run under its interpreter, which has to be chosen before its first import,
# and PyTorch imports it when it likes.
if shutil.which("nvidia-smi") is None:
    os.environ.setdefault("TRITON_INTERPRET", "1")

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from xdist.scheduler import LoadFileScheduling

ROOT = Path(__file__).resolve().parent.parent


def shared_root() -> Path | None:
    """Return the folder of shared material ($AUTODIP_SHARED, or ../shared beside the checkout), if it is there."""
    candidate = Path(os.environ.get("AUTODIP_SHARED", ROOT.parent / "shared"))
    return candidate if candidate.is_dir() else None


LONGEST = (
    "fiji/test_macros_external.py",
    "test_microscope_files.py",
    "batch/test_claim.py",
    "cli/test_app.py",
    "fiji/test_commands.py",
    "benchmarks/test_noise_kinds.py",
    "batch/test_processes.py",
    "denoising/test_choice_agrees.py",
    "evaluation/test_search.py",
    "calibration/test_transfer.py",
)
"""Files of tests that take longest, by their place here: they begin first, so that none is left at the end."""
TOGETHER = ("calibration/test_transfer.py", "evaluation/test_selection.py")
"""Files of tests in one process: each process that lays images out by UMAP compiles it first, for ten seconds."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files."""
    place = {Path(__file__).parent / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


class InFiles(LoadFileScheduling):
    """Gives each process whole files in the order in which they were collected, and some files together."""

    def _split_scope(self, nodeid: str) -> str:
        scope = super()._split_scope(nodeid)
        return "+".join(TOGETHER) if scope.endswith(TOGETHER) else scope


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> InFiles:
    """Distribute the tests over processes file by file (in place of ``--dist``)."""
    config.option.loadscopereorder = False  # xdist would begin with the files that have most tests
    return InFiles(config, log)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The shared real data; the test skips where it is absent."""
    root = shared_root()
    if root is None:
        pytest.skip("shared material absent: neither $AUTODIP_SHARED nor ../shared is a folder")
    return root


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Fits side by side share the threads, and with other numbers of them results differ by rounding."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20260112)


@pytest.fixture
def no_weights_by_accident(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A test sees only the LPIPS weights that it names."""
    monkeypatch.delenv("AUTODIP_LPIPS_WEIGHTS", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path_factory.mktemp("torch-home")))


@pytest.fixture
def scene(rng) -> np.ndarray:
    """Blobs with edges, odd sides, in [0.05, 0.95]."""
    blobs = (gaussian_filter(rng.random((97, 83)), 5) > 0.5) * gaussian_filter(rng.random((97, 83)), 15)
    smooth = gaussian_filter(blobs, 1.2)
    return (0.05 + 0.9 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.float32)


@pytest.fixture
def noisy(rng, scene) -> np.ndarray:
    """`scene` with shot noise a = 0.02 and read-out noise b = 1e-4."""
    values = 0.02 * rng.poisson(scene / 0.02) + 0.01 * rng.standard_normal(scene.shape)
    return values.astype(np.float32)


PIXEL_SUFFIXES = {".czi", ".nd2", ".lif", ".oib", ".dv", ".tiff", ".tif"}


def microscope_files() -> list[Path]:
    """Return the shared microscope files that hold pixels."""
    root = shared_root()
    folder = root / "microscope_files" if root else None
    return sorted(path for path in folder.iterdir() if path.suffix in PIXEL_SUFFIXES) if folder else []


@pytest.fixture(params=microscope_files() or [None], ids=lambda path: path.name if path else "absent")
def microscope_file(request: pytest.FixtureRequest) -> Path:
    """Each real microscope file in turn; the test skips where they are absent."""
    if request.param is None:
        pytest.skip("shared microscope files absent: neither $AUTODIP_SHARED nor ../shared is a folder")
    return request.param


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
