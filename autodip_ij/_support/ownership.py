"""Own a file on behalf of this process, against other processes, also of other hosts.

Its owner holds a lock of the operating system on the file, which is released when the process ends, for whatever
reason. On a network disk that does not share locks between hosts, the modification time of the file decides: its owner
touches it several times a minute.
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

TOUCHED_EVERY = 15.0
"""Seconds between two heartbeats of an owner."""
GONE_AFTER = 90.0
"""Seconds without a heartbeat after which an owner on another host is considered dead."""
_LOCKED_BYTE = 2**30
"""Windows prevents others from reading locked bytes, so the lock is on a byte far beyond the content."""


class OwnedFile:
    """A file that this process owns; it names its owner in its first line.

    Attributes
    ----------
    path
        The file.
    before
        Its content under the previous owner; empty if there was none.
    """

    def __init__(self, path: Path, file: int, before: str) -> None:
        self.path = path
        self.before = before
        self._file = file
        os.ftruncate(file, 0)
        self.add({"host": platform.node(), "process": os.getpid(), "born": psutil.Process().create_time()})

    def add(self, record: dict[str, Any]) -> None:
        """Append a line.

        Raises
        ------
        OSError
            If the disk is full, for example.
        """
        # One write, at the end of the file: if killed, at most the last line is truncated, and that is ignored.
        os.lseek(self._file, 0, os.SEEK_END)
        os.write(self._file, (json.dumps(record) + "\n").encode())

    def touch(self) -> None:
        """Update the modification time: the heartbeat."""
        with suppress(OSError):
            os.utime(self.path)

    def release(self, *, keep: bool) -> None:
        """End the ownership, and remove the file unless it is to `keep` its content."""
        with suppress(OSError):
            if keep:
                self.add({"released": True})
            elif os.name != "nt":
                self.path.unlink()
        os.close(self._file)
        if not keep and os.name == "nt":
            with suppress(OSError):
                self.path.unlink()


def own(path: Path, busy: Callable[[str], str]) -> OwnedFile:
    """Own the file `path`, creating it.

    Parameters
    ----------
    path
        The file.
    busy
        The message where another process owns it, given who that is: " (host ..., process ...)", or nothing.

    Raises
    ------
    autodip_ij.errors.UnwritableOutput
        If a living process owns it.
    OSError
        If it cannot be written.
    """
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
                raise UnwritableOutput(busy(_owner_as_text(before)))
            return OwnedFile(path, file, before)
        except BaseException:
            with suppress(OSError):
                os.close(file)
            raise


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


def records(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield the records of the lines of a journal; damaged lines are ignored."""
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            yield record


def _owner_lives(content: str, path: Path, file: int, *, locked: bool) -> bool:
    """Whether the process that wrote `content` may still be running."""
    found = list(records(content.splitlines()))
    owner = next((record for record in found if "host" in record), None)
    if owner is None or any("released" in record for record in found):
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
    owner = next((record for record in records(content.splitlines()) if "host" in record), {})
    if not owner:
        return ""
    found = f" (host {owner['host']}, process {owner.get('process')})"
    return found if owner["host"] == platform.node() else f"{found}, or died less than {GONE_AFTER:.0f} s ago"
