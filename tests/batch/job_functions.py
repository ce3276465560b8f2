"""Functions that the tests have workers run."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any


def square(value: float) -> dict[str, float]:
    return {"square": value * value}


def square_slowly(value: float, log: str, seconds: float = 0.2) -> float:
    time.sleep(seconds)
    with Path(log).open("a") as stream:
        stream.write(f"{value}\n")
    return value * value


def fail(reason: str) -> Any:
    raise ValueError(reason)


def die() -> None:
    os._exit(7)


def process_id() -> int:
    time.sleep(0.5)
    return os.getpid()
