"""Plans of the menu commands for the Groovy library: which job to run, on which planes, with which request.

A plan is plain JSON. Its ``run`` goes back to `autodip_ij.fiji.java.front.run` as it is; its ``arrays`` tell the
library which planes to copy into shared memory; all other entries concern the screen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from autodip_ij.errors import BadInput
from autodip_ij.fiji.commands.menu import REPLACE_IMAGE, MenuCommand, command_of
from autodip_ij.fiji.commands.parsing import check_macro_line, scale_of
from autodip_ij.fiji.commands.requests import NO_IMAGE, NO_INPUT, check_pair, choice, file_request, folder_request
from autodip_ij.fiji.commands.text import plain_text
from autodip_ij.fiji.commands.values import Preferences, RunOptions, collect, preferences_of, split_values
from autodip_ij.fiji.imageplus import open_image
from autodip_ij.fiji.imageplus.convert import Selection, dimensions, dtype_of, is_rgb, stack_index
from autodip_ij.fiji.imageplus.source import origin_of, pixel_size_of
from autodip_ij.fiji.java.described import Described
from autodip_ij.progress import Progress, Stop

_JOBS = "autodip_ij.fiji.worker.jobs"
Plan = dict[str, Any]


@dataclass
class Call:
    """A command called in Fiji.

    Attributes
    ----------
    given
        ``entry``, ``inputs`` (values of the script by name), ``line`` (options of the calling macro), ``stored``
        (texts that Fiji keeps for *AUTO-DIP Settings...*), ``images`` (descriptions by the name of the input, or None),
        ``same`` (whether the two images of a comparison are one), ``preview`` (whether there is a screen for it).
    progress
        Receives what the Log is to say.
    """

    given: dict[str, Any]
    progress: Progress

    @cached_property
    def command(self) -> MenuCommand:
        """Its declaration."""
        return command_of(self.given["entry"])

    @cached_property
    def values(self) -> dict[str, Any]:
        """Its checked inputs."""
        check_macro_line(self.command, self.given["line"])
        return collect(self.command, self.given["inputs"])

    @cached_property
    def stored(self) -> tuple[Preferences, list[str]]:
        """The stored defaults, and the names of unfit ones."""
        return preferences_of(self.given["stored"])

    def image(self, name: str) -> Described | None:
        """Return one of its images."""
        facts = self.given["images"].get(name)
        return Described(facts) if facts else None


def plan(call: Call) -> Plan:
    """Return the plan of a command.

    Raises
    ------
    autodip_ij.errors.AutodipError
        If it cannot run.
    """
    made = _PLANS[call.command.entry](call)
    return {
        "arrays": {},
        "preview": None,
        "keep": False,
        "title": "",
        **made,
        "forget": call.stored[1],
        "run": {"entry": call.command.entry, **made["run"]},
    }


def array(name: str, imp: Described, selection: Selection) -> Plan:
    """Return the entry of `array` with the planes of an image: (T, C, Z, Y, X), in the order of the selection."""
    planes = [[stack_index(imp, *place), place[1] if is_rgb(imp) else -1] for _, place in selection.positions()]
    return {
        "image": name,
        "dtype": str(dtype_of(imp)),
        "shape": [*selection.lengths, *dimensions(imp)[3:]],
        "planes": planes,
    }


def inspection(imp: Described) -> Plan:
    """Return the request of the job ``inspect_open_image`` for the middle plane of each channel, and its array."""
    times, channels, slices, _, _ = dimensions(imp)
    origin = origin_of(imp)
    return {
        "request": {
            "origin": origin.to_json(),
            "looks": [vars(look) for look in imp.looks(origin.channel_names)],
            "pixel_size": vars(pixel_size_of(imp)),
            "title": str(imp.getTitle()),
            "rgb": False,
            "shape": dimensions(imp),
            "dtype": str(dtype_of(imp)),
        },
        "arrays": {"planes": array("imp", imp, Selection((times // 2,), tuple(range(channels)), (slices // 2,)))},
    }


def _run_image(call: Call) -> Plan:
    settings, options, _ = _split(call)
    imp = call.image("imp")
    if imp is None:
        raise BadInput(NO_IMAGE)
    height, width = dimensions(imp)[3:]
    replace = choice(call.command, call.values, "output") == REPLACE_IMAGE
    task = open_image.Task(imp, settings, choice(call.command, call.values, "scope"), replace)
    origin = origin_of(imp)
    selection = open_image.select(task, origin.channel_names)
    settings = open_image.settings_for(task, selection, call.progress)
    target = open_image.result_dtype(imp, settings)
    return {
        "run": {
            "job": f"{_JOBS}:denoise_pixels",
            "request": open_image.request(task, selection, settings, origin, imp.looks(origin.channel_names)),
            "image": imp.facts,
            "selection": vars(selection),
            "replace": replace,
        },
        "arrays": {
            "source": array("imp", imp, selection),
            "target": {"dtype": str(target), "shape": [*selection.lengths, height, width]},
        },
        "preview": [height, width] if options.preview and call.given["preview"] else None,
        "keep": options.stop is Stop.KEEP,
        "title": plain_text(str(imp.getTitle())),
    }


def _split(call: Call) -> tuple[Any, RunOptions, dict[str, str]]:
    settings, options, rest = split_values(call.command, call.values, call.stored[0])
    if not options.isolate:
        call.progress.log("without Fiji's Python mode every run is in the worker process; isolate=false has no effect")
    return settings, options, rest


def _run_file(call: Call) -> Plan:
    settings, options, rest = _split(call)
    request = file_request(call.values, settings, rest)
    return {"run": {"job": f"{_JOBS}:denoise_file", "request": request}, "keep": options.stop is Stop.KEEP}


def _run_folder(call: Call) -> Plan:
    settings, options, rest = _split(call)
    request = folder_request(call.values, settings, rest)
    return {"run": {"job": f"{_JOBS}:denoise_folder", "request": request}, "keep": options.stop is Stop.KEEP}


def _inspect(call: Call) -> Plan:
    settings, options, _ = _split(call)
    imp, file = call.image("imp"), call.values["input"]
    if file:
        asked: Plan = {"request": {"input": file}, "arrays": {}}
    elif imp is not None:
        asked = inspection(imp)
    else:
        raise BadInput(NO_INPUT)
    request = {**asked["request"], "settings": settings.model_dump(exclude_unset=True)}
    job = "inspect_file" if file else "inspect_open_image"
    return {
        "run": {"job": f"{_JOBS}:{job}", "request": request},
        "arrays": asked["arrays"],
        "keep": options.stop is Stop.KEEP,
    }


def _evaluate(call: Call) -> Plan:
    values = call.values
    images = {name: call.image(name) for name in ("reference", "image")}
    check_pair(images, same=call.given["same"])
    scope = choice(call.command, values, "scope")
    request = {"range": scale_of(values["scale"]), "weights": call.stored[0].weights}
    arrays = {name: array(name, imp, open_image.selected_planes(imp, scope)) for name, imp in images.items() if imp}
    compared = images["image"]
    title = str(compared.getTitle()) if compared else ""
    return {"run": {"job": f"{_JOBS}:evaluate", "request": request, "title": title}, "arrays": arrays}


def _settings(call: Call) -> Plan:
    chosen = Preferences(**{name: call.values[name] for name in vars(Preferences())})
    chosen.check()
    job = f"{_JOBS}:probe" if call.values["test"] else ""
    return {"run": {"job": job, "request": {}, "chosen": vars(chosen)}}


_PLANS: dict[str, Callable[[Call], Plan]] = {
    "run_image": _run_image,
    "run_file": _run_file,
    "run_folder": _run_folder,
    "inspect": _inspect,
    "evaluate": _evaluate,
    "settings": _settings,
}
