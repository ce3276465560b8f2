"""Local worker processes that communicate through their standard streams: no port is opened.

Each process runs one call at a time: if it dies, the call that crashed it is known, and no other call is lost.
"""

from __future__ import annotations

import json
import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import IO, Any

NUMBER_VARIABLE = "AUTODIP_WORKER"
_LENGTH = struct.Struct(">Q")
_IDLE_SECONDS = 10.0
"""After so long without a call, a process is ended: it may hold much memory, also of a GPU."""
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from autodip_ij.batch.processes import serve; serve()"
)


@dataclass(frozen=True)
class Call:
    """A function at the top level of a module, and its arguments; all must be picklable.

    Of calls that wait, those of lower `rank` are made first; by default it is that of the call among all. `threads` are
    those of the numeric libraries in its local process, where they are not those of the pool.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    rank: int | None = None
    threads: int | None = None

    def order(self, index: int) -> int:
        """Return the rank of the call, whose number is `index`."""
        return index if self.rank is None else self.rank


@dataclass(frozen=True)
class Answer:
    """Outcome of a call: its value, or the reason why it failed.

    Attributes
    ----------
    value
        Its return value.
    error
        One line; empty if the call returned.
    died
        Whether its process died.
    """

    value: Any = None
    error: str = ""
    died: bool = False


@dataclass(frozen=True)
class Told:
    """What a call tells the process that made it, before its answer."""

    what: tuple[Any, ...]


_say: Callable[[bytes], None] | None = None
"""Sends a message from a worker process; None elsewhere."""


def tell(*what: Any) -> None:
    """Tell the process that made the present call something, where it is another one."""
    if _say is not None:
        _say(pickle.dumps(Told(what)))


def worker_number() -> int | None:
    """Return the number of this worker process, from 0; None if this process is not a worker."""
    number = os.environ.get(NUMBER_VARIABLE, "")
    return int(number) if number.isdigit() else None


class Pool:
    """Threads that each own a process and feed it calls.

    Parameters
    ----------
    workers
        Number of processes; each is started by its first call.
    threads
        Threads of the numeric libraries in each; None for as many as in this process.
    """

    def __init__(self, workers: int, threads: int | None) -> None:
        self._events: queue.SimpleQueue[tuple[int, Answer | Told | None]] = queue.SimpleQueue()
        # By rank and order; without a call where all has ended.
        self._waiting: queue.PriorityQueue[tuple[int, int, int, Call | None]] = queue.PriorityQueue()
        self._order = count()
        self._processes = [_Process(number, threads) for number in range(workers)]
        self._threads = [threading.Thread(target=self._feed, args=(it,), daemon=True) for it in self._processes]
        for thread in self._threads:
            thread.start()

    def submit(self, index: int, call: Call) -> None:
        """Queue a call."""
        self._waiting.put((call.order(index), next(self._order), index, call))

    def next(self, seconds: float) -> tuple[int, Answer | Told | None]:
        """Return index and None when a call begins, what it tells, and its answer; `queue.Empty` after a while."""
        return self._events.get(timeout=seconds)

    def rest(self) -> None:
        """End the processes, none of which has a call, so that a next call finds all memory free."""
        for process in self._processes:
            process.end()

    def close(self) -> None:
        """Kill all processes immediately."""
        for process in self._processes:
            process.kill()
            self._waiting.put((-1, next(self._order), -1, None))
        for thread in self._threads:
            thread.join()

    def _feed(self, process: _Process) -> None:
        while not process.killed:
            try:
                item = self._waiting.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                process.end()
                item = self._waiting.get()
            _, _, index, call = item
            if call is None or process.killed:
                break
            self._events.put((index, None))
            self._events.put((index, process.call(call, partial(self._hear, index))))
        process.end()

    def _hear(self, index: int, told: Told) -> None:
        self._events.put((index, told))


_own = threading.local()
"""The process in which this thread of a Dask worker makes its calls."""


def call_apart(function: Callable[..., Any], arguments: tuple[Any, ...], number: int | None = None) -> Answer:
    """Make a call in a process that belongs to this thread, and outlives the call by a few seconds.

    A Dask worker that ran the call itself would die with it, and Dask would blame all calls that waited there.
    """
    if not hasattr(_own, "process"):
        _own.process = _Process(number, None)
    process: _Process = _own.process
    with process.busy:
        if process.idle is not None:
            process.idle.cancel()
        answer = process.call(Call(function, arguments))
        process.idle = threading.Timer(_IDLE_SECONDS, process.end_if_idle)
        process.idle.daemon = True
        process.idle.start()
    return answer


@dataclass
class _Process:
    """A worker process, started on demand and restarted after it has died."""

    number: int | None
    threads: int | None
    killed: bool = field(default=False, init=False)
    busy: threading.Lock = field(default_factory=threading.Lock, init=False)
    idle: threading.Timer | None = field(default=None, init=False)
    _running: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _threads: int | None = field(default=None, init=False)
    """Of the running process."""

    def call(self, call: Call, heard: Callable[[Told], None] = lambda told: None) -> Answer:
        """Run a call in the process; failures are returned in the answer, and what it tells is `heard`."""
        try:
            message = pickle.dumps((call.function, call.arguments))
        except Exception as error:
            return Answer(error=f"cannot be sent to a worker process ({type(error).__name__}: {error})")
        try:
            running = self._started(call.threads or self.threads)
        except OSError as error:
            return Answer(error=f"no worker process can be started ({error.strerror or error}); use fewer workers")
        assert running.stdin is not None
        assert running.stdout is not None
        try:
            _send(running.stdin, message)
            while (received := _receive(running.stdout)) is not None:
                said: Answer | Told = pickle.loads(received)
                if isinstance(said, Answer):
                    return said
                heard(said)
        except OSError:
            pass
        return Answer(error=f"its worker process died ({_cause(self.end())})", died=True)

    def kill(self) -> None:
        """Kill the process, if there is one, and prevent a restart."""
        with self._lock:
            self.killed = True
            if self._running is not None:
                self._running.kill()

    def end_if_idle(self) -> None:
        """End the process unless it has a call again."""
        if self.busy.acquire(blocking=False):
            try:
                self.end()
            finally:
                self.busy.release()

    def end(self) -> int:
        """End the process and return its exit code; 0 if there was none."""
        with self._lock:
            running, self._running = self._running, None
        if running is None:
            return 0
        running.kill()  # has no effect on the exit code of a process that has ended
        code = running.wait()
        for stream in (running.stdin, running.stdout):
            with suppress(OSError):  # unsent data
                stream.close()  # type: ignore[union-attr]
        return code

    def _started(self, threads: int | None) -> subprocess.Popen[bytes]:
        if not sys.executable:
            raise OSError("the path of the Python interpreter is unknown")
        if threads != self._threads:
            self.end()  # libraries read this number when they are loaded
            self._threads = threads
        with self._lock:
            if self.killed:
                raise OSError("the workers are being ended")
            if self._running is None:
                numeric = {name: str(threads) for name in _THREADS if threads is not None}
                own = {} if self.number is None else {NUMBER_VARIABLE: str(self.number)}
                self._running = subprocess.Popen(
                    # -P omits the working directory from the path: data files there may be named like modules.
                    [sys.executable, "-P", "-c", _PROGRAM, json.dumps(sys.path)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env={**os.environ, **numeric, **own},
                )
            return self._running


def _cause(code: int) -> str:
    """Return how a process ended, as text."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def _send(stream: IO[bytes], message: bytes) -> None:
    stream.write(_LENGTH.pack(len(message)))
    stream.write(message)
    stream.flush()


