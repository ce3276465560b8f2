"""Jobs that misbehave, run in a real worker process by the tests."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import time
from pathlib import Path

from autodip_ij.errors import BadInput, Cancelled
from autodip_ij.progress import Stop


def double(values, arrays, progress):
    progress.start(3, "doubling")
    for _ in range(3):
        progress.advance()
    arrays["target"][:] = 2 * arrays["source"]
    return {"sum": float(arrays["target"].sum()), "process": os.getpid()}


def chatter(values, arrays, progress):
    """Print from Python and from C, with and without an end of line."""
    print("no newline", end="", flush=True)
    print("ümlaut – µm")
    os.write(1, b"from the operating system")
    libc = ctypes.CDLL(None)
    libc.puts(b"from C")
    libc.fflush(None)
    logging.getLogger("library").warning("beware")
    progress.log("a line")
    return "done"


def refuse(values, arrays, progress):
    raise BadInput("channel 7: the image has 2 channels")


def stumble(values, arrays, progress):
    return 1 / values["zero"]


def leave(values, arrays, progress):
    raise SystemExit(5)


def fill_memory(values, arrays, progress):
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, hard))
    try:
        return len(bytearray(2**30))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def unserialisable(values, arrays, progress):
    return object()


def die(values, arrays, progress):
    os.kill(os.getpid(), signal.SIGKILL)


def fault(values, arrays, progress):
    ctypes.string_at(0)


def wait(values, arrays, progress):
    """Work in steps of `step` seconds, looking for a stop request between them."""
    progress.start(1000, "waiting")
    for _ in range(1000):
        time.sleep(values["step"])
        progress.advance()
        request = progress.stop_request()
        if request is Stop.DISCARD:
            raise Cancelled("dropped")
        if request is Stop.KEEP:
            return "kept"
    return "to the end"


def show(values, arrays, progress):
    """Make previews for as long as it takes until one is wanted, larger than the space for them."""
    import numpy as np

    progress.start(10, "showing")
    for _ in range(200):
        time.sleep(0.02)
        if progress.wants_preview():
            progress.preview(np.arange(2048 * 1024, dtype=np.float32).reshape(2048, 1024), "plane 1")
            return "shown"
    return "never wanted"


def show_at_once(values, arrays, progress):
    """Return whether a preview is wanted before anything else happens."""
    return progress.wants_preview()


def record(values, arrays, progress):
    """Write when it began and ended into a file."""
    began = time.time()
    time.sleep(0.3)
    with open(values["file"], "a", encoding="utf-8") as file:
        file.write(f"{values['name']} {began} {time.time()}\n")
    return values["name"]


def mappings(values, arrays, progress):
    """Return the shared memory this process still holds from earlier jobs."""
    with open("/proc/self/maps", encoding="utf-8") as file:
        return [line for line in file if "autodip-" in line]
