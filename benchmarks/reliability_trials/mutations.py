"""Mutations: files of every format are damaged at random; what is still read must be right, or said to be damaged.

Each sample is damaged hundreds of times (bits, bytes, cut, zeroed or swapped blocks; in folders also a file removed),
half of the times where no pixels are stored, and read whole in a process of its own, which may take 20 s and 1 GB.
"""

from __future__ import annotations

import logging
import multiprocessing
import shutil
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from autodip_ij.errors import AutodipError
from autodip_ij.images.reading.open import read_scenes
from reliability_trials.samples import make_samples

SECONDS, MEGABYTES = 20, 1000
PLANES_READ = 60
"""Planes read of a file that declares more than it did."""

REFUSED, PLANES_REFUSED, EQUAL, WARNED = (
    "refused",
    "planes refused, the others right",
    "right",
    "different, with a warning",
)
STORED, UNCHECKED, REMOVED = (
    "pixels themselves",
    "compressed pixels without checksum",
    "chunk removed: zeros by definition",
)
WRONG = ("different, unnoticed", "another exception", "message of several lines", "crash", "hang", "memory")

Bytes = npt.NDArray[np.uint8]
Ranges = list[tuple[int, int]]


@dataclass
class Damage:
    """A mutation: which file, what was done, which bytes it touched; ``data`` is None for a file removed."""

    file: Path
    kind: str
    data: Bytes | None
    touched: npt.NDArray[np.int64]


def trial(cases: int = 5000, shared: Path | None = None, seed: int = 1, only: str = "") -> dict[str, Any]:
    """Damage and read `cases` files; return counts by format, and every case that went wrong."""
    with tempfile.TemporaryDirectory(prefix="autodip-mutations-") as folder:
        samples = make_samples(Path(folder), shared)
        samples = {title: path for title, path in samples.items() if only in title}
        formats, wrong = {}, []
        each = -(-cases // len(samples))
        for index, (title, path) in enumerate(samples.items()):
            began = time.monotonic()
            counts: Counter[str] = Counter()
            for number, outcome, detail in _outcomes(path, each, 1000 * seed + index):
                counts[outcome] += 1
                if outcome in WRONG:
                    wrong.append({"format": title, "case": number, "outcome": outcome, "detail": detail})
            formats[title] = dict(counts)
            print(f"{title}: {dict(counts)}, {time.monotonic() - began:.0f} s", flush=True)
    totals = sum((Counter(found) for found in formats.values()), Counter())
    return {"seed": seed, "cases": each * len(samples), "totals": totals, "formats": formats, "wrong": wrong}


def _outcomes(path: Path, cases: int, seed: int) -> Iterator[tuple[int, str, str]]:
    """Yield number, outcome and detail of each case, from a process that is started again where it ends or hangs."""
    context, number = multiprocessing.get_context("spawn"), 0
    folder = path.parent  # holds the sample and what belongs to it
    whole = folder.with_name(f"{folder.name} whole")
    shutil.copytree(folder, whole)
    while number < cases:
        shutil.rmtree(folder)
        shutil.copytree(whole, folder)
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(there, path, seed, number, cases), daemon=True)
        process.start()
        there.close()
        if not here.poll(120) or here.recv() != "ready":
            raise RuntimeError(f"{path.name} cannot be read undamaged")
        while number < cases:
            try:
                answer = here.recv() if here.poll(SECONDS) else ("hang", "")
            except EOFError:
                process.join()
                answer = ("crash", f"exit code {process.exitcode}")
            yield number, *answer
            number += 1
            if answer[0] in ("hang", "crash"):
                break
        process.kill()
        process.join()


