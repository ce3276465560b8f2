"""How long the conversion between ImagePlus and array takes, for every pixel type, both ways.

python benchmarks/fiji_conversion.py
python benchmarks/fiji_conversion.py --out benchmarks/results/fiji_conversion.json
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from _common import ROOT, parser_of

from autodip_ij._support.files import write_text

sys.path.append(str(ROOT / "tests" / "fiji" / "support"))
SHAPE = (1, 1, 10, 2048, 2048)
"""(T, C, Z, Y, X)."""


def milliseconds(work: Callable[[], object], repeats: int = 7) -> dict[str, float]:
    """Return the fastest, the median and the slowest of some runs after a first one."""
    work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - began))
    return {"best": round(min(times)), "median": round(statistics.median(times)), "worst": round(max(times))}


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--out", type=Path, help="JSON file to write; the record is printed in any case")
    arguments = parser.parse_args()
    import jvm

    jvm.start(Path(tempfile.mkdtemp()))
    from autodip_ij.fiji.imageplus.convert import to_array, to_imageplus

    rows = {}
    for dtype in ("uint8", "uint16", "float32"):
        array = np.random.default_rng(0).integers(0, 255, SHAPE).astype(dtype)
        imp, out = to_imageplus(array, dtype), np.empty_like(array)
        rows[dtype] = {
            "from ImageJ, ms": milliseconds(lambda imp=imp, out=out: to_array(imp, out=out)),
            "to ImageJ, ms": milliseconds(lambda array=array: to_imageplus(array, "again")),
        }
    record = {
        "shape TCZYX": SHAPE,
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.0f}",
        "python": platform.python_version(),
        "conversion": rows,
    }
    text = json.dumps(record, indent=2)
    print(text)
    if arguments.out:
        write_text(arguments.out, text + "\n")


if __name__ == "__main__":
    main()
