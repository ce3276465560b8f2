"""Long runs survive kills, failures and changed arguments."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autodip_ij.batch.jobs import Job, JobStore, run_jobs
from autodip_ij.errors import BadInput, Cancelled, EnvironmentProblem
from autodip_ij.progress import Silent, Stop

HERE = Path(__file__).parent


@pytest.fixture
def work(monkeypatch):
    """The module of job functions, importable by workers too."""
    monkeypatch.syspath_prepend(str(HERE))
    import job_functions

    return job_functions


class Watcher(Silent):
    def __init__(self, stop_after: int | None = None, how: Stop = Stop.KEEP):
        self.total, self.steps, self.stop_after, self.how = 0, 0, stop_after, how

    def start(self, total, message):
        self.total = total

    def advance(self, steps=1, message=None):
        self.steps += steps

    def stop_request(self):
        return self.how if self.stop_after is not None and self.steps >= self.stop_after else Stop.NO


def squares(work, *values):
    return [Job(f"square-{value}", work.square, {"value": value}) for value in values]


def test_results_are_stored_by_key(work, tmp_path):
    watcher = Watcher()
    summary = run_jobs(squares(work, 2, 3), tmp_path, workers=0, progress=watcher)
    assert summary.done == ("square-2", "square-3")
    assert JobStore(tmp_path).results() == {"square-2": {"square": 4}, "square-3": {"square": 9}}
    assert (watcher.total, watcher.steps) == (2, 2)


def test_a_second_run_does_only_what_is_missing(work, tmp_path):
    log = tmp_path / "calls.txt"
    jobs = [Job(f"v{v}", work.square_slowly, {"value": v, "log": str(log), "seconds": 0}) for v in (1, 2, 3)]
    run_jobs(jobs[:2], tmp_path / "r", workers=0)
    watcher = Watcher()
    summary = run_jobs(jobs, tmp_path / "r", workers=0, progress=watcher)
    assert (summary.resumed, summary.done) == (("v1", "v2"), ("v3",))
    assert log.read_text().split() == ["1", "2", "3"]
    assert (watcher.total, watcher.steps) == (3, 3)


def test_a_result_of_other_arguments_is_not_taken_for_this_job(work, tmp_path):
    run_jobs([Job("a", work.square, {"value": 2})], tmp_path, workers=0)
    summary = run_jobs([Job("a", work.square, {"value": 5})], tmp_path, workers=0)
    assert summary.done == ("a",)
    assert JobStore(tmp_path).results()["a"] == {"square": 25}


def test_a_failure_is_recorded_retried_and_stops_nobody(work, tmp_path):
    jobs = [Job("bad", work.fail, {"reason": "no such image"}), *squares(work, 4)]
    summary = run_jobs(jobs, tmp_path, workers=0)
    assert summary.failed == {"bad": "ValueError: no such image"}
    assert summary.done == ("square-4",)
    store = JobStore(tmp_path)
    assert store.failures() == summary.failed
    assert "bad" not in store.results()

    repaired = run_jobs([Job("bad", work.square, {"value": 1})], tmp_path, workers=0)
    assert repaired.done == ("bad",)
    assert store.failures() == {}


@pytest.mark.parametrize("damage", ["", "{", "[1]", "null", "[" * 100_000])
def test_a_damaged_result_is_made_again(work, tmp_path, damage):
    jobs = squares(work, 2, 3)
    run_jobs(jobs, tmp_path, workers=0)
    (tmp_path / "square-2.json").write_text(damage)
    summary = run_jobs(jobs, tmp_path, workers=0)
    assert (summary.resumed, summary.done) == (("square-3",), ("square-2",))
    assert JobStore(tmp_path).results()["square-2"] == {"square": 4}


def test_a_key_that_just_fits_is_stored(work, tmp_path):
    key = "k" * 243
    assert run_jobs([Job(key, work.square, {"value": 2})], tmp_path, workers=0).done == (key,)


@pytest.mark.parametrize("number", [float("inf"), float("-inf")])
def test_infinite_scores_survive_the_file(work, tmp_path, number):
    run_jobs([Job("a", work.square, {"value": number})], tmp_path, workers=0)
    assert JobStore(tmp_path).results()["a"]["square"] == float("inf")


def test_keep_stops_between_jobs_and_keeps_the_finished(work, tmp_path):
    summary = run_jobs(squares(work, 1, 2, 3), tmp_path, workers=0, progress=Watcher(stop_after=1))
    assert summary.stopped
    assert list(JobStore(tmp_path).results()) == ["square-1"]


def test_discard_raises_cancelled(work, tmp_path):
    with pytest.raises(Cancelled):
        run_jobs(squares(work, 1, 2), tmp_path, workers=0, progress=Watcher(stop_after=1, how=Stop.DISCARD))


@pytest.mark.parametrize("key", ["../up", "a b", "", ".hidden"])
def test_a_key_that_is_no_file_name_is_refused(work, tmp_path, key):
    with pytest.raises(BadInput, match="file name"):
        run_jobs([Job(key, work.square, {"value": 1})], tmp_path, workers=0)


def test_equal_keys_are_refused(work, tmp_path):
    with pytest.raises(BadInput, match="same key"):
        run_jobs(squares(work, 1, 1), tmp_path, workers=0)


def test_arguments_that_are_no_plain_data_are_refused(work, tmp_path):
    with pytest.raises(BadInput, match="plain data"):
        run_jobs([Job("a", work.square, {"value": object()})], tmp_path, workers=0)


def test_an_unreachable_scheduler_is_an_environment_problem(work, tmp_path, monkeypatch):
    import distributed

    def refuse(**_):
        raise OSError("timed out")

    monkeypatch.setattr(distributed, "Client", refuse)
    with pytest.raises(EnvironmentProblem, match="no Dask scheduler at tcp://nowhere:8786"):
        run_jobs(squares(work, 1), tmp_path, scheduler="tcp://nowhere:8786")


def test_two_processes_share_the_jobs_and_survive_a_dead_worker(work, tmp_path):
    jobs = [Job(f"p{i}", work.process_id) for i in range(4)] + [Job("dies", work.die)]
    summary = run_jobs(jobs, tmp_path, workers=2)
    assert "KilledWorker" in summary.failed["dies"]
    results = JobStore(tmp_path).results()
    assert set(results) == {"p0", "p1", "p2", "p3"}
    assert os.getpid() not in results.values()


def test_a_dying_job_takes_no_other_with_it(work, tmp_path):
    """On one worker all jobs wait behind the one that dies; Dask alone would blame some of them too."""
    jobs = [Job("dies", work.die), *[Job(f"p{i}", work.process_id) for i in range(6)]]
    summary = run_jobs(jobs, tmp_path, workers=1)
    assert set(summary.failed) == {"dies"}
    assert set(JobStore(tmp_path).results()) == {f"p{i}" for i in range(6)}


def test_an_existing_cluster_is_used_and_left_running(work, tmp_path):
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        summary = run_jobs(squares(work, 6), tmp_path, scheduler=cluster.scheduler_address)
        assert summary.done == ("square-6",)
        with Client(cluster.scheduler_address) as client:
            assert len(client.scheduler_info()["workers"]) == 1


def test_a_killed_run_resumes(work, tmp_path):
    log, folder = tmp_path / "calls.txt", tmp_path / "results"
    script = f"""
import sys
sys.path.insert(0, {str(HERE)!r})
import job_functions as work
from autodip_ij.batch.jobs import Job, run_jobs
jobs = [Job(f"v{{v}}", work.square_slowly, {{"value": v, "log": {str(log)!r}}}) for v in range(8)]
print(len(run_jobs(jobs, {str(folder)!r}, workers=0).resumed))
"""
    process = subprocess.Popen([sys.executable, "-c", script])
    deadline = time.monotonic() + 30
    while len(JobStore(folder).results()) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = JobStore(folder).results()
    assert 2 <= len(before) < 8

    resumed = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert int(resumed.stdout) == len(before)
    assert JobStore(folder).results() == {f"v{v}": v * v for v in range(8)}
    assert len(log.read_text().split()) <= 9  # only the job under way when it was killed ran twice


def test_a_named_function_may_move_without_losing_its_results(work, tmp_path):
    first = Job("a", work.square, {"value": 2}, name="square")
    run_jobs([first], tmp_path, workers=0)
    moved = Job("a", work.square_slowly, {"value": 2}, name="square")
    assert run_jobs([moved], tmp_path, workers=0).resumed == ("a",)
    assert run_jobs([Job("a", work.square, {"value": 2})], tmp_path, workers=0).done == ("a",)
