"""Fixtures of the image tests."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import psutil
import pytest

from autodip_ij.images.reading import lazy


@pytest.fixture
def no_open_files() -> Iterator[None]:
    """Fail where a test leaves a file open that was not open before."""
    process = psutil.Process()
    before = {entry.path for entry in process.open_files()}
    yield
    left = {entry.path for entry in process.open_files()} - before
    if left:
        # Arrays that map a file may wait for the collector in reference cycles of dask.
        gc.collect()
        left = {entry.path for entry in process.open_files()} - before
    assert not left


@pytest.fixture
def plane_reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, int]]:
    """The (t, c, z) of every plane that is read from a file, in order."""
    seen: list[tuple[int, int, int]] = []
    read_block = lazy._read_block

    def counted(*, block_id: tuple[int, ...] = (0,) * 5, **options):
        seen.append(tuple(block_id[:3]))
        return read_block(block_id=block_id, **options)

    monkeypatch.setattr(lazy, "_read_block", counted)
    return seen
