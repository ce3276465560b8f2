"""Progress on a real SciJava task, Esc, cancel, stop and keep."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from autodip_ij.errors import Cancelled
from autodip_ij.fiji.commands import bridge
from autodip_ij.fiji.imageplus import open_image
from autodip_ij.fiji.imageplus.convert import to_imageplus
from autodip_ij.fiji.imageplus.progress import FijiProgress
from autodip_ij.fiji.imageplus.source import recorded_report
from autodip_ij.fiji.worker.jobs import FIRST_LOOK, Stages
from autodip_ij.fiji.worker.shared import PrivateArrays
from autodip_ij.progress import Progress, Silent, Stop
from autodip_ij.settings import DenoiseSettings

pytestmark = pytest.mark.jvm
ESCAPE = 27


class FakeWindow:
    """Stands for the preview window, which needs a screen."""

    def __init__(self, pressed=False, is_open=True):
        self.pressed, self.is_open, self.shown, self.closed, self.times = pressed, is_open, [], False, ""

    def show(self, plane, title):
        self.shown.append(title)

    def set_times(self, times):
        self.times = times

    def stop_pressed(self):
        return self.pressed

    def close(self):
        self.closed = True


@pytest.fixture
def tasks(imagej):
    """The real TaskService, remembering the tasks it makes."""

    class Remembering:
        def __init__(self):
            self.made = []

        def createTask(self, name):
            self.made.append(imagej.tasks.createTask(name))
            return self.made[-1]

        def context(self):
            return imagej.context

    return Remembering()


def test_it_is_a_progress(tasks):
    assert isinstance(FijiProgress(tasks), Progress)


def test_the_task_shows_steps_times_and_end(tasks):
    progress = FijiProgress(tasks)
    progress.start(100, "Denoising cells")
    task = tasks.made[-1]
    assert task.getProgressMaximum() == 100
    time.sleep(0.25)
    progress.advance(10)
    assert str(task.getStatusMessage()) == "Denoising cells, 1 s"  # the pace of the steps is not known yet
    time.sleep(0.25)
    progress.advance(40)
    assert task.getProgressValue() == 50
    assert str(task.getStatusMessage()).startswith("Denoising cells, 1 s, about ")
    progress.close()
    assert task.isDone()


def test_the_task_starts_with_the_click_and_names_its_stages(tasks):
    progress = FijiProgress(tasks)
    task = tasks.made[-1]
    assert str(task.getStatusMessage()) == "AUTO-DIP"
    assert not task.isDone()
    tasks.made[-1].cancel("the user")  # it can be cancelled before anything else is known
    assert progress.stop_request() is Stop.DISCARD
    progress.start(0, "Starting the worker")
    assert str(task.getStatusMessage()).startswith("Starting the worker, ")
    progress.close()


def test_what_is_left_counts_the_time_of_the_fit_alone(tasks, monkeypatch):
    """The minute before the first step (a worker that starts, a classical estimate) is not to be spent 75 times."""
    clock = [1000.0]
    monkeypatch.setattr("autodip_ij.fiji.imageplus.progress.time.monotonic", lambda: clock[0])
    progress = FijiProgress(tasks)
    progress.start(75, "Denoising cells")
    clock[0] += 60
    progress.advance(1)
    assert progress.times() == ", 1 min 0 s"
    clock[0] += 1
    progress.advance(1)
    assert progress.times() == ", 1 min 1 s, about 1 min 13 s left"
    progress.close()


def test_the_clock_runs_where_a_stage_reports_no_steps(tasks, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr("autodip_ij.fiji.imageplus.progress.time.monotonic", lambda: clock[0])
    progress = FijiProgress(tasks, preview=FakeWindow())
    progress.start(0, "Choosing the parameters")
    clock[0] += 7
    progress.stop_request()  # the runner asks ten times a second
    assert str(tasks.made[-1].getStatusMessage()) == "Choosing the parameters, 7 s"
    progress.close()


def test_the_stages_of_a_run_are_named():
    said = []

    class Listening(Silent):
        def start(self, total, message):
            said.append(message)

        def advance(self, steps=1, message=None):
            said.append(message)

    stages = Stages(Listening())
    stages.start(10, "Denoising cells")
    stages.advance(3)
    stages.advance(3)
    assert isinstance(stages, Progress)
    assert said == ["Denoising cells: noise and classical estimate", "Denoising cells: fit", None]


def test_threads_of_fits_may_report_and_poll_for_a_stop(tasks):
    """Fits side by side call from threads of Python that Java has not seen before."""
    progress = FijiProgress(tasks)
    progress.start(10, "x")
    time.sleep(0.25)
    asked = []

    def fit():
        progress.advance(7)
        asked.append(progress.stop_request())

    thread = threading.Thread(target=fit)
    thread.start()
    thread.join()
    assert asked == [Stop.NO]
    assert tasks.made[-1].getProgressValue() == 7
    progress.close()


def test_the_cancel_button_of_the_task_is_seen(tasks):
    progress = FijiProgress(tasks)
    progress.start(10, "x")
    assert progress.stop_request() is Stop.NO
    tasks.made[-1].cancel("the user")
    assert progress.stop_request() is Stop.DISCARD
    progress.close()


def test_esc_is_seen_and_an_old_one_is_not(imagej, tasks):
    imagej.IJ.setKeyDown(ESCAPE)
    progress = FijiProgress(tasks, Stop.KEEP)
    assert progress.stop_request() is Stop.NO
    imagej.IJ.setKeyDown(ESCAPE)
    assert progress.stop_request() is Stop.KEEP
    assert progress.stop_request() is Stop.KEEP
    progress.close()


def test_a_second_esc_discards(imagej, tasks, monkeypatch):
    monkeypatch.setattr("autodip_ij.fiji.imageplus.progress._SECOND_REQUEST_SECONDS", 0.05)
    progress = FijiProgress(tasks, Stop.KEEP)
    imagej.IJ.setKeyDown(ESCAPE)
    assert progress.stop_request() is Stop.KEEP
    time.sleep(0.1)
    imagej.IJ.setKeyDown(ESCAPE)
    assert progress.stop_request() is Stop.DISCARD
    progress.close()


def test_the_button_of_the_preview_keeps(tasks):
    progress = FijiProgress(tasks, preview=FakeWindow(pressed=True))
    assert progress.stop_request() is Stop.KEEP
    progress.close()


def test_a_preview_is_wanted_once_a_second_while_the_window_is_open(tasks):
    window = FakeWindow()
    progress = FijiProgress(tasks, preview=window)
    assert progress.wants_preview()
    progress.preview(np.zeros((2, 2), np.float32), "plane")
    assert not progress.wants_preview()
    assert window.shown == ["plane"]
    time.sleep(1.05)
    assert progress.wants_preview()
    window.is_open = False
    assert not progress.wants_preview()
    progress.close()
    assert window.closed


def test_without_scijava_there_is_still_the_log(imagej, capfd):
    progress = FijiProgress()
    progress.start(3, "x")
    progress.advance()
    progress.log("a line")
    progress.close()
    assert progress.messages == ["a line"]


def long_run(tasks, **settings):
    """Start a run that takes minutes; return it with the box for what it returns or raises."""
    image = np.random.default_rng(1).normal(400, 40, (1, 1, 1, 64, 64)).astype(np.uint16)
    box = {}

    def work():
        try:
            box["result"] = bridge.denoise(
                to_imageplus(image, "long"), tasks=tasks, iterations=20000, width=8, depth=3, device="cpu", **settings
            )
        except Cancelled as error:
            box["error"] = error
        box["ended"] = time.monotonic()

    thread = threading.Thread(target=work)
    thread.start()
    while not (tasks.made and tasks.made[-1].getProgressValue() > 0):
        assert thread.is_alive(), box
        time.sleep(0.05)
    return thread, box


def test_the_cancel_button_ends_a_run_within_half_a_second(tasks):
    thread, box = long_run(tasks)
    asked = time.monotonic()
    tasks.made[-1].cancel("the user")
    thread.join(timeout=30)
    assert isinstance(box["error"], Cancelled)
    assert box["ended"] - asked < 0.5


def test_a_run_inside_fiji_is_cancelled_too(tasks):
    thread, box = long_run(tasks, isolate=False)
    tasks.made[-1].cancel("the user")
    thread.join(timeout=30)
    assert isinstance(box["error"], Cancelled)


def test_stop_and_keep_returns_the_result_so_far(imagej, tasks):
    thread, box = long_run(tasks, on_stop=Stop.KEEP)
    imagej.IJ.setKeyDown(ESCAPE)
    thread.join(timeout=30)
    report = recorded_report(str(box["result"].getInfoProperty()))
    assert report["channels"][0]["fit"]["stopped"]
    assert 0 < report["channels"][0]["fit"]["iterations"] < 20000


def test_the_first_picture_does_not_wait_for_the_worker(tasks):
    """Before a worker has started, or is done with the look before the dialog, the window is there."""
    window = FakeWindow()

    class Busy:
        def arrays(self):
            return PrivateArrays()

        def run(self, *arguments, **known):
            assert window.shown == [FIRST_LOOK]
            raise Cancelled("seen")

    imp = to_imageplus(np.full((1, 1, 1, 40, 50), 7, np.uint16), "cells.tif")
    progress = FijiProgress(tasks, preview=window)
    with pytest.raises(Cancelled, match="seen"):
        open_image.denoise(open_image.Task(imp, DenoiseSettings()), Busy(), progress, preview=True)
    progress.close()
