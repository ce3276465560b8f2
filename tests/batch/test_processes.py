"""Worker processes: what they answer, what a death costs, that they end with their parent, that they open no port."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import psutil
import pytest
from distributed import LocalCluster

from autodip_ij.batch.loop import answers
from autodip_ij.batch.processes import Answer, Call, worker_number
from autodip_ij.errors import EnvironmentProblem


def done(calls: list[Call], workers: int = 1, **options: object) -> dict[int, Answer]:
    return dict(answers(calls, workers, **options))  # type: ignore[arg-type]


def test_values_come_back_under_their_index() -> None:
    found = done([Call(pow, (2, n)) for n in range(5)], 2)
    assert {index: answer.value for index, answer in found.items()} == {n: 2**n for n in range(5)}


def test_what_a_call_raises_is_its_answer_alone() -> None:
    found = done([Call(divmod, (1, 0)), Call(sys.exit, (3,)), Call(abs, (-1,))])
    assert found[0].error.startswith("ZeroDivisionError: ")
    assert found[1].error == "SystemExit: 3"
    assert found[2] == Answer(1)


def test_what_cannot_travel_is_said() -> None:
    found = done([Call(abs, (open,)), Call(len, (lambda: 0,)), Call(open, (os.devnull,)), Call(abs, (-1,))])
    assert "cannot be sent" in found[1].error
    assert "cannot be sent" in found[2].error
    assert found[3] == Answer(1)


@pytest.mark.skipif(os.name == "nt", reason="processes have no signals there")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_call_that_kills_its_process_is_tried_twice_and_costs_no_other(tmp_path: Path, workers: int) -> None:
    tries = tmp_path / "tries"
    deadly = Call(subprocess.run, (["sh", "-c", f"echo x >> {tries}; kill -9 $PPID"],))
    calls = [Call(abs, (-1,)), deadly, *(Call(abs, (-n,)) for n in range(5))]
    begun: list[int] = []
    found = done(calls, workers, begun=begun.append)
    assert found[1] == Answer(error="its worker process died (signal SIGKILL)", died=True)
    assert [found[index].value for index in (0, 2, 3, 4, 5, 6)] == [1, 0, 1, 2, 3, 4]
    assert tries.read_text() == "x\nx\n"
    assert begun.count(1) == 2


def local_cluster(workers: int) -> LocalCluster:
    """Return a scheduler whose workers are threads of this process: what kills a worker kills the tests."""
    options = {"dashboard_address": None, "scheduler_kwargs": {"dashboard": False}}
    return LocalCluster(n_workers=workers, threads_per_worker=1, processes=False, protocol="tcp://", **options)


@pytest.mark.skipif(os.name == "nt", reason="processes have no signals there")
def test_a_call_that_kills_its_process_costs_no_worker_of_a_cluster(tmp_path: Path) -> None:
    tries = tmp_path / "tries"
    deadly = Call(subprocess.run, (["sh", "-c", f"echo x >> {tries}; kill -9 $PPID"],))
    calls = [Call(abs, (-1,)), deadly, Call(os.getpid), Call(worker_number)]
    with local_cluster(1) as cluster:
        found = done(calls, scheduler=cluster.scheduler_address)
    assert found[1] == Answer(error="its worker process died (signal SIGKILL)", died=True)
    assert tries.read_text() == "x\nx\n"
    assert found[0] == Answer(1)
    assert found[2].value != os.getpid()
    assert found[3] == Answer(0)


def test_a_scheduler_that_ends_is_named() -> None:
    with local_cluster(0) as cluster, pytest.raises(EnvironmentProblem, match="has gone; run again to resume"):
        done([Call(abs, (-1,))], scheduler=cluster.scheduler_address, more=cluster.close)


def test_calls_that_come_later_are_made_by_the_same_process() -> None:
    waves = [[Call(os.getpid)], [], [Call(os.getpid), Call(abs, (-2,))]]
    found = done([Call(os.getpid)], more=lambda: waves.pop(0) if waves else None)
    assert found[3] == Answer(2)
    assert found[0] == found[1] == found[2] != Answer(os.getpid())


@pytest.mark.skipif(not Path("/proc/self/oom_score_adj").exists(), reason="a measure of Linux")
def test_where_memory_ends_a_worker_is_killed_before_its_parent() -> None:
    (answer,) = done([Call(Path.read_text, (Path("/proc/self/oom_score_adj"),))]).values()
    assert int(answer.value) > int(Path("/proc/self/oom_score_adj").read_text())


def test_what_is_printed_is_not_taken_for_an_answer() -> None:
    assert done([Call(print, ("x" * 100,)), Call(os.write, (1, b"y" * 100))]) == {0: Answer(None), 1: Answer(100)}


def test_threads_and_number_reach_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    (answer,) = done([Call(os.getenv, ("OMP_NUM_THREADS",))], threads=3).values()
    assert answer.value == "3"
    assert done([Call(worker_number)])[0].value == 0
    assert worker_number() is None


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_wish_to_stop_and_a_closed_generator_end_the_processes() -> None:
    before = set(psutil.Process().children())
    began = time.monotonic()
    calls = [Call(time.sleep, (60,))] * 3
    assert done(calls, 2, stopped=lambda: time.monotonic() > began + 1) == {-1: None}
    with closing(answers([Call(abs, (-1,)), *calls], 2)) as found:
        next(found)
    assert time.monotonic() < began + 30
    assert set(psutil.Process().children()) <= before


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is a signal of POSIX")
def test_workers_end_with_their_parent_and_open_no_port() -> None:
    code = "import time; from autodip_ij.batch.loop import *; list(answers([Call(time.sleep, (60,))] * 2, 2))"
    with subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2]) as parent:
        watched = psutil.Process(parent.pid)
        wait_until(lambda: len(watched.children()) == 2)
        workers = watched.children()
        wait_until(lambda: all(worker.cpu_times().user > 0 for worker in workers))
        time.sleep(0.5)
        opened = [each for process in (watched, *workers) for each in process.net_connections("inet")]
        parent.send_signal(signal.SIGKILL)
    assert opened == []
    wait_until(lambda: all(map(gone, workers)))


def test_a_working_directory_with_names_of_modules_is_no_trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "random.py").write_text("raise RuntimeError('this is data')")
    (tmp_path / "pickle.py").write_text("raise RuntimeError('this is data')")
    monkeypatch.chdir(tmp_path)
    assert done([Call(partial(abs, -1))])[0] == Answer(1)
