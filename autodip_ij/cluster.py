"""Local worker processes, or an existing Dask cluster, for many independent jobs."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from autodip_ij.errors import EnvironmentProblem

if TYPE_CHECKING:
    from distributed import Client


@contextmanager
def dask_client(workers: int, scheduler: str | None = None, *, threads: int = 1) -> Iterator[Client]:
    """Start local processes, or connect to a cluster, for the time of a ``with`` block.

    Parameters
    ----------
    workers
        Local worker processes; each takes one job at a time.
    scheduler
        Address of an existing scheduler (``tcp://host:8786``) or a scheduler file (``*.json``), instead of local
        processes.
    threads
        Threads of the numeric libraries in each local worker.

    Raises
    ------
    autodip_ij.errors.EnvironmentProblem
        If the scheduler cannot be reached.
    """
    import dask
    from distributed import Client, LocalCluster

    if scheduler is not None:
        address = {"scheduler_file": scheduler} if scheduler.endswith(".json") else {"address": scheduler}
        try:
            # Dask would wait for the file to appear, for ever.
            if "scheduler_file" in address and not Path(scheduler).is_file():
                raise FileNotFoundError("no such file")
            client = Client(**address, timeout="20s")
        except (OSError, TimeoutError, ValueError) as error:
            raise EnvironmentProblem(f"no Dask scheduler at {scheduler} ({error}); start one or use workers") from error
        with client:
            yield client
        return
    environment = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    configuration = {
        "distributed.nanny.pre-spawn-environ": {**os.environ, **environment},
        # Fits fill the memory on purpose; a worker that is paused or killed at 80 % would lose its job.
        "distributed.worker.memory.pause": False,
        "distributed.worker.memory.terminate": False,
    }
    with (
        dask.config.set(configuration),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            memory_limit=0,
            # Without an address the scheduler's web server would listen on every interface, at a fixed port.
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            silence_logs=logging.ERROR,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client
