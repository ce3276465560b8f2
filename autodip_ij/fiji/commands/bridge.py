"""The commands of *Plugins > AUTO-DIP*: one function each, called by its script with the script's variables.

Each converts Java values to checked settings, runs a job, and returns results and tables to Fiji. `entry.menu_entry`
wraps each function, so that no command fails silently.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from autodip_ij.errors import BadInput
from autodip_ij.fiji.commands import caller, screen
from autodip_ij.fiji.commands.dialog import describe, image_for, only_other
from autodip_ij.fiji.commands.entry import menu_entry
from autodip_ij.fiji.commands.menu import REPLACE_IMAGE, MenuCommand, command_of
from autodip_ij.fiji.commands.parsing import check_macro_line, scale_of
from autodip_ij.fiji.commands.requests import (
    NO_INPUT,
    check_pair,
    choice,
    file_request,
    finding_lines,
    folder_request,
    written_line,
)
from autodip_ij.fiji.commands.screen import evaluation_rows, folder_rows, inspection_rows
from autodip_ij.fiji.commands.text import plain_text
from autodip_ij.fiji.commands.values import Preferences, RunOptions, collect, forget, read_preferences, split_values
from autodip_ij.fiji.imageplus import open_image
from autodip_ij.fiji.imageplus.convert import dimensions, dtype_of, to_array
from autodip_ij.fiji.imageplus.progress import FijiProgress, Preview
from autodip_ij.fiji.worker.service import Runner, in_process, worker
from autodip_ij.progress import Stop
from autodip_ij.settings import DenoiseSettings

Variables = MutableMapping[str, Any]


def _called(entry: str, variables: Variables) -> tuple[MenuCommand, dict[str, Any]]:
    """Return the command and the values it was called with."""
    command = command_of(entry)
    check_macro_line(command, screen.macro_options())
    return command, collect(command, variables)


def _runner(options: RunOptions) -> Runner:
    return worker() if options.isolate else in_process()


@contextmanager
def _progress(tasks: Any, options: RunOptions, title: str = "") -> Iterator[FijiProgress]:
    window = Preview(plain_text(title)) if title and options.preview and screen.has_window() else None
    progress = FijiProgress(tasks, options.stop, window)
    try:
        yield progress
    finally:
        progress.close()


@menu_entry
def run_image(variables: Variables) -> Any:
    """*AUTO-DIP Denoise...*: denoise the selected image; return the result, shown and titled ``<name>-autodip``."""
    command, values = _called("run_image", variables)
    settings, options, _ = split_values(command, values, read_preferences(values["tasks"]))
    imp = image_for(variables)
    task = open_image.Task(
        imp, settings, choice(command, values, "scope"), choice(command, values, "output") == REPLACE_IMAGE
    )
    title = str(imp.getTitle()) if imp is not None else ""
    with _progress(values["tasks"], options, title) as progress:
        result = open_image.denoise(task, _runner(options), progress, preview=options.preview and screen.has_window())
    if not task.replace:
        open_image.place_next_beside(imp)
        screen.show(result)
        caller.make_current(result, values["tasks"])
    return result


@menu_entry
def run_file(variables: Variables) -> str:
    """*AUTO-DIP Denoise File...*: denoise a file into a file; return the path written."""
    command, values = _called("run_file", variables)
    settings, options, rest = split_values(command, values, read_preferences(values["tasks"]))
    request = file_request(values, settings, rest)
    with _progress(values["tasks"], options) as progress, _runner(options).arrays() as shared:
        answer = _runner(options).run("autodip_ij.fiji.worker.jobs:denoise_file", request, shared, progress)
        progress.log(written_line(request["input"], answer))
    return str(answer["output"])


@menu_entry
def run_folder(variables: Variables) -> str:
    """*AUTO-DIP Denoise Folder...*: denoise a folder into another; show the status table and return the summary."""
    command, values = _called("run_folder", variables)
    settings, options, rest = split_values(command, values, read_preferences(values["tasks"]))
    request = folder_request(values, settings, rest)
    with _progress(values["tasks"], options) as progress, _runner(options).arrays() as shared:
        answer = _runner(options).run("autodip_ij.fiji.worker.jobs:denoise_folder", request, shared, progress)
        progress.log(answer["summary"])
    screen.table(folder_rows(answer), "AUTO-DIP Folder")
    return str(answer["summary"])


@menu_entry
def inspect(variables: Variables) -> str:
    """*AUTO-DIP Inspect Metadata...*: show group, evidence and cost per channel; return them as JSON."""
    command, values = _called("inspect", variables)
    settings, options, _ = split_values(command, values, read_preferences(values["tasks"]))
    imp = None if values["input"] else image_for(variables)
    if imp is None and not values["input"]:
        raise BadInput(NO_INPUT)
    with _progress(values["tasks"], options) as progress, _runner(options).arrays() as shared:
        if imp is None:
            job, request = "inspect_file", {"input": values["input"]}
        else:
            job, request = "inspect_open_image", describe(imp, shared)
        request["settings"] = settings.model_dump(exclude_unset=True)
        answer = _runner(options).run(f"autodip_ij.fiji.worker.jobs:{job}", request, shared, progress)
    screen.table(inspection_rows(answer), "AUTO-DIP Metadata")
    return json.dumps(answer)


@menu_entry
def evaluate(variables: Variables) -> str:
    """*AUTO-DIP Evaluate...*: compare an image with a reference in the Results table; return the rows as JSON."""
    command, values = _called("evaluate", variables)
    preferences = read_preferences(values["tasks"])
    images = {name: values[name] for name in ("reference", "image")}
    chosen_twice = images["reference"] is not None and images["reference"] == images["image"]
    if chosen_twice and screen.has_window() and not screen.macro_options() and (other := only_other(images["image"])):
        images["image"], chosen_twice = other, False
        screen.log(f"{other.getTitle()} is compared with {images['reference'].getTitle()}, which was chosen twice")
    check_pair(images, same=chosen_twice)
    shapes = {name: dimensions(imp) for name, imp in images.items()}
    scope = choice(command, values, "scope")
    options = RunOptions(isolate=preferences.isolate)
    with _progress(values["tasks"], options) as progress, _runner(options).arrays() as shared:
        for name, imp in images.items():
            selection = open_image.selected_planes(imp, scope)
            space = shared.add(name, dtype_of(imp), (*selection.lengths, *shapes[name][3:]))
            to_array(imp, selection, space)
        del space
        request = {"range": scale_of(values["scale"]), "weights": preferences.weights}
        rows = _runner(options).run("autodip_ij.fiji.worker.jobs:evaluate", request, shared, progress)
    screen.table(evaluation_rows(rows, str(images["image"].getTitle())), "Results")
    return json.dumps(rows)


@menu_entry
def settings(variables: Variables) -> str:
    """*AUTO-DIP Settings...*: check the defaults (SciJava stores them) and test the worker; return the findings."""
    _, values = _called("settings", variables)
    tasks = values["tasks"]
    chosen = Preferences(**{name: values[name] for name in Preferences().__dict__})
    try:
        chosen.check()
    except BadInput:
        for name in Preferences().__dict__:
            forget(tasks, name)
        raise
    found = None
    if values["test"]:
        with _progress(tasks, RunOptions()) as progress, worker().arrays() as shared:
            found = worker().run("autodip_ij.fiji.worker.jobs:probe", {}, shared, progress)
    lines = list(finding_lines(chosen, found))
    for line in lines:
        screen.log(line)
    return "\n".join(lines)


@menu_entry
def release(variables: Variables) -> str:
    """*AUTO-DIP Release GPU*: end the worker, which frees its memory; the next run starts a new one."""
    _called("release", variables)
    message = "the worker was ended and its memory freed" if worker().release() else "no worker is running"
    screen.log(message)
    screen.status(f"AUTO-DIP: {message}")
    return message


def denoise(
    imp: Any,
    *,
    tasks: Any = None,
    isolate: bool = True,
    preview: bool = False,
    on_stop: Stop = Stop.DISCARD,
    **settings: Any,
) -> Any:
    """Denoise an ImagePlus from Python (PyImageJ, your own Python-mode scripts); return the result without showing it.

    Parameters
    ----------
    imp
        ``ij.ImagePlus``.
    tasks
        SciJava's TaskService, for a progress bar with a cancel button; ``ij.task()`` in PyImageJ.
    isolate
        Compute in the worker process instead of Fiji's own.
    preview
        Show a live preview.
    on_stop
        Whether Esc and the cancel button discard the run or return the result so far.
    **settings
        Fields of `autodip_ij.settings.DenoiseSettings`.

    Raises
    ------
    autodip_ij.errors.AutodipError
        With cause and remedy.

    Examples
    --------
    >>> result = denoise(imp, group="confocal/actin", iterations=300)  # doctest: +SKIP
    """
    options = RunOptions(isolate, preview, on_stop)
    task = open_image.Task(imp, DenoiseSettings.parse(**settings))
    title = str(imp.getTitle()) if imp is not None else ""
    with _progress(tasks, options, title) as progress:
        return open_image.denoise(task, _runner(options), progress, preview=preview and screen.has_window())