def _receive(stream: IO[bytes]) -> bytes | None:
    """Return the next message; None at the end of the stream."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    message = stream.read(length)
    return message if len(message) == length else None


def serve() -> None:
    """Run as a worker: read calls from standard input and write answers to standard output until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of the terminal; the parent decides
    with suppress(OSError):  # where memory ends, Linux then kills this process, which loses one call, not its parent
        Path("/proc/self/oom_score_adj").write_text("500")
    global _say
    answering, one_by_one = os.fdopen(os.dup(1), "wb"), threading.Lock()

    def say(message: bytes) -> None:
        with one_by_one:
            _send(answering, message)

    _say = say
    os.dup2(2, 1)  # output printed by libraries must not be mistaken for an answer
    calls: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(os.fdopen(os.dup(0), "rb"), calls), daemon=True).start()
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    while True:
        answer = _done(calls.get())
        try:
            message = pickle.dumps(answer)
        except Exception as error:
            message = pickle.dumps(Answer(error=f"its result cannot be sent ({type(error).__name__}: {error})"))
        say(message)


def _listen(stream: IO[bytes], calls: queue.SimpleQueue[bytes]) -> None:
    """Queue incoming calls; end this process when the parent has gone, even in the middle of a call."""
    while (message := _receive(stream)) is not None:
        calls.put(message)
    os._exit(1)


def _done(message: bytes) -> Answer:
    try:
        function, arguments = pickle.loads(message)
        return Answer(function(*arguments))
    except BaseException as error:
        return Answer(error=f"{type(error).__name__}: {error}")
