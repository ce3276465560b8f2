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
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

NUMBER_VARIABLE = "AUTODIP_WORKER"
_LENGTH = struct.Struct(">Q")
_POLL_SECONDS = 0.2
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from autodip_ij.batch.processes import serve; serve()"
)


@dataclass(frozen=True)
class Call:
    """A function at the top level of a module, and its arguments; all must be picklable."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()


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


def worker_number() -> int | None:
    """Return the number of this worker process, from 0; None if this process is not a worker."""
    number = os.environ.get(NUMBER_VARIABLE, "")
    return int(number) if number.isdigit() else None


def answers_of(
    calls: Sequence[Call],
    indices: Sequence[int],
    workers: int,
    threads: int,
    begun: Callable[[int], None],
    stopped: Callable[[], bool],
) -> Generator[tuple[int, Answer | None], None, None]:
    """Yield index and answer of some calls as each completes; None if the user stopped them.

    Closing the generator ends the processes. The parameters are those of `autodip_ij.batch.loop.answers`.
    """
    pool = _Pool(calls, indices, min(workers, len(indices)), threads)
    remaining = len(indices)
    try:
        while remaining:
            if stopped():
                yield -1, None
                return
            try:
                index, answer = pool.events.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            if answer is None:
                begun(index)
            else:
                remaining -= 1
                yield index, answer
    finally:
        pool.close()


class _Pool:
    """Threads that each own a process and feed it calls until none remain."""

    def __init__(self, calls: Sequence[Call], indices: Sequence[int], workers: int, threads: int) -> None:
        self.events: queue.SimpleQueue[tuple[int, Answer | None]] = queue.SimpleQueue()
        """Index and None when a call begins, index and answer when it has ended."""
        self._calls = calls
        self._waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        for index in indices:
            self._waiting.put(index)
        self._processes = [_Process(number, threads) for number in range(workers)]
        self._threads = [threading.Thread(target=self._feed, args=(it,), daemon=True) for it in self._processes]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Kill all processes immediately."""
        for process in self._processes:
            process.kill()
        for thread in self._threads:
            thread.join()

    def _feed(self, process: _Process) -> None:
        while not process.killed:
            try:
                index = self._waiting.get_nowait()
            except queue.Empty:
                process.kill()
                break
            self.events.put((index, None))
            self.events.put((index, process.call(self._calls[index])))
        process.end()


@dataclass
class _Process:
    """A worker process, started on demand and restarted after it has died."""

    number: int
    threads: int
    killed: bool = field(default=False, init=False)
    _running: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def call(self, call: Call) -> Answer:
        """Run a call in the process; failures are returned in the answer."""
        try:
            message = pickle.dumps((call.function, call.arguments))
        except Exception as error:
            return Answer(error=f"cannot be sent to a worker process ({type(error).__name__}: {error})")
        try:
            running = self._started()
        except OSError as error:
            return Answer(error=f"no worker process can be started ({error.strerror or error}); use fewer workers")
        assert running.stdin is not None
        assert running.stdout is not None
        try:
            _send(running.stdin, message)
            received = _receive(running.stdout)
        except OSError:
            received = None
        if received is None:
            return Answer(error=f"its worker process died ({_cause(self.end())})", died=True)
        answer: Answer = pickle.loads(received)
        return answer

    def kill(self) -> None:
        """Kill the process, if there is one, and prevent a restart."""
        with self._lock:
            self.killed = True
            if self._running is not None:
                self._running.kill()

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

    def _started(self) -> subprocess.Popen[bytes]:
        if not sys.executable:
            raise OSError("the path of the Python interpreter is unknown")
        with self._lock:
            if self.killed:
                raise OSError("the workers are being ended")
            if self._running is None:
                numeric = {name: str(self.threads) for name in _THREADS}
                self._running = subprocess.Popen(
                    # -P omits the working directory from the path: data files there may be named like modules.
                    [sys.executable, "-P", "-c", _PROGRAM, json.dumps(sys.path)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env={**os.environ, **numeric, NUMBER_VARIABLE: str(self.number)},
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
    answering = os.fdopen(os.dup(1), "wb")
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
        _send(answering, message)


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