def _serve(pipe: Connection, path: Path, seed: int, first: int, cases: int) -> None:
    """Damage and read the sample in a copy, from case `first` on."""
    warnings.simplefilter("ignore")
    logging.getLogger().addHandler(logging.NullHandler())
    truth = [(scene.shape, scene.dtype, [scene.plane(*place) for place in np.ndindex(scene.shape[:3])])
             for scene in read_scenes(path)]  # fmt: skip
    files = _files(path)
    whole = {file: np.fromfile(file, np.uint8) for file in files}
    packed = {file: _packed(file) for file in files}
    plain = {file: _not_pixels(whole[file], truth, packed[file]) for file in files}
    pipe.send("ready")
    for number in range(first, cases):
        random = np.random.default_rng([seed, number])
        damage = _damage(random, files, whole, plain)
        _put(damage)
        before = _peak(reset=True)
        outcome, detail, planes = _read(path, truth)
        if _peak() - before > MEGABYTES:
            outcome, detail = "memory", f"{_peak() - before:.0f} MB"
        if outcome == WRONG[0]:
            outcome = _excuse(damage, whole[damage.file], packed[damage.file], truth, planes) or outcome
        where = f"{damage.kind} of {damage.file.name} at {damage.touched[:3].tolist()}: {detail}"
        damage.file.parent.mkdir(exist_ok=True)
        whole[damage.file].tofile(damage.file)
        pipe.send((outcome, where))


def _files(path: Path) -> list[Path]:
    beside = path.with_name(f"{path.name}.files")
    inside = [file for folder in (path, beside) if folder.is_dir() for file in folder.rglob("*") if file.is_file()]
    return sorted([*inside, *([path] if path.is_file() else [])])


