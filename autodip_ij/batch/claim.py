"""Lock an output folder for one batch, and keep a journal from which a killed batch is recovered.

The claim is a hidden file in the folder. Its owner holds a lock of the operating system on it, which is released when
the process ends, for whatever reason. On a network disk that does not share locks between hosts, the modification time
of the file decides: its owner touches it several times a minute.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from autodip_ij.errors import UnwritableOutput

CLAIM_NAME = ".autodip-batch"
TOUCHED_EVERY = 15.0
"""Seconds between two heartbeats of an owner."""
GONE_AFTER = 90.0
"""Seconds without a heartbeat after which an owner on another host is considered dead."""
_LOCKED_BYTE = 2**30
"""Windows prevents others from reading locked bytes, so the lock is on a byte far beyond the content."""


class Claim:
    """Exclusive use of an output folder, with a journal of the outputs in progress.

    Attributes
    ----------
    unfinished
        Outputs in progress when an earlier batch was killed, with the number of batches killed while working on each.
    """

    def __init__(self, path: Path, file: int, before: str) -> None:
        self._path = path
        self._file = file
        self.unfinished = _unfinished(before.splitlines())
        self._in_work: set[str] = set()
        os.ftruncate(file, 0)
        self._write(_owner())
        if self.unfinished:
            self._write({"unfinished": self.unfinished})

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
        """Update the modification time of the claim: the heartbeat."""
        with suppress(OSError):
            os.utime(self._path)

    def _note(self, record: dict[str, Any]) -> None:
        with suppress(OSError):  # a full disk makes the files fail, but must not end the batch
            self._write(record)

    def _write(self, record: dict[str, Any]) -> None:
        # One write, at the end of the file: if killed, at most the last line is truncated, and that is ignored.
        os.lseek(self._file, 0, os.SEEK_END)
        os.write(self._file, (json.dumps(record) + "\n").encode())

    def _release(self) -> None:
        with suppress(OSError):
            if self.unfinished:
                self._write({"released": True})
            elif os.name != "nt":
                self._path.unlink()
        os.close(self._file)
        if not self.unfinished and os.name == "nt":
            with suppress(OSError):
                self._path.unlink()


@contextmanager
def claimed(folder: Path) -> Iterator[Claim]:
    """Claim an output folder for the duration of a ``with`` block.

    Raises
    ------
    autodip_ij.errors.UnwritableOutput
        If another running batch has claimed it, or the folder is not writable.
    """
    path = folder / CLAIM_NAME
    try:
        claim = _taken(path)
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
        claim._release()


@contextmanager
def regularly(seconds: float, *actions: Callable[[], object]) -> Iterator[None]:
    """Call `actions` every `seconds`, in a background thread, while the ``with`` block runs."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(seconds):
            for action in actions:
                action()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _taken(path: Path) -> Claim:
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            locked = _lock(file)
            # The owner may have removed it between opening and locking.
            if locked is not False and not _is_still(path, file):
                os.close(file)
                continue
            before = _content(file)
            if locked is False or _owner_lives(before, path, file, locked=locked is True):
                raise UnwritableOutput(
                    f"{path.parent}: {_owner_as_text(before)}; wait for it, or choose another output folder"
                )
            return Claim(path, file, before)
        except BaseException:
            with suppress(OSError):
                os.close(file)
            raise


def _lock(file: int) -> bool | None:
    """Lock the file; return False if another process holds the lock, None if the disk does not support locks."""
    try:
        if os.name == "nt":
            import msvcrt

            os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
            try:
                msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
            finally:
                os.lseek(file, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return None
    return True


def _is_still(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file))
    except FileNotFoundError:
        return False


def _content(file: int) -> str:
    with os.fdopen(os.dup(file), "rb") as stream:
        stream.seek(0)
        return stream.read().decode("utf-8", "replace")


def _owner() -> dict[str, Any]:
    return {"host": platform.node(), "process": os.getpid(), "born": psutil.Process().create_time()}


def _records(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            yield record


def _owner_lives(content: str, path: Path, file: int, *, locked: bool) -> bool:
    """Whether the batch that wrote `content` may still be running."""
    records = list(_records(content.splitlines()))
    owner = next((record for record in records if "host" in record), None)
    if owner is None or any("released" in record for record in records):
        return False
    if owner["host"] == platform.node():
        # An owner on this host would hold the lock; without locks, its process is looked up.
        return not locked and _is_process(owner.get("process"), owner.get("born"))
    return _now(path.parent) - os.fstat(file).st_mtime < GONE_AFTER


def _is_process(number: object, born: object) -> bool:
    try:
        return isinstance(number, int) and psutil.Process(number).create_time() == born
    except (psutil.Error, ValueError):
        return False


def _now(folder: Path) -> float:
    """Return the time by the clock of the disk, which may differ from that of this host."""
    with tempfile.TemporaryFile(dir=folder) as probe:
        return os.fstat(probe.fileno()).st_mtime


def _owner_as_text(content: str) -> str:
    owner = next((record for record in _records(content.splitlines()) if "host" in record), {})
    if not owner:
        return "another batch is writing there"
    found = f"another batch is writing there (host {owner['host']}, process {owner.get('process')})"
    return found if owner["host"] == platform.node() else f"{found}, or died less than {GONE_AFTER:.0f} s ago"


def _unfinished(lines: Iterable[str]) -> dict[str, int]:
    """Return the unfinished outputs of a journal, with the number of batches killed while working on each."""
    found: dict[str, int] = {}
    in_work: set[str] = set()
    for record in _records(lines):
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
