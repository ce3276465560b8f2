"""Kills: batches and long runs are killed (SIGKILL), started again, and compared with a run that was left alone.

Half of the kills come at a random time, half at a random renaming, just before or just after it: the moments between
the result, its sidecar and the table of a batch among them. A run may be killed several times before it may finish.
"""

from __future__ import annotations

import os
import pickle
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from autodip_ij.cli import app
from autodip_ij.denoising.report import sidecar_path
from autodip_ij.images import open_image

FILTER = ("--method", "gaussian", "--group", "widefield/nucleus", "--device", "cpu", "--quiet")
FILES, PLANES, SIDE = 6, 40, 64
FORMATS = (".ome.tif", ".ome.zarr")
MOST_KILLS = 3
"""Kills of one run before it may finish."""


def trial(kills: int = 40, seed: int = 1) -> dict[str, Any]:
    """Kill batches, and single runs of a stack, at least `kills` times each half; return counts and what was wrong."""
    # Forked processes need not load the packages again; nothing here has started a thread yet.
    import autodip_ij.batch
    import autodip_ij.denoising.api
    import autodip_ij.images.reading.tiff
    import autodip_ij.images.writing.ome_zarr
    import autodip_ij.images.writing.tiff  # noqa: F401

    random = np.random.default_rng(seed)
    found: dict[str, Any] = {"seed": seed}
    with tempfile.TemporaryDirectory(prefix="autodip-kills-") as folder:
        for what, prepare in (("batch", _batch), ("denoise", _single)):
            counts: Counter[str] = Counter()
            wrong: list[str] = []
            for suffix in FORMATS:
                place = Path(folder, what + suffix)
                place.mkdir()
                command, outputs = prepare(place, suffix)
                _measure_and_kill(command, outputs, place, kills // 4 + 1, random, counts, wrong)
            found[what] = {**counts, "wrong": wrong}
    return found


Outputs = Callable[[Path], list[Path]]
Command = Callable[[Path], list[str]]


def _batch(place: Path, suffix: str) -> tuple[Command, Outputs]:
    """Return the command that denoises a folder of images into a folder, and what that makes."""
    (place / "in").mkdir()
    for number in range(FILES):
        tifffile.imwrite(place / "in" / f"{number}.tif", _pixels(number, SIDE, SIDE), metadata=None)
    return (
        lambda out: ["batch", str(place / "in"), str(out), "--format", suffix, *FILTER],
        lambda out: [out / f"{number}_autodip{suffix}" for number in range(FILES)],
    )


def _single(place: Path, suffix: str) -> tuple[Command, Outputs]:
    """Return the command that denoises a stack into a folder, and what that makes."""
    tifffile.imwrite(place / "stack.tif", _pixels(0, PLANES, SIDE, SIDE), imagej=True, metadata={"axes": "ZYX"})
    return (
        lambda out: ["denoise", str(place / "stack.tif"), str(out / f"stack{suffix}"), *FILTER],
        lambda out: [out / f"stack{suffix}"],
    )


def _pixels(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).poisson(60, shape).astype(np.uint16)


def _measure_and_kill(
    command: Command,
    outputs: Outputs,
    place: Path,
    kills: int,
    random: np.random.Generator,
    counts: Counter[str],
    wrong: list[str],
) -> None:
    """Let one run finish, then kill runs until `kills` of them died; count outcomes, note what was wrong."""
    clean = place / "clean"
    clean.mkdir()
    began = time.monotonic()
    renamings = place / "renamings"
    assert _finished(_start(command(clean), log=renamings)) == 0
    seconds, moments = time.monotonic() - began, renamings.read_text().count("\n")
    right = _apart(_read, outputs(clean))
    target, number = counts["kills"] + kills, 0
    while counts["kills"] < target:
        number += 1
        out = place / f"run {number}"
        out.mkdir()
        history = []
        for _ in range(int(random.integers(1, MOST_KILLS + 1))):
            aimed = bool(random.integers(2))
            moment = int(random.integers(1, moments + 1)) * (1 if random.integers(2) else -1)
            process = _start(command(out), kill_at=moment if aimed else 0)
            code = _finished(process, after=None if aimed else float(random.uniform(0, seconds)))
            history.append(f"{'renaming' if aimed else 'time'} {moment if aimed else ''}: {code}")
            counts["kills"] += code == -signal.SIGKILL
            counts["kills at a renaming"] += aimed and code == -signal.SIGKILL
            wrong += [f"{history}: {problem}" for problem in _apart(_problems, outputs(out), right, False)]
        code = _finished(_start(command(out)))
        counts["resumed"] += 1
        problems = _apart(_problems, outputs(out), right, True)
        problems += [f"left behind: {path.name}" for path in out.rglob(".*") if "part" in path.name]
        wrong += [f"{history}, then {code}: {problem}" for problem in problems]
        # A single run that was killed after all was written finds its result there, and says so (2).
        if code in (0, 2) and not problems:
            counts["equal to the clean run"] += 1


def _start(arguments: Sequence[str], *, kill_at: int = 0, log: Path | None = None) -> int:
    """Run the command line in a forked process, which kills itself at renaming `kill_at` (before it, if negative)."""
    process = os.fork()
    if process:
        return process
    code = 99
    try:
        os.setpgid(0, 0)
        _watch_renamings(kill_at, log)
        code = app.run(list(arguments))
    finally:
        os._exit(code)


def _watch_renamings(kill_at: int, log: Path | None) -> None:
    rename, count = os.replace, 0

    def watched(source: Any, target: Any, **options: Any) -> None:
        nonlocal count
        count += 1
        if count == -kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        rename(source, target, **options)
        if log is not None:
            with log.open("a", encoding="utf-8") as lines:
                lines.write(f"{target}\n")
        if count == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = watched


def _finished(process: int, after: float | None = None) -> int:
    """Return the exit code of a process, which is killed `after` some seconds."""
    if after is not None:
        time.sleep(max(0.05, after))  # by then it has a process group of its own
        if os.waitpid(process, os.WNOHANG)[0] == 0:
            os.killpg(process, signal.SIGKILL)
        else:
            return 0
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _problems(paths: Sequence[Path], right: Sequence[Any], whole: bool) -> list[str]:
    """Return what is wrong with the outputs: there and other than in the clean run, or, at the end, not there."""
    problems = []
    for path, expected in zip(paths, right, strict=True):
        if not path.exists():
            problems += [f"{path.name} is missing"] if whole else []
            continue
        try:
            if not np.array_equal(_read([path])[0], expected):
                problems.append(f"{path.name} has other pixels")
        except Exception as error:
            problems.append(f"{path.name} cannot be read: {error}")
        if whole and not sidecar_path(path).exists():
            problems.append(f"{path.name} has no sidecar")
    return problems


def _apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a forked process: its threads must not be there when the next process is forked."""
    there, here = os.pipe()
    process = os.fork()
    if not process:
        try:
            with os.fdopen(here, "wb") as stream:
                pickle.dump(function(*arguments), stream)
        finally:
            os._exit(0)
    os.close(here)
    with os.fdopen(there, "rb") as stream:
        answer = pickle.load(stream)
    os.waitpid(process, 0)
    return answer


def _read(paths: Sequence[Path]) -> list[Any]:
    return [np.asarray(open_image(path)) for path in paths]


def line(record: dict[str, Any]) -> str:
    """Return the outcome in one sentence."""
    parts = []
    for what in ("batch", "denoise"):
        found = record[what]
        parts.append(
            f"{what}: {found['kills']} kills, {found['kills at a renaming']} of them at a renaming; "
            f"{found['equal to the clean run']} of {found['resumed']} resumed runs equal to the clean run, "
            f"{len(found['wrong'])} problems"
        )
    return "; ".join(parts)
