"""The result of a file while it is made: parts on disk as they end, and a journal from which a later run goes on.

A part is a plane, or a region of one that is too large to be processed at once: a slice of the stack that
`autodip_ij.denoising.regions.Regions.worked` describes. Beside the target, in a hidden folder
``.<name>.autodip-partial``:

- ``image``, and ``uncertainty`` where asked for: the pixels, an OME-Zarr image without its metadata;
- ``regions``, ``regions.uncertainty``: the stack of regions, from which those are put together when all are complete;
- ``journal``: a line for what is made (settings, plan, versions), then one for each part that is complete, with all
  that the record needs to know of it, the digest of its pixels before and after, and a checksum;
- ``lock``: owned by the run that writes, or, while windows of the file are made, by the batch that divided it;
- ``plan``: by which they are made;
- ``journal.<window>`` and ``lock.<window>``: those of a window, whose lines are taken into ``journal`` at the end.

A part is trusted only if its line, its input and its pixels are what they were.
"""

from __future__ import annotations

import errno
import hashlib
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from autodip_ij._support.files import remove_folder, unfinished_folder, write_bytes, write_text
from autodip_ij._support.ownership import TOUCHED_EVERY, OwnedFile, own, regularly
from autodip_ij._support.text import encodable
from autodip_ij._support.versions import versions
from autodip_ij._version import __version__
from autodip_ij.denoising import journal
from autodip_ij.denoising.notes import digest_of, from_json
from autodip_ij.denoising.recipe import INDEPENDENT
from autodip_ij.denoising.regions import RegionReader, Regions
from autodip_ij.denoising.report import sidecar_path
from autodip_ij.errors import UnwritableOutput

if TYPE_CHECKING:
    from autodip_ij.denoising.background import StageTimes
    from autodip_ij.denoising.plan import Plan
    from autodip_ij.denoising.record import Recorder
    from autodip_ij.denoising.tasks import Unit
    from autodip_ij.images.image import Image
    from autodip_ij.images.writing.pixel_store import PixelStore
    from autodip_ij.progress import Progress
    from autodip_ij.settings import DenoiseSettings

Array = np.ndarray[Any, Any]

SMALL = 256_000_000
"""Bytes of a single part up to which there is nothing to go on from: it is held in memory."""

_WHOLE = ("image", "uncertainty")
_REGIONS = ("regions", "regions.uncertainty")


