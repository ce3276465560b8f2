"""What the menu commands ask of the worker's jobs: requests made from checked values, without Java."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from autodip_ij.errors import BadInput
from autodip_ij.fiji.commands.menu import MenuCommand
from autodip_ij.fiji.commands.parsing import choose, truth
from autodip_ij.fiji.commands.values import Preferences
from autodip_ij.fiji.imageplus.convert import dimensions
from autodip_ij.settings import DenoiseSettings

NO_IMAGE = "no image is open; open one, or denoise a file with AUTO-DIP Denoise File..."
TWO_IMAGES = "two images are needed: open the reference and the image to compare with it"
NO_INPUT = "nothing to inspect: select an image, or specify a file as input=[/path/to/file]"


def choice(command: MenuCommand, values: Mapping[str, Any], name: str) -> str:
    """Return the choice that the value of a drop-down list names."""
    declared = next(entry for entry in command.inputs if entry.name == name)
    return choose(values[name], declared.choices, name)


def file_request(values: Mapping[str, Any], settings: DenoiseSettings, rest: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the job `autodip_ij.fiji.worker.jobs.denoise_file`."""
    return {
        "settings": settings.model_dump(exclude_unset=True),
        "input": _path(values["input"], "input", "the image to denoise"),
        "output": values["output"] or "",
        "overwrite": truth(rest.get("overwrite", False), "overwrite"),
    }


def folder_request(values: Mapping[str, Any], settings: DenoiseSettings, rest: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the job `autodip_ij.fiji.worker.jobs.denoise_folder`."""
    return {
        "settings": settings.model_dump(exclude_unset=True),
        "input": _path(values["input"], "input", "the folder with the images"),
        "output": _path(values["output"], "output", "the folder for the results"),
        "overwrite": truth(rest.get("overwrite", False), "overwrite"),
        "suffix": rest.get("suffix", ".ome.tif"),
    }


def _path(text: str | None, name: str, meaning: str) -> str:
    if not text or not text.strip():
        raise BadInput(f"{name} is missing: specify {meaning}; in a macro, write {name}=[/path/with spaces]")
    return text


def written_line(source: str, answer: Mapping[str, str]) -> str:
    """Return the line for the Log after a file was written."""
    return f"{source}: {answer['groups']}; written to {answer['output']}"


def check_pair(images: Mapping[str, Any], *, same: bool) -> None:
    """Check the images ``reference`` and ``image`` of a comparison; `same`: they are one and the same.

    Raises
    ------
    autodip_ij.errors.BadInput
        If one is missing, or they cannot be compared.
    """
    if any(imp is None for imp in images.values()):
        raise BadInput(TWO_IMAGES)
    if same:
        raise BadInput(f"reference and image are the same, {images['image'].getTitle()}; choose two different images")
    shapes = {name: dimensions(imp) for name, imp in images.items()}
    if shapes["reference"] != shapes["image"]:
        raise BadInput(f"the images differ in size (T, C, Z, Y, X): {shapes['reference']} and {shapes['image']}")


def finding_lines(chosen: Preferences, found: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield the findings of *AUTO-DIP Settings...*; `found`: the answer of the job `probe`, if it was asked."""
    yield f"defaults: {', '.join(f'{name}={value}' for name, value in vars(chosen).items())}"
    if found is not None:
        yield f"worker: {found['python']}"
        for check in found["checks"]:
            yield "; ".join(part for part in (f"{check['name']}: {check['finding']}", check["remedy"]) if part)
