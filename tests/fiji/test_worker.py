"""The worker with real processes: crash, out of memory, stray prints, queue, cancel, and nothing left behind."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from autodip_ij.errors import BadInput, Cancelled, OutOfMemory
from autodip_ij.fiji.worker.interpreter import GRACE_SECONDS
from autodip_ij.fiji.worker.messages import UnexpectedFailure, WorkerCrashed
from autodip_ij.fiji.worker.service import Engine
from autodip_ij.progress import Silent, Stop

SUPPORT = str(Path(__file__).parent / "support")
posix = pytest.mark.skipif(os.name == "nt", reason="signals and /proc")


@pytest.fixture(scope="module")
def engine():
    """One worker for all tests that leave it alive."""
    engine = Engine({"PYTHONPATH": SUPPORT, "OMP_NUM_THREADS": "1"})
    yield engine
    engine.release()


class Watcher(Silent):
    """Remembers what it was told, and asks to stop `after` seconds, once the job has begun."""

    def __init__(self, stop=Stop.NO, after=0.0):
        self.lines, self.previews, self.steps, self.message = [], [], 0, ""
        self._stop, self._after, self.began = stop, after, None

    def start(self, total, message):
        self.message, self.began = message, time.monotonic()

    def advance(self, steps=1, message=None):
        self.steps += steps

    def log(self, message):
        self.lines.append(message)

    def wants_preview(self):
        return not self.previews

    def preview(self, plane, title):
        self.previews.append((plane, title))

    def stop_request(self):
        begun = self.began is not None and time.monotonic() - self.began >= self._after
        return self._stop if begun else Stop.NO


def run(engine, job, progress=None, /, preview_of=None, **values):
    with engine.arrays() as shared:
        return engine.run(f"worker_jobs:{job}", values, shared, progress or Silent(), preview_of=preview_of)


def worker_process(engine):
    return run_double(engine)["process"]


def run_double(engine, progress=None):
    with engine.arrays() as shared:
        shared.add("source", "float32", (3, 5))[:] = 1.5
        shared.add("target", "float32", (3, 5))
        answer = engine.run("worker_jobs:double", {}, shared, progress or Silent())
        assert (shared["target"] == 3).all()
    return answer


def test_a_job_reads_and_writes_shared_arrays_and_reports(engine):
    watcher = Watcher()
    assert run_double(engine, watcher)["sum"] == 45
    assert (watcher.message, watcher.steps) == ("doubling", 3)


def test_the_worker_is_another_process_and_is_reused(engine):
    first = worker_process(engine)
    assert first == worker_process(engine) != os.getpid()


def test_prints_of_a_job_do_not_disturb_the_protocol(engine):
    watcher = Watcher()
    assert run(engine, "chatter", watcher) == "done"
    assert watcher.lines == ["a line"]  # what a library says to programmers is not for the user


def test_an_error_meant_for_the_user_arrives_as_it_was_raised(engine):
    with pytest.raises(BadInput, match=r"^channel 7: the image has 2 channels$"):
        run(engine, "refuse")


def test_an_unforeseen_error_names_itself_and_brings_its_traceback(engine):
    with pytest.raises(UnexpectedFailure, match="ZeroDivisionError: division by zero") as caught:
        run(engine, "stumble", zero=0)
    assert "in stumble" in caught.value.details


def test_sys_exit_in_a_job_is_an_error_and_the_worker_lives(engine):
    before = worker_process(engine)
    with pytest.raises(UnexpectedFailure, match="SystemExit: 5"):
        run(engine, "leave")
    assert worker_process(engine) == before


@posix
def test_the_worker_reports_and_survives_running_out_of_memory(engine):
    before = worker_process(engine)
    with pytest.raises(OutOfMemory, match="out of memory"):
        run(engine, "fill_memory")
    assert worker_process(engine) == before


def test_an_answer_that_cannot_be_sent_is_an_error(engine):
    with pytest.raises(UnexpectedFailure, match="not JSON serializable"):
        run(engine, "unserialisable")


def test_values_that_cannot_be_sent_are_refused_before_the_worker_sees_them(engine):
    with pytest.raises(TypeError, match="not JSON serializable"):
        run(engine, "double", handle=object())
    assert run(engine, "chatter") == "done"


def test_more_shared_memory_than_there_is_is_refused(engine):
    with engine.arrays() as shared, pytest.raises(OutOfMemory, match="shared memory"):
        shared.add("source", "float32", (2**50,))


@posix
@pytest.mark.parametrize(("job", "why"), [("die", "SIGKILL.*memory ran out"), ("fault", "SIGSEGV")])
def test_a_crash_is_reported_and_the_next_job_gets_a_new_worker(engine, job, why):
    before = worker_process(engine)
    with pytest.raises(WorkerCrashed, match=why):
        run(engine, job)
    assert worker_process(engine) != before


@posix
def test_a_kill_in_the_middle_of_a_job_is_reported(engine):
    process = worker_process(engine)
    threading.Timer(0.3, os.kill, (process, signal.SIGKILL)).start()
    with pytest.raises(WorkerCrashed):
        run(engine, "wait", step=0.05)


@posix
def test_a_worker_that_died_while_idle_is_started_again_with_a_message(engine):
    process = worker_process(engine)
    os.kill(process, signal.SIGKILL)
    while engine.is_alive:
        time.sleep(0.02)
    watcher = Watcher()
    run_double(engine, watcher)
    assert "starting a new one" in watcher.lines[0]


@posix
def test_the_crash_of_native_code_brings_its_traceback(engine):
    with pytest.raises(WorkerCrashed) as caught:
        run(engine, "fault")
    assert "worker_jobs.py" in caught.value.details


def test_two_calls_at_once_run_one_after_the_other(engine, tmp_path):
    record = tmp_path / "times"
    watchers = {name: Watcher() for name in "abc"}
    threads = [
        threading.Thread(
            target=run, args=(engine, "record", watchers[name]), kwargs={"file": str(record), "name": name}
        )
        for name in "abc"
    ]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    rows = [line.split() for line in record.read_text().splitlines()]
    assert [row[0] for row in rows] == ["a", "b", "c"]
    assert all(float(later[1]) >= float(earlier[2]) for earlier, later in itertools.pairwise(rows))
    assert watchers["b"].lines == ["waiting for the AUTO-DIP run before this one"]


def test_a_cancel_is_answered_and_the_worker_stays(engine):
    before = worker_process(engine)
    with pytest.raises(Cancelled):
        run(engine, "wait", Watcher(Stop.DISCARD, 0.2), step=0.05)
    assert worker_process(engine) == before


def test_a_cancel_frees_the_caller_at_once_even_if_an_iteration_takes_seconds(engine):
    before = worker_process(engine)
    watcher = Watcher(Stop.DISCARD, 0.3)
    with pytest.raises(Cancelled):
        run(engine, "wait", watcher, step=30)
    assert time.monotonic() - watcher.began - 0.3 < 0.5
    began = time.monotonic()
    assert worker_process(engine) != before  # it was killed, and another one started
    assert time.monotonic() - began > GRACE_SECONDS - 0.5
    assert not psutil.pid_exists(before)


def test_stop_and_keep_returns_what_there_is(engine):
    assert run(engine, "wait", Watcher(Stop.KEEP, 0.2), step=0.02) == "kept"


def test_a_caller_in_the_queue_can_leave_it(engine):
    first = threading.Thread(target=run, args=(engine, "wait", Watcher(Stop.KEEP, 1.0)), kwargs={"step": 0.05})
    first.start()
    time.sleep(0.2)
    waiting = Watcher(Stop.DISCARD)
    waiting.began = 0.0
    with pytest.raises(Cancelled, match="while waiting"):
        run(engine, "chatter", waiting)
    first.join()


def test_previews_arrive_thinned_out(engine):
    watcher = Watcher()
    assert run(engine, "show", watcher, preview_of=(2048, 1024)) == "shown"
    (plane, title) = watcher.previews[0]
    assert title == "plane 1"
    assert plane.shape == (1024, 512)
    np.testing.assert_array_equal(plane[1, :3], 2 * 1024 + np.arange(0, 6, 2))


def test_a_preview_is_wanted_from_the_beginning_on(engine):
    assert run(engine, "show_at_once", Watcher(), preview_of=(40, 50)) is True
    assert run(engine, "show_at_once", Watcher()) is False  # no window, no space for one


@posix
def test_the_worker_gives_up_the_memory_of_earlier_jobs(engine):
    run_double(engine)
    assert len(run(engine, "mappings")) == 2  # values and control of this very job


def test_release_ends_the_worker_and_says_whether_there_was_one(engine):
    process = worker_process(engine)
    assert engine.release()
    assert not psutil.pid_exists(process)
    assert not engine.release()


def test_release_in_the_middle_of_a_job_is_not_called_a_crash(engine):
    worker_process(engine)
    threading.Timer(0.5, engine.release).start()
    with pytest.raises(Cancelled, match="Release GPU"):
        run(engine, "wait", step=0.05)


HOST = """
import sys, threading, time, json
from autodip_ij.fiji.worker.service import Engine
from autodip_ij.progress import Silent
engine = Engine({"PYTHONPATH": sys.argv[1]})
with engine.arrays() as shared:
    shared.add("source", "float32", (3,))[:] = 1
    shared.add("target", "float32", (3,))
    print(engine.run("worker_jobs:double", {}, shared, Silent())["process"], flush=True)
if sys.argv[2] == "work":
    with engine.arrays() as shared:
        engine.run("worker_jobs:wait", {"step": 0.1}, shared, Silent())
"""


def start_host(mode):
    host = subprocess.Popen([sys.executable, "-c", HOST, SUPPORT, mode], stdout=subprocess.PIPE, text=True)
    assert host.stdout is not None
    with host.stdout:
        return host, int(host.stdout.readline())


def test_a_program_that_used_the_worker_ends_by_itself_and_so_does_the_worker():
    host, worker = start_host("leave")
    assert host.wait(timeout=15) == 0
    assert not psutil.pid_exists(worker)


@posix
def test_the_worker_ends_with_a_fiji_that_was_killed():
    host, worker = start_host("work")
    process = psutil.Process(worker)
    time.sleep(0.3)
    host.kill()
    host.wait()
    _, alive = psutil.wait_procs([process], timeout=5)
    assert alive == []