class Partial:
    """The unfinished result of one target; a context manager, which ends with its removal or keeps what is made.

    Parameters
    ----------
    target
        The output file.
    window
        Whether it is that of a window: begun by another process, and with a journal of its own.

    Attributes
    ----------
    folder
        Where it is.
    pixels, uncertainty
        The pixels of the parts, and their uncertainty, NaN where it is unknown: (T, C, Z, Y, X) of the result, or of
        the stack of its regions; None before `begin`, and where it is not used.
    found
        Whether an earlier run has left it, which may have been killed while it wrote the output.
    """

    def __init__(self, target: Path, *, window: bool = False) -> None:
        self.folder = unfinished_folder(target)
        self._target = target
        self._window = f".{uuid.uuid4().hex[:8]}" if window else ""
        self._held = ExitStack()
        self._lock: OwnedFile | None = None
        self._progress: Progress | None = None
        self.pixels: PixelStore | None = None
        self.uncertainty: PixelStore | None = None
        self.found = False
        self._plan: Plan | None = None
        self._complete = 0
        self._total = 0
        self._done = False
        self._divided = False

    def begin(self, plan: Plan, settings: DenoiseSettings, progress: Progress, *, uncertainty: bool) -> bool:
        """Create the folder, or take over what an earlier run of the same settings left; return whether it is used.

        It is not for a single plane of moderate size that is processed at once.

        Parameters
        ----------
        plan
            What is made.
        settings
            The user's settings.
        progress
            Is told where an earlier result is dropped.
        uncertainty
            Whether the uncertainty of the pixels is stored too.

        Raises
        ------
        autodip_ij.errors.UnwritableOutput
            If another run is writing there, or the disk is full.
        """
        size = plan.image.data.size * plan.output_dtype.itemsize
        self._total = int(np.prod(plan.image.shape[:3])) * len(plan.regions)
        if self._total == 1 and size <= SMALL:
            return False
        self._plan, self._progress = plan, progress
        with self._explained():
            self._own()
            made = _made(plan, settings)
            why = self._why_afresh(made)
            try:
                if not why:
                    self._open(plan, uncertainty)
            except Exception:  # zarr raises any for damaged metadata
                why = "is damaged"
            if why:
                if why != "new":
                    progress.log(f"the unfinished result of {self._target.name} {why}: starting afresh")
                self._create(plan, uncertainty)
                self._add({"autodip": "an unfinished result", "made": made})
        return True

    def join(self, plan: Plan, settings: DenoiseSettings) -> None:
        """Take over, in a window, what the process that planned it has begun.

        Raises
        ------
        autodip_ij.errors.UnwritableOutput
            If it is no longer there.
        """
        self._plan = plan
        with self._explained():
            if not self._journal.exists():
                raise UnwritableOutput(f"{self._target.name}: its unfinished result is gone; run again")
            self._own()
            if why := self._why_afresh(_made(plan, settings)):
                raise UnwritableOutput(f"{self._target.name}: its unfinished result {why}; run again")
            self._open(plan, (self.folder / _names(plan)[1]).exists())

    @property
    def image(self) -> Path | None:
        """The folder that holds the pixels; None where it is not used."""
        return self.folder / "image" if self.pixels is not None else None

    @property
    def plan(self) -> Path:
        """The file with the plan by which windows are made."""
        return self.folder / "plan"

    def resume(self, source: Image, recorder: Recorder, times: StageTimes, order: Sequence[Unit]) -> list[Unit]:
        """Let the record recall the complete parts, after checking each; return which they are.

        Parameters
        ----------
        source
            The selected part of the input.
        recorder
            Recalls them.
        times
            Counts the time they took.
        order
            All parts, in the order in which one process makes them.
        """
        assert self._plan is not None, "it has begun"
        read = RegionReader(source.data, Regions(source.shape[3:], whole=len(self._plan.regions) == 1))
        header, *lines = journal.lines(self._journal)
        windows = sorted(self.folder.glob("journal.*"))
        entries: dict[Unit, tuple[str, dict[str, Any]]] = {}
        latest: list[dict[str, Any]] = []
        for written in (lines, *map(journal.lines, windows)):
            found = [(line, entry) for line in written if (entry := journal.entry_of(line)) is not None]
            latest += [entry for _, entry in found[-1:]]
            for line, entry in found:
                entries.setdefault((tuple(entry.get("place", ())), entry.get("region", 0)), (line, entry))
        sound: dict[Unit, str] = {}
        for unit in dict.fromkeys(order):
            line, entry = entries.get(unit, ("", {}))
            with suppress(TypeError, KeyError, ValueError, IndexError, RuntimeError):  # the last for damaged chunks
                note, measured = from_json(entry["note"])
                if note.digest == digest_of([read.region(*unit)]) and entry["digests"] == self._digests(unit):
                    told = dict(entry["told"])
                    recorder.recall(*unit, note, measured, [told[key] for key in told if key in recorder.told])
                    recorder.told.update(told)
                    sound[unit] = line
        if sound:
            for entry in latest:
                times.resume(entry["elapsed"], entry["stages"])
            self._say(f"resuming: {len(sound):,} of {self._total:,} {self._parts} are there")
        if windows or len(sound) < len(lines):
            if sound:  # the last line tells the time of all
                last = list(sound)[-1]
                entry = entries[last][1] | {"elapsed": times.elapsed, "stages": times.seconds()}
                sound[last] = journal.line_of(entry)
            write_text(self._journal, "".join(f"{line}\n" for line in (header, *sound.values())))
            for window in windows:
                window.unlink()
        self._complete = len(sound)
        return list(sound)

    def complete(self, unit: Unit, recorder: Recorder, told: Mapping[str, str], times: StageTimes) -> None:
        """Enter a part into the journal whose pixels are all written.

        Frames of a series whose fits start from the one before are not: a later run needs its networks.

        Parameters
        ----------
        unit
            Its plane, and which region of that it is.
        recorder
            Knows it.
        told
            What the user was told for the first time with it: lines by what they are about.
        times
            The time so far.
        """
        place, region = unit
        recipe = self._plan.channels[place[1]].recipe if self._plan else None
        if recipe is not None and recipe.series != INDEPENDENT:
            return
        entry = {
            "place": place,
            "region": region,
            "digests": self._digests(unit),
            "note": recorder.note_of(place, region),
            "told": dict(told),
            "elapsed": times.elapsed,
            "stages": times.seconds(),
        }
        with self._explained():
            self._add(entry)
        self._complete += 1

    def whole(self) -> tuple[PixelStore, PixelStore | None]:
        """Return pixels and uncertainty of the result, all parts of which are there; regions are put together now."""
        assert self.pixels is not None, "it has begun"
        pixels = self._together(self.pixels, "image")
        if self.uncertainty is None:
            return pixels, None
        return pixels, self._together(self.uncertainty, "uncertainty", float("nan"))

    def _together(self, parts: PixelStore, name: str, fill: float = 0) -> PixelStore:
        from autodip_ij.images.writing.pixel_store import new_store

        plan = self._plan
        assert plan is not None, "it has begun"
        if len(plan.regions) == 1:
            return parts
        with self._explained():
            if (self.folder / name).exists():  # a run was killed meanwhile
                remove_folder(self.folder / name)
            made = new_store(self.folder / name, plan.image, parts.dtype, fill=fill, explain=self._unwritable)
            for place, number in product(plan.places(), range(len(plan.regions))):
                plan.regions.write(made, place, number, parts[plan.regions.stacked(place, number)])
        return made

    def leave(self, packed: bytes) -> None:
        """Keep it with the end of the block: other processes go on with it, by the `packed` plan."""
        with self._explained():
            write_bytes(self.plan, packed)
        self._divided = True

    def writing(self) -> None:
        """Show a later run that the output is being written: if it has no record then, both are written again."""
        with self._explained():
            if self._lock is None:
                self._own()
                self._journal.touch()

    def done(self) -> None:
        """Remove it with the end of the block: the result is written."""
        self._done = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._lock is None:
            return
        divided = self._divided or bool(self._window)
        used = not self._done and (self._complete > 0 or divided or self._lacks_its_record())
        if self._complete and not self._done and not divided:
            count = f"{self._complete:,} of {self._total:,}"
            self._say(f"{count} {self._parts} are kept in {self.folder}: the same command goes on from there")
        self._held.close()
        if used:
            self._lock.release(keep=False)
        elif os.name == "nt":  # which does not rename what is open
            self._lock.release(keep=False)
            remove_folder(self.folder)
        else:
            remove_folder(self.folder)
            self._lock.release(keep=True)
        self._lock = None

    def _lacks_its_record(self) -> bool:
        return os.path.lexists(self._target) and not os.path.lexists(sidecar_path(self._target))

    @property
    def _journal(self) -> Path:
        return self.folder / "journal"

    def _own(self) -> None:
        self.found = self.folder.exists()
        self._lock = _own(self._target, f"lock{self._window}")
        self._held.enter_context(regularly(TOUCHED_EVERY, self._lock.touch))
        if not self._window:
            # Workers of a cluster complete what they have begun, also after their batch has ended.
            for left in self.folder.glob("lock.*"):
                _own(self._target, left.name).release(keep=False)

    def _why_afresh(self, made: dict[str, Any]) -> str:
        """Return why the content of the folder is of no use; empty if it is."""
        if not self._journal.exists():
            return "new"
        header = journal.entry_of(next(iter(journal.lines(self._journal)), ""))
        before = header.get("made") if header else None
        if not isinstance(before, dict):
            return "is damaged"
        if different := [name for name in made if before.get(name) != journal.stored(made[name])]:
            return f"was begun with other {', '.join(different)}"
        return ""

    @property
    def _parts(self) -> str:
        """What is complete or not, in words."""
        return "regions" if self._plan and len(self._plan.regions) > 1 else "planes"

    def _open(self, plan: Plan, uncertainty: bool) -> None:
        from autodip_ij.images.writing.pixel_store import open_store

        explain, stack = self._unwritable, _stack(plan)
        held, beside = (self.folder / name for name in _names(plan))
        whole = held.name == "image"
        if whole and not held.exists() and self._target.is_dir() and not os.path.lexists(sidecar_path(self._target)):
            # A run was killed after this folder had become the output, but before its record was written.
            os.replace(self._target, held)
        self.pixels = open_store(held, stack, explain=explain)
        self.uncertainty = open_store(beside, stack, explain=explain) if uncertainty else None

    def _create(self, plan: Plan, uncertainty: bool) -> None:
        from autodip_ij.images.writing.pixel_store import new_store

        for lines in self.folder.glob("journal*"):
            lines.unlink()
        for name in (*_WHOLE, *_REGIONS):
            if (self.folder / name).exists():
                remove_folder(self.folder / name)
        explain, stack = self._unwritable, _stack(plan)
        held, beside = (self.folder / name for name in _names(plan))
        self.pixels = new_store(held, stack, plan.output_dtype, explain=explain)
        if uncertainty:
            self.uncertainty = new_store(beside, stack, np.dtype(np.float32), fill=float("nan"), explain=explain)

    def _add(self, entry: dict[str, Any]) -> None:
        journal.add(self.folder / f"journal{self._window}", entry)

    def _digests(self, unit: Unit) -> list[str]:
        """Return the digests of the stored pixels of a part."""
        assert self._plan is not None, "it has begun"
        stores = [store for store in (self.pixels, self.uncertainty) if store is not None]
        return [digest_of(store.rows(*self._plan.regions.stacked(*unit))) for store in stores]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn errors of the disk into those of the target."""
        try:
            yield
        except UnwritableOutput:
            raise
        except OSError as error:
            raise self._unwritable(error) from error

    def _say(self, line: str) -> None:
        if self._progress is not None:
            self._progress.log(line)

    def _unwritable(self, error: OSError) -> UnwritableOutput:
        folder = self.folder.parent
        if error.errno in (None, errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return UnwritableOutput(
                f"{self._target.name}: no space left in {folder}; make room there, or choose another disk"
            )
        return UnwritableOutput(f"{self._target.name}: cannot be written in {folder} ({error.strerror or error})")


@contextmanager
def hold(target: Path) -> Iterator[None]:
    """Own the unfinished result of a file that was divided, while its windows are made.

    Raises
    ------
    autodip_ij.errors.UnwritableOutput
        If another run is writing there.
    """
    lock = _own(target, "lock")
    try:
        with regularly(TOUCHED_EVERY, lock.touch):
            yield
    finally:
        lock.release(keep=False)


def _own(target: Path, name: str) -> OwnedFile:
    """Own a lock in the folder of the unfinished result of a target."""

    def busy(owner: str) -> str:
        return f"{target}: another run is writing it{owner}; wait for it, or choose another output"

    folder = unfinished_folder(target)
    while True:
        folder.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):  # the run before has removed the folder just now
            return own(folder / name, busy)


def _names(plan: Plan) -> tuple[str, str]:
    """Return the names of the folders that hold the pixels of the parts, and their uncertainty."""
    return _WHOLE if len(plan.regions) == 1 else _REGIONS


def _stack(plan: Plan) -> Image:
    """Return an image like that of a plan, with a slice for each part."""
    import dask.array as da

    shape = plan.regions.worked(plan.image.shape)
    return replace(plan.image, data=da.zeros(shape, plan.output_dtype, chunks=shape))


def _made(plan: Plan, settings: DenoiseSettings) -> dict[str, Any]:
    """Return what a result depends on beside its input, by its name in messages."""
    steps = [
        # The number of lanes depends on the free memory, and changes no pixel.
        (repr(channel.recipe and replace(channel.recipe, lanes=None)), repr(channel.scale))
        for channel in plan.channels
    ]
    shape = (plan.image.shape, plan.image.axes, str(plan.output_dtype), plan.device)
    return {
        "settings": encodable(settings.model_dump()),
        "versions": {"autodip_ij": __version__, **versions()},
        "parameters or input": hashlib.sha256(repr((steps, shape)).encode()).hexdigest(),
    }
