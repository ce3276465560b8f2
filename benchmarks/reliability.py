"""Trials of faults: damaged files, kills, full disks, slow drives, thousands of files, hours of use.

    python benchmarks/reliability.py mutations --shared $AUTODIP_SHARED/microscope_files
    python benchmarks/reliability.py soak tiny_files kills long_stack large_plane full_disk slow_drive

Each trial is a module of `reliability_trials`, whose documentation says what is done. Records of other trials are kept;
writes ``benchmarks/results/reliability.json`` and ``.md``. `full_disk` mounts small disks, which takes root; the soak
takes an hour, most of it idle.
"""

from __future__ import annotations

import importlib
import json
from datetime import date
from pathlib import Path
from typing import Any

from _common import RESULTS, machine_line, parser_of, write_results

TRIALS = ("mutations", "soak", "tiny_files", "kills", "long_stack", "large_plane", "full_disk", "slow_drive")


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("trials", nargs="+", choices=TRIALS, metavar="TRIAL", help=", ".join(TRIALS))
    parser.add_argument("--shared", type=Path, help="folder of microscope files, for the mutations")
    parser.add_argument("--out", type=Path, default=RESULTS / "reliability", help="results, without suffix")
    arguments = parser.parse_args()
    for name in arguments.trials:
        options = {"shared": arguments.shared} if name == "mutations" else {}
        store(name, module(name).trial(**options), arguments.out)


def module(name: str) -> Any:
    """Return the module of a trial."""
    return importlib.import_module(f"reliability_trials.{name}")


def store(name: str, record: dict[str, Any], out: Path) -> None:
    """Put the record of a trial among those that are there, and write the page."""
    file = out.with_suffix(".json")
    records = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    records[name] = {"date": date.today().isoformat(), "machine": machine_line(), **record}
    records = {trial: records[trial] for trial in TRIALS if trial in records}
    print(write_results(out, records, page(records)))


def page(records: dict[str, Any]) -> str:
    """Return the outcomes as a page."""
    lines = ["# Reliability: faults tried", ""]
    lines += ["Made by `python benchmarks/reliability.py TRIAL`; what each trial does stands in its module in"]
    lines += ["`benchmarks/reliability_trials`. The machines did other work meanwhile."]
    for name, record in records.items():
        trial = module(name)
        title = str(trial.__doc__).splitlines()[0]
        lines += ["", f"## `{name}`", "", title, "", f"{trial.line(record)}.", ""]
        lines += [f"{record['date']}, {record['machine']}."]
        if wrong := _wrong(record):
            lines += ["", "Problems:", "", *(f"- {entry}" for entry in wrong)]
        if name == "mutations":
            lines += ["", *_formats(record)]
    return "\n".join([*lines, ""])


def _wrong(record: dict[str, Any]) -> list[str]:
    parts = [record, *(entry for entry in record.values() if isinstance(entry, dict))]
    found = [entry for part in parts for entry in part.get("wrong", ())]
    return [entry if isinstance(entry, str) else ", ".join(str(value) for value in entry.values()) for entry in found]


def _formats(record: dict[str, Any]) -> list[str]:
    names = list(record["totals"])
    rows = [["format", *names], ["---", *["---:"] * len(names)]]
    rows += [[title, *(str(found.get(name, "")) for name in names)] for title, found in record["formats"].items()]
    return ["| " + " | ".join(row) + " |" for row in rows]


if __name__ == "__main__":
    main()
