"""Watch a folder into which a microscope is writing: which files are complete."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from autodip_ij.batch.inputs import Entry, Inputs, find_inputs
from autodip_ij.batch.resume import Fingerprint
from autodip_ij.batch.table import Table
from autodip_ij.batch.targets import Job
from autodip_ij.errors import AutodipError, BadInput
from autodip_ij.progress import Progress

_LOOKS = 3
"""Number of looks during the time in which a file must not grow."""
_LONGEST_PAUSE = 10.0


@dataclass(frozen=True)
class Watch:
    """How a folder is watched.

    Attributes
    ----------
    settle
        Seconds during which size and modification time of a file must not change before it is taken.
    idle
        Seconds without a change in the folder after which the watch ends; None for never.
    """

    settle: float = 30.0
    idle: float | None = None


@dataclass
class _Seen:
    fingerprint: Fingerprint
    since: float
    shut: str = ""
    """Why it cannot be opened, though it no longer grows."""


class Arrivals:
    """The files of a folder or pattern as they become complete.

    A file is taken when it has neither grown nor changed for a while and can be opened: many formats write what makes
    them readable at their end. One that changes after it was taken is taken again.

    Parameters
    ----------
    source
        A folder or a pattern; it may hold nothing yet.
    watch
        How it is watched.
    say
        Receives lines for the user.

    Raises
    ------
    autodip_ij.errors.BadInput
        If `source` is a list or a single file.
    autodip_ij.errors.UnreadableFile
        If the folder does not exist.
    """

    def __init__(self, source: str | Path, watch: Watch, say: Callable[[str], None]) -> None:
        self._source = source
        self._watch = watch
        self._say = say
        self._seen: dict[Path, _Seen] = {}
        self._taken: dict[Path, Fingerprint] = {}
        self._changed = time.monotonic()
        self._due = 0.0
        self._failure = ""
        self.inputs = self._found()
        if not self.inputs.recursive and not self._is_pattern():
            raise BadInput(f"{source}: only a folder or a pattern can be watched")

    def complete(self) -> list[Entry] | None:
        """Return the files that have become complete since the last call; None when the watch has ended.

        The folder is searched a few times in the settling time, in between the list is empty.
        """
        now = time.monotonic()
        if now < self._due:
            return []
        try:
            self.inputs, self._failure = self._found(), ""
        except (AutodipError, OSError) as error:  # a network disk that is away comes back
            if not self._failure:
                self._say(f"the folder cannot be searched now: {error}")
            self._failure = str(error)
        ready = [] if self._failure else [entry for entry in self.inputs.entries if self._is_ready(entry, now)]
        pause = min(self._watch.settle / _LOOKS, _LONGEST_PAUSE)
        # A slow search, of a large folder on a network disk, should not become the main work.
        self._due = time.monotonic() + max(pause, 5 * (time.monotonic() - now))
        if not ready and self._watch.idle is not None and now - self._changed >= self._watch.idle:
            return None
        return ready

    def left(self) -> Mapping[Path, str]:
        """Return the files not taken, with the reason: they were still growing, or could not be opened."""
        paths = {entry.path for entry in self.inputs.entries}
        return {path: seen.shut or "still growing" for path, seen in self._seen.items() if path in paths}

    def _found(self) -> Inputs:
        try:
            return find_inputs(self._source)
        except BadInput:
            root = Path(self._source)
            if not root.is_dir() and not self._is_pattern():
                raise
            return Inputs(root, (), recursive=True)

    def _is_pattern(self) -> bool:
        from glob import has_magic

        return has_magic(str(self._source)) and not Path(self._source).exists()

    def _is_ready(self, entry: Entry, now: float) -> bool:
        path = entry.path
        try:
            found = Fingerprint.of(path)
        except AutodipError:  # gone again, or not yet readable
            self._seen.pop(path, None)
            return False
        if self._taken.get(path) == found:
            return False
        seen = self._seen.get(path)
        if seen is None or seen.fingerprint != found:
            self._seen[path] = _Seen(found, now)
            self._changed = now
            return False
        if seen.shut or now - seen.since < self._watch.settle:
            return False
        if reason := _shut(path):
            seen.shut = reason
            self._say(f"{entry.relative.as_posix()}: cannot be opened yet ({reason})")
            return False
        self._taken[path] = found
        del self._seen[path]
        self._changed = now
        return True


class Incoming:
    """Plans the files of a watched folder and puts them into the table.

    Parameters
    ----------
    arrivals
        The files as they become complete.
    plan
        Returns the jobs of some files.
    table
        Where they are put.
    overwrite
        Whether existing outputs that do not agree are replaced.
    progress
        Receives lines about files that give no job.
    """

    def __init__(
        self,
        arrivals: Arrivals,
        plan: Callable[[Sequence[Entry]], list[Job]],
        table: Table,
        overwrite: bool,
        progress: Progress,
    ) -> None:
        self._arrivals = arrivals
        self._plan = plan
        self._table = table
        self._overwrite = overwrite
        self._progress = progress
        self._held: list[Entry] = []
        """Files that changed while they are in work: they are done again afterwards."""

    def __call__(self) -> list[int] | None:
        """Return the indices of the jobs to run now; None when the watch has ended."""
        found = self._arrivals.complete()
        if found is None and not self._held:
            for path, reason in self._arrivals.left().items():
                self._fail(path.relative_to(self._arrivals.inputs.root), reason)
            return None
        held, self._held = [*self._held, *(found or ())], []
        waiting: list[int] = []
        for jobs in self._planned(held):
            if any(map(self._table.is_open, jobs)):
                self._held.append(jobs[0].entry)
                continue
            try:
                waiting += self._table.add(jobs, self._overwrite)
            except AutodipError as error:
                self._fail(jobs[0].entry.relative, str(error))
        return waiting

    def _planned(self, entries: list[Entry]) -> Iterator[list[Job]]:
        """Yield the jobs of each file."""
        try:
            jobs = self._plan(entries) if entries else []
        except AutodipError as error:
            if len(entries) == 1:
                self._fail(entries[0].relative, str(error))
                return
            for entry in entries:  # one of them is the cause
                yield from self._planned([entry])
            return
        for _, found in groupby(jobs, lambda job: job.entry.path):
            yield list(found)

    def _fail(self, file: Path, reason: str) -> None:
        self._table.add_failed(file, reason)
        self._progress.log(f"{file.as_posix()}: {reason}")


def _shut(path: Path) -> str:
    """Return why an image cannot be opened; empty if it can."""
    from autodip_ij.images import open_image

    try:
        open_image(path)
    except Exception as error:  # readers raise anything for an incomplete file
        return str(error) or type(error).__name__
    return ""
