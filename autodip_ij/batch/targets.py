"""Plan the output file of every input, and refuse folders in which a batch would read its own results."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from autodip_ij.batch.inputs import Entry, Inputs, refuse_special
from autodip_ij.errors import BadInput, UnwritableOutput, nearest
from autodip_ij.images.reading.recognition import stem_of, suffix_of
from autodip_ij.settings import DenoiseSettings

OUTPUT_SUFFIXES = (".ome.tif", ".ome.zarr", ".tif")
_LONGEST_SCENE = 60
"""Maximum number of bytes of a scene name in the name of its output."""


@dataclass(frozen=True)
class Job:
    """One scene of one file, and the output file of its result.

    Attributes
    ----------
    entry
        The input.
    target
        The output.
    settings
        Complete settings of this job.
    scene
        Name of the scene shown to the user; empty for the only or first scene.
    """

    entry: Entry
    target: Path
    settings: DenoiseSettings
    scene: str = ""

    @property
    def title(self) -> str:
        """Name of this job in messages."""
        return self.entry.relative.as_posix() + (f" [{self.scene}]" if self.scene else "")

    @property
    def folder(self) -> Path:
        """The output folder of the batch: outputs have the sub-folders of the inputs."""
        return self.target.parents[len(self.entry.relative.parts) - 1]

    def absolute(self) -> Job:
        """Return the job with absolute paths, which are valid in a process with another working directory."""
        entry = replace(self.entry, path=self.entry.path.absolute())
        return replace(self, entry=entry, target=self.target.absolute())


def plan_jobs(
    inputs: Inputs,
    output: Path,
    settings: DenoiseSettings,
    *,
    suffix: str = ".ome.tif",
    all_scenes: bool = False,
    beside: Iterable[Path] = (),
) -> list[Job]:
    """Return one job per file or per scene; the output has the sub-folders of the input.

    Parameters
    ----------
    inputs
        The files.
    output
        The output folder; it need not exist.
    settings
        For every file; columns of a list file override single settings.
    suffix
        Format of the results: one of `OUTPUT_SUFFIXES`.
    all_scenes
        Whether every scene of a file is denoised, each into its own output.
    beside
        Relative paths of files that are planned at other times: names are chosen with regard to them.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown suffix or setting, or two inputs with one output name.
    autodip_ij.errors.UnwritableOutput
        If results would be written among the inputs.
    """
    if suffix not in OUTPUT_SUFFIXES:
        raise BadInput(f"format '{suffix}' is not possible{nearest(suffix, OUTPUT_SUFFIXES)}")
    files = {entry.relative for entry in inputs.entries} | set(beside)
    stems = Counter(_name_key(relative.with_name(stem_of(relative))) for relative in files)
    jobs: list[Job] = []
    for entry in inputs.entries:
        own = settings.but(entry.settings)
        name = stem_of(entry.path)
        if stems[_name_key(entry.relative.with_name(name))] > 1:
            name = f"{name}_{suffix_of(entry.path).strip('.').replace('.', '_')}"
        folder = output / entry.relative.parent
        for index, scene in _scenes(entry.path) if all_scenes and not own.scene else [(None, "")]:
            ending = f"_{_safe(scene, index)}" if index is not None else ""
            chosen = own if index is None else own.model_copy(update={"scene": str(index)})
            jobs.append(Job(entry, folder / f"{name}{ending}_autodip{suffix}", chosen, scene))
    _refuse_equal_targets(jobs)
    _refuse_results_among_inputs(inputs, output, jobs)
    return jobs


def _name_key(path: Path) -> str:
    """Return a key that is equal for names of one file on case-insensitive file systems (Windows, macOS)."""
    return path.as_posix().casefold()


def _scenes(path: Path) -> list[tuple[int | None, str]]:
    """Return index and name of every scene; an unreadable file gives one job, which will report the reason."""
    from autodip_ij.images import scene_names

    try:
        refuse_special(path)
        names = scene_names(path)
    except Exception:
        names = []
    return [(None, "")] if len(names) < 2 else [(index, name or str(index)) for index, name in enumerate(names)]


def _safe(scene: str, index: int) -> str:
    """Return the part of a file name that identifies a scene: its unique index and its readable name."""
    cleaned = re.sub(r"[^\w.-]+", "-", scene).encode("utf-8", "ignore")[:_LONGEST_SCENE].decode("utf-8", "ignore")
    shown = cleaned.strip("-.")
    return f"{index}-{shown}" if shown and shown != str(index) else str(index)


def _refuse_equal_targets(jobs: list[Job]) -> None:
    makers: dict[str, Job] = {}
    for job in jobs:
        other = makers.setdefault(_name_key(job.target), job)
        if other.entry.path == job.entry.path and other.scene == job.scene and other is not job:
            raise BadInput(f"{job.title}: listed twice with different settings; write a separate list for each")
        if other is not job:
            both = f"{other.title} and {job.title}"
            raise BadInput(f"{both} would be written to the same {job.target.name}; rename one of them")


def _refuse_results_among_inputs(inputs: Inputs, output: Path, jobs: list[Job]) -> None:
    root, folder = _real(inputs.root), _real(output)
    if folder == root:
        raise UnwritableOutput(f"{output}: the output folder is the input folder; choose another one")
    if inputs.recursive and folder.is_relative_to(root):
        raise UnwritableOutput(
            f"{output}: lies inside the input folder {inputs.root}, so that the next run would read these results; "
            "choose a folder beside it"
        )
    sources = {_real(job.entry.path): job for job in jobs}
    folders = {path.parent for path in sources}
    for path, job in sources.items():
        if path.is_relative_to(folder) and not root.is_relative_to(folder):
            raise UnwritableOutput(f"{job.title}: is a link into the output folder {output}; choose another one")
    places = {job.target.parent: _real(job.target.parent) for job in jobs}
    for job in jobs:
        place = places[job.target.parent]
        if place in folders or (inputs.recursive and place.is_relative_to(root)):
            raise UnwritableOutput(f"{job.target}: would be written among the inputs; choose another output folder")


def _real(path: Path) -> Path:
    """Return `path` with links resolved; not Path.resolve, which raises for a link to itself."""
    return Path(os.path.realpath(path))
