"""The program behind a socket: loaded once, then forked for each call, which so begins without seconds of imports.

Started as ``python program_server.py SOCKET``; it ends with its standard input. A call comes from `program_client`.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
from importlib import import_module

LOADED = (
    "torch",
    "dask.array",
    "scipy.stats",
    "skimage.restoration._denoise",
    "autodip_ij.cli.batch",
    "autodip_ij.cli.denoise",
    "autodip_ij.batch.run",
    "autodip_ij.classical.nonlocal_bayes",
    "autodip_ij.denoising.run",
    "autodip_ij.dip.engines.cpu.engine",
    "autodip_ij.dip.parallel",
    "autodip_ij.images.writing.tiff",
)


def serve(place: str) -> None:
    """Answer calls until standard input ends."""
    for name in LOADED:
        import_module(name)
    from numba.core.registry import cpu_target

    cpu_target.target_context.refresh()  # else the first compiled function that is loaded takes a second
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(place)
        listening.listen()
        print("ready", flush=True)
        while sys.stdin not in select.select([listening, sys.stdin], [], [])[0]:
            call, _ = listening.accept()
            child = os.fork()
            if child == 0:
                answer(call)
            call.close()
            os.waitpid(child, 0)  # the callers come one after the other


def answer(call: socket.socket) -> None:
    """Run the program in this process, with the streams of the caller, and send its exit code."""
    message, streams, _, _ = socket.recv_fds(call, 1 << 20, 3)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    asked = json.loads(message)
    os.chdir(asked["folder"])
    sys.argv = ["autodip", *asked["arguments"]]
    from autodip_ij.cli import main

    code = 1
    try:
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        call.sendall(bytes([code]))
        os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1])
