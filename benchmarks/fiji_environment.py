"""Build the environment of Fiji's worker from the bundle by uv, as Set Up does, and measure time and size.

``python benchmarks/fiji_environment.py [--variant macos] [--uv uv] [--platforms windows macos] [--out results.md]``

The build runs with an empty cache in a folder whose path has blanks, umlauts and brackets; then its own doctor runs.
For other platforms the packages are installed into a folder, not run. Needs a network, and several GB of disk.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from autodip_ij.fiji.install.bundle import make_bundle, write_bundle
from autodip_ij.fiji.install.environments import described
from autodip_ij.fiji.install.place import Environment


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variant", default="macos", help="cpu, cuda, or macos: the general index alone")
    parser.add_argument("--uv", default="uv", help="the program uv")
    parser.add_argument("--platforms", nargs="*", default=[], help="names for uv's --python-platform")
    parser.add_argument("--folder", type=Path, default=None, help="where to work; a temporary folder by default")
    parser.add_argument("--out", type=Path, default=None)
    asked = parser.parse_args()
    uv = shutil.which(asked.uv) or asked.uv
    version = subprocess.run([uv, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    lines = [
        "# The environment of Fiji's worker\n",
        f"{date.today()}, uv {version}, {os.cpu_count()} cores: `{Path(__file__).name}`, empty caches.\n",
        "| what | seconds | GB on disk |",
        "| --- | ---: | ---: |",
    ]
    with tempfile.TemporaryDirectory(dir=asked.folder, ignore_cleanup_errors=True) as work:
        fiji = write_bundle(make_bundle(), Path(work) / "Ümläut (Fiji) [1]")
        wheel = fiji / make_bundle().manifest.wheel
        environment = fiji / "environment"
        environment.mkdir()
        shutil.copy(wheel, environment)
        shutil.copy(fiji / str(described()[asked.variant]["uv"]), environment)
        clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        cache = {**clean, "UV_CACHE_DIR": f"{work}/cache"}
        seconds = timed([uv, "sync", "--quiet"], environment, cache)
        lines.append(
            f"| description `{asked.variant}`, built on {sys.platform} | {seconds:.0f} | {size(environment):.1f} |"
        )
        seconds = timed(
            [str(Environment(environment).python()), "-m", "autodip_ij", "fiji", "doctor", "--worker"],
            environment,
            clean,
        )
        lines.append(f"| its worker's first answer and checks | {seconds:.0f} | |")
        for platform in asked.platforms:
            target = Path(work) / platform
            command = [uv, "pip", "install", "--quiet", "--target", str(target), "--python-version", "3.12"]
            command += ["--python-platform", platform, "--only-binary", ":all:", f"{wheel}[readers]", "appose>=0.12"]
            seconds = timed(command, Path(work), cache)
            lines.append(
                f"| {platform}, packages only, shared ones from the cache | {seconds:.0f} | {size(target):.1f} |"
            )
    text = "\n".join(lines) + "\n"
    print(text)
    if asked.out:
        asked.out.write_text(text, encoding="utf-8")


def timed(command: list[str], folder: Path, environment: dict[str, str]) -> float:
    start = time.monotonic()
    subprocess.run(command, cwd=folder, env=environment, check=True)
    return time.monotonic() - start


def size(folder: Path) -> float:
    """Return GB; hard links of uv's cache count as files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) / 1e9


if __name__ == "__main__":
    main()
