"""Try a built wheel in an empty environment, one extra at a time: ``python tests/release/smoke.py WHEEL [EXTRA ...]``.

``none`` is the wheel without extras. Each environment gets the wheel, imports what its extra brings, asks the doctor,
denoises a plane of 64 x 64 pixels by a fit, and asks for what another extra would bring, which has to be answered by
one line. Prints a row an extra: seconds and size of the installation. uv installs if it is there, otherwise pip.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MODULES = {
    "none": ("autodip_ij.denoising", "autodip_ij.batch"),
    "readers": ("bioio_czi", "liffile", "mrc", "mrcfile", "nd2", "oiffile", "pylibCZIrw"),
    "evaluation": ("autodip_ij.evaluation", "matplotlib", "pandas", "pyarrow", "tomli_w", "umap"),
    "batch": ("distributed",),
    "fiji": ("autodip_ij.fiji", "appose", "imagej", "jpype", "ruamel.yaml", "scyjava"),
    "bm3d": ("bm3d",),
}
"""What is imported, by extra."""

LACKING = {
    "readers": ("inspect", "cells.czi"),
    "fiji": ("fiji", "doctor", "--worker"),
}
"""A command that needs the extra, tried where it is not installed."""

SAMPLE = """
import numpy, tifffile
noise = numpy.random.default_rng(1)
tifffile.imwrite("cells.tif", noise.poisson(100, (64, 64)).astype("uint16"))
open("cells.czi", "wb").write(b"ZISRAWFILE" + bytes(1000))
"""


def main() -> int:
    """Try each extra; return the number of those that failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("extras", nargs="*", default=list(MODULES), metavar="EXTRA", help=", ".join(MODULES))
    given = parser.parse_args()
    print("| extra | seconds | MB | failures |\n| --- | ---: | ---: | --- |")
    failed = 0
    for extra in given.extras:
        with tempfile.TemporaryDirectory(prefix="autodip-smoke-") as folder:
            seconds, size, failures = tried(given.wheel.resolve(), extra, Path(folder))
        print(f"| `{extra}` | {seconds:.0f} | {size:.0f} | {'; '.join(failures) or 'none'} |", flush=True)
        failed += bool(failures)
    return failed


def tried(wheel: Path, extra: str, folder: Path) -> tuple[float, float, list[str]]:
    """Return seconds and megabytes of an installation, and what failed in it."""
    begun = time.monotonic()
    home = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", *(["--without-pip"] if shutil.which("uv") else []), home], check=True)
    scripts = home / ("Scripts" if sys.platform == "win32" else "bin")
    python = scripts / ("python.exe" if sys.platform == "win32" else "python")
    installer = ["uv", "pip", "install", "--python", python] if shutil.which("uv") else [python, "-m", "pip", "install"]
    subprocess.run([*installer, "--quiet", str(wheel) + ("" if extra == "none" else f"[{extra}]")], check=True)
    seconds = time.monotonic() - begun
    size = sum(path.stat().st_size for path in home.rglob("*") if path.is_file() and not path.is_symlink()) / 1e6
    work = folder / "work"
    work.mkdir()
    return seconds, size, failures(extra, python, scripts / "autodip", work)


def failures(extra: str, python: Path, autodip: Path, work: Path) -> list[str]:
    """Return what is wrong in an installation with `extra`; empty if nothing is."""

    def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=work, capture_output=True, text=True, encoding="utf-8", errors="replace")

    found = []
    commands: list[tuple[str | Path, ...]] = [(python, "-c", f"import {name}") for name in MODULES[extra]]
    commands += [
        (python, "-c", SAMPLE),
        (autodip, "doctor"),
        (autodip, "denoise", "cells.tif", "--n-fits", "1", "--iterations", "20"),
    ]
    for command in commands:
        ended = run(*command)
        if ended.returncode:
            found.append(f"`{' '.join(map(str, command[1:]))[:60]}`: {ended.stderr.strip()[-200:]}")
    if not (work / "cells_autodip.ome.tif.autodip.json").exists():
        found.append("no record beside the result")
    for other, command in LACKING.items():
        brought = run(python, "-c", "; ".join(f"import {name}" for name in MODULES[other])).returncode == 0
        if brought or other == extra:
            continue
        ended = run(autodip, *command)
        if ended.returncode in (0, 1) or "Traceback" in ended.stderr or f"[{other}]" not in ended.stderr + ended.stdout:
            found.append(f"without `{other}`: exit code {ended.returncode}, {ended.stderr.strip()[-200:]}")
    return found


if __name__ == "__main__":
    sys.exit(main())
