"""Claim an output folder for one batch, and keep a journal from which a killed batch is recovered.

The claim is a hidden file in the folder, owned by the process of the batch (`autodip_ij._support.ownership`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from autodip_ij._support.ownership import TOUCHED_EVERY, OwnedFile, own, records, regularly
from autodip_ij.errors import UnwritableOutput

CLAIM_NAME = ".autodip-batch"


class Claim:
    """Exclusive use of an output folder, with a journal of the outputs in progress.

    Attributes
    ----------
    unfinished
        Outputs in progress when an earlier batch was killed, with the number of batches killed while working on each.
    """

    def __init__(self, file: OwnedFile) -> None:
        self._file = file
        self.unfinished = _unfinished(file.before.splitlines())
        self._in_work: set[str] = set()
        if self.unfinished:
            file.add({"unfinished": self.unfinished})

    def begin(self, output: str, *, here: bool) -> None:
        """Record that work on `output` begins: in this process (`here`), which it may crash, or in another."""
        self._in_work.add(output)
        self._note({"begin" if here else "open": output})

    def end(self, output: str) -> None:
        """Record that work on `output` has ended, successfully or not."""
        self._in_work.discard(output)
        self.unfinished.pop(output, None)
        self._note({"end": output})

    def leave(self, output: str, *, died: bool = False) -> None:
        """Record that `output` may exist but be incomplete: work on it was abandoned, or its process `died`."""
        self._in_work.discard(output)
        self.unfinished[output] = max(int(died), self.unfinished.get(output, 0))
        self._note({"unfinished": {output: self.unfinished[output]}})

    @property
    def in_work(self) -> frozenset[str]:
        """The outputs in progress."""
        return frozenset(self._in_work)

    def touch(self) -> None:
        """Show that this batch is alive."""
        self._file.touch()

    def _note(self, record: dict[str, Any]) -> None:
        with suppress(OSError):  # a full disk makes the files fail, but must not end the batch
            self._file.add(record)

    def release(self) -> None:
        """End the claim; the journal remains where something is unfinished."""
        self._file.release(keep=bool(self.unfinished))


@contextmanager
def claimed(folder: Path) -> Iterator[Claim]:
    """Claim an output folder for the duration of a ``with`` block.

    Raises
    ------
    autodip_ij.errors.UnwritableOutput
        If another running batch has claimed it, or the folder is not writable.
    """

    def busy(owner: str) -> str:
        return f"{folder}: another batch is writing there{owner}; wait for it, or choose another output folder"

    try:
        claim = Claim(own(folder / CLAIM_NAME, busy))
    except UnwritableOutput:
        raise
    except OSError as error:
        raise UnwritableOutput(
            f"{folder}: cannot be written ({error.strerror or error}); choose another one"
        ) from error
    try:
        with regularly(TOUCHED_EVERY, claim.touch):
            yield claim
    finally:
        claim.release()


def _unfinished(lines: Iterable[str]) -> dict[str, int]:
    """Return the unfinished outputs of a journal, with the number of batches killed while working on each."""
    found: dict[str, int] = {}
    in_work: set[str] = set()
    for record in records(lines):
        if isinstance(known := record.get("unfinished"), dict):
            found.update({name: count for name, count in known.items() if isinstance(count, int)})
            in_work.difference_update(known)
        if isinstance(name := record.get("begin"), str):
            in_work.add(name)
        if isinstance(name := record.get("open"), str):
            found.setdefault(name, 0)
        if isinstance(name := record.get("end"), str):
            in_work.discard(name)
            found.pop(name, None)
    return found | {name: found.get(name, 0) + 1 for name in in_work}