def _damage(
    random: np.random.Generator, files: list[Path], whole: dict[Path, Bytes], plain: dict[Path, npt.NDArray[np.int64]]
) -> Damage:
    """Return one mutation, drawn at random."""
    file = files[int(random.integers(len(files)))]
    data, size = whole[file].copy(), len(whole[file])
    kinds = ["bit", "bytes", "cut", "zeros", "swap"] + (["removed"] if len(files) > 1 else [])
    kind = str(random.choice(kinds))
    places = plain[file] if len(plain[file]) and random.random() < 0.5 else np.arange(size)
    at = random.choice(places, 8)
    length = int(2 ** random.uniform(0, min(12, np.log2(max(size // 2, 2)))))
    first, second = int(at[0]), int(at[1])
    if kind == "removed":
        return Damage(file, kind, None, np.arange(size))
    if kind == "cut":
        return Damage(file, kind, data[:first], np.arange(first, size))
    if kind == "bit":
        data[first] ^= np.uint8(1 << int(random.integers(8)))
    elif kind == "bytes":
        some = at[: int(random.integers(1, 9))]
        data[some] = random.integers(0, 256, len(some), np.uint8)
    elif kind == "zeros":
        data[first : first + length] = 0
    else:
        length = min(length, size - max(first, second))
        data[first : first + length] = whole[file][second : second + length]
        data[second : second + length] = whole[file][first : first + length]
    return Damage(file, kind, data, np.flatnonzero(data != whole[file]))


def _put(damage: Damage) -> None:
    damage.file.unlink()
    if damage.data is not None:
        damage.data.tofile(damage.file)


def _read(path: Path, truth: list[Any]) -> tuple[str, str, list[Any]]:
    """Read the whole file; return outcome, detail and the planes of the first scene that differs."""
    complaints = _Warnings()
    logger = logging.getLogger("autodip_ij")
    logger.addHandler(complaints)
    try:
        scenes = read_scenes(path)
        read, refused, different, planes = 0, 0, "" if len(scenes) == len(truth) else f"{len(scenes)} scenes", []
        for scene, (shape, dtype, right) in zip(scenes, truth, strict=False):
            if (scene.shape, scene.dtype) != (shape, dtype):
                different = f"{scene.dtype} {scene.shape} instead of {dtype} {shape}"
            found: list[Any] = []
            for number, place in enumerate(np.ndindex(scene.shape[:3])):
                if number >= max(PLANES_READ, len(right)):
                    break
                try:
                    found.append(scene.plane(*place))
                    read += 1
                except AutodipError as error:
                    refused += 1
                    found.append(None)
                    if "\n" in str(error):
                        return WRONG[2], str(error), []
            if not different and any(a is not None and not _same(a, b) for a, b in zip(found, right, strict=True)):
                different, planes = "other pixels", [found, right]
    except AutodipError as error:
        return (WRONG[2] if "\n" in str(error) else REFUSED), str(error), []
    except Exception as error:
        return WRONG[1], f"{type(error).__name__}: {error}", []
    finally:
        logger.removeHandler(complaints)
    if different and not read:
        return REFUSED, "no plane", []
    if different:
        return (WARNED if complaints.lines else WRONG[0]), different, planes
    return (PLANES_REFUSED if refused else EQUAL), "", []


class _Warnings(logging.Handler):
    """Collects what the user is warned of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def _same(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> bool:
    return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def _excuse(damage: Damage, before: Bytes, packed: Ranges, truth: list[Any], planes: list[Any]) -> str:
    """Return why nobody could have noticed: only stored values changed, or data that no checksum covers."""
    if damage.data is None:
        return REMOVED if packed and packed[0] == (0, len(before)) else ""
    inside = np.zeros(len(before), bool)
    for start, end in packed:
        inside[start:end] = True
    if len(damage.touched) and inside[damage.touched].all():
        return UNCHECKED
    if not planes:
        return ""
    # A byte of pixels that are stored plainly is a byte of the file: the same changes must be found in both.
    pairs: Counter[int] = Counter()
    for found, right in zip(*planes, strict=True):
        if found is not None:
            old, new = np.ascontiguousarray(right).view(np.uint8), np.ascontiguousarray(found).view(np.uint8)
            pairs.update((old.astype(int) * 256 + new)[old != new].tolist())
    shorter = damage.data[: len(before)]
    after = np.zeros_like(before)
    after[: len(shorter)] = shorter
    changed = before != after
    pairs.subtract((before.astype(int) * 256 + after)[changed].tolist())
    return STORED if max(pairs.values(), default=0) <= 0 else ""


def _packed(file: Path) -> Ranges:
    """Return where compressed pixels stand that have no checksum of their own."""
    data = file.read_bytes()
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        with tifffile.TiffFile(file) as tif:
            pages = [page for page in tif.pages if page.compression not in (1, 8)]  # type: ignore[union-attr]
            return [(a, a + n) for page in pages for a, n in zip(page.dataoffsets, page.databytecounts, strict=True)]
    if data.startswith(b"\xff\xd8"):
        return [(2, len(data))]
    if data.startswith(b"\0\0\0\x0cjP"):
        return [(data.find(b"\xff\x4f\xff\x51"), len(data))]
    if any(part.endswith(".zarr") for part in file.parts) and file.name.replace(".", "").isdecimal():  # a chunk
        return [(0, len(data))]
    return [(at, at + 4096) for at in _places(data, b"\x28\xb5\x2f\xfd")] if file.suffix == ".czi" else []


def _places(data: bytes, mark: bytes) -> Iterator[int]:
    at = data.find(mark)
    while at >= 0:
        yield at
        at = data.find(mark, at + 1)


def _not_pixels(data: Bytes, truth: list[Any], packed: Ranges) -> npt.NDArray[np.int64]:
    """Return the bytes in which neither a row of pixels nor compressed pixels stand."""
    plain, content = np.ones(len(data), bool), data.tobytes()
    for start, end in packed:
        plain[start:end] = False
    for _, _, planes in truth:
        for plane in planes[:: -(-len(planes) // 12)]:
            for row in plane:
                for stored in (row.tobytes(), row.byteswap().tobytes()):
                    at = content.find(stored)
                    plain[at : at + len(stored) if at >= 0 else at] = False
    return np.flatnonzero(plain)


def _peak(*, reset: bool = False) -> float:
    """Return the largest memory of this process in MB since the last reset; 0 where the system does not tell."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0.0
    return int(status.split("VmHWM:")[1].split()[0]) / 1000


def line(record: dict[str, Any]) -> str:
    """Return the outcome in one sentence."""
    totals = record["totals"]
    found = sorted((item for item in totals.items() if item[0] not in WRONG), key=lambda item: -item[1])
    good = ", ".join(f"{count:,} {name}" for name, count in found)
    bad = ", ".join(f"{totals.get(name, 0)} {name}" for name in WRONG)
    return f"{record['cases']:,} damaged files of {len(record['formats'])} formats: {good}; what must not be: {bad}"
