"""Measure the first minute with *AUTO-DIP Denoise...*: first word, dialog, first picture, result, processor time.

ImageJ with its windows on a screen of its own (Xvfb); a plane of 512 x 512 px at the defaults, with white noise and
with noise that neighbouring pixels share; with a worker that has to start (cold) and one that is running (warm). The
dialog counts as answered at once: while a user reads it, a cold worker gets ready.

python benchmarks/first_minute.py
python benchmarks/first_minute.py --out benchmarks/results/first_minute
AUTODIP_FIJI_DIR=/path/of/Fiji python benchmarks/first_minute.py --java --noise white

With --java the commands of Java mode are measured in a copy of the Fiji folder, in two sessions: in the first one the
first click compiles their library, in the second one it finds the classes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from _common import ROOT, machine_line, parser_of, write_results

sys.path.append(str(ROOT / "tests" / "fiji" / "support"))
from screen_user import dialogs, is_button, java, move_to_own_screen, parts, text_of, titles, wait_for

SIDE = 512
LABEL = "AUTO-DIP Denoise..."
NOISE = ["white", "shared"]
EVENTS = ("word", "dialog", "picture", "fit or estimate", "result")


class Clock:
    """Notes when something first happened, in seconds since the click."""

    def __init__(self) -> None:
        self.events: dict[str, float] = {}
        self.told = ""
        self._began = self._processor = 0.0

    def click(self) -> None:
        """Begin."""
        self.events, self.told = {}, ""
        self._began, self._processor = time.monotonic(), processor_seconds()

    def note(self, event: str) -> None:
        """Note an event, when it first happens."""
        self.events.setdefault(event, time.monotonic() - self._began)

    def row(self) -> dict[str, Any]:
        """Return the seconds; those after the dialog from its end on."""
        row = {event: round(self.events[event], 2) for event in EVENTS if event in self.events}
        for event in ("picture", "fit or estimate", "result"):
            row[event] = round(row[event] - self.events.get("OK", self.events["dialog"]), 2)
        return row | {"told in the dialog": self.told, "processor": round(processor_seconds() - self._processor, 1)}


def processor_seconds() -> float:
    """Return the processor time of this process and those it started."""
    total = 0.0
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total


def before(owner: Any, name: str, call: Callable[..., None]) -> None:
    """Have `call` called before a function of `owner`, with its arguments."""
    function = getattr(owner, name)

    def both(*given: Any, **named: Any) -> Any:
        call(*given)
        return function(*given, **named)

    setattr(owner, name, both)


def listen(clock: Clock) -> None:
    """Note what a user reads and sees."""
    from autodip_ij.fiji.commands import dialog, screen
    from autodip_ij.fiji.imageplus.progress import Preview

    prepare = dialog.prepare

    def prepared(command: Any, variables: Any) -> None:
        prepare(command, variables)
        module = variables[dialog.caller.MODULE]
        clock.told = f"{module.getInfo().getInput('group').getLabel()}; {module.getInput('note')}"
        clock.note("dialog")

    def pictured(_: Preview, plane: Any, words: str) -> None:
        clock.note("picture" if "first look" in words else "fit or estimate")

    dialog.prepare = prepared
    before(screen, "status", lambda text: clock.note("word"))
    before(screen, "show", lambda imp: clock.note("result"))
    before(Preview, "show", pictured)


def watch(clock: Clock) -> None:
    """Note what a user reads and sees in the windows, and press OK in the dialog as soon as it is there."""
    status = next(part for part in parts(java("ij.IJ").getInstance()) if isinstance(part, java("javax.swing.JLabel")))
    windows, queue = java("ij.WindowManager"), java("java.awt.EventQueue")

    def look() -> None:
        while True:
            time.sleep(0.01)
            if "result" in clock.events:
                continue
            if "AUTO-DIP" in str(status.getText()):
                clock.note("word")
            if "dialog" not in clock.events:
                for dialog in dialogs(LABEL):
                    clock.note("dialog")
                    labels = [text_of(part) for part in parts(dialog) if isinstance(part, java("javax.swing.JLabel"))]
                    clock.told = "; ".join(text for text in labels if "detected" in text or "expected" in text)
                    ok = next(part for part in parts(dialog) if is_button(part) and text_of(part) == "OK")
                    time.sleep(0.5)  # what is pressed before the dialog is complete counts as Cancel
                    clock.note("OK")
                    queue.invokeLater(ok.doClick)
            for title in titles():
                if "first look" in title:
                    clock.note("picture")
                elif "iteration" in title or "estimate" in title:
                    clock.note("fit or estimate")
            if any("-autodip" in str(title) for title in windows.getImageTitles() or []):
                clock.note("result")

    threading.Thread(target=look, daemon=True).start()


def planes(folder: Path) -> dict[str, Path]:
    """Write a plane with either kind of noise."""
    import tifffile

    from autodip_ij.evaluation.datasets.synthetic import make_sample

    sample = make_sample(SIDE)
    random, clean = np.random.default_rng(1), sample.clean[0]
    white = 10 * random.poisson(clean.clip(0) / 10) + random.normal(0, 20, clean.shape)
    found = {"white": white.clip(0), "shared": np.asarray(sample.noisy.plane(0, 0, 0))}
    for name, plane in found.items():
        tifffile.imwrite(folder / f"{name}.tif", plane.astype(np.uint16))
    return {name: folder / f"{name}.tif" for name in found}


def measure(path: Path, clock: Clock) -> dict[str, Any]:
    image = java("ij.IJ").openImage(str(path))
    image.show()
    time.sleep(1)
    clock.click()
    java("ij.IJ").doCommand(LABEL)
    wait_for(lambda: "result" in clock.events, 600, "the result")
    row = clock.row()
    java("ij.IJ").runMacro('close("*");')
    return row


def in_python_mode(noise: list[str]) -> list[dict[str, Any]]:
    """Return the rows of plain ImageJ with the commands of Python mode."""
    import imagej_window

    work, clock, rows = Path(tempfile.mkdtemp()), Clock(), []
    imagej_window.start(work)
    listen(clock)
    from autodip_ij.fiji.worker.service import worker

    for name, path in planes(work).items():
        if name in noise:
            worker().release()
            for state in ("cold", "warm"):
                rows.append({"noise": name, "worker": state} | measure(path, clock))
                wait_for(lambda: worker().is_idle)
    worker().release()
    return rows


def in_java_mode(noise: list[str]) -> list[dict[str, Any]]:
    """Return the rows of two sessions with the commands of Java mode."""
    from _window_tour_java import unpack

    home = Path(tempfile.mkdtemp())
    unpack(Path(os.environ["AUTODIP_FIJI_DIR"]), home / "Fiji")
    rows = []
    for state in ("cold, library compiled", "cold, library found"):
        command = [sys.executable, __file__, "--java", "--session", str(home), "--noise", *noise]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        rows += json.loads(done.stdout.splitlines()[-1])
        rows[-2 * len(noise)]["worker"] = state
    return rows


def java_session(home: Path, noise: list[str]) -> list[dict[str, Any]]:
    """Return the rows of one session."""
    import imagej_window
    from _window_tour_java import environment, use_this_python

    clock, rows = Clock(), []
    imagej_window.start(home, home / "Fiji", python=False)
    if not environment().exists():
        use_this_python(home / "Fiji")
    watch(clock)
    for name, path in planes(home).items():
        if name in noise:
            for state in ("cold", "warm"):
                rows.append({"noise": name, "worker": state} | measure(path, clock))
                time.sleep(1)
            java("ij.IJ").run("AUTO-DIP Release GPU")
    return rows


def page(record: dict[str, Any]) -> str:
    """Return the record as a page."""
    lines = [
        "# The first minute in Fiji",
        "",
        f"`benchmarks/first_minute.py`, {record['machine']}, load {record['load']:.1f}, {record['date']}. {SIDE} x "
        f"{SIDE} px at the defaults. Seconds from the click to the first word and to the dialog; from OK to the first "
        "picture, to the first one of fit or estimate, and to the result; processor seconds of all.",
        "",
        "| noise | worker | word | dialog | picture | fit or estimate | result | processor | told in the dialog |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    lines += [
        f"| {row['noise']} | {row['worker']} | {' | '.join(f'{row[event]:.2f}' for event in EVENTS)} | "
        f"{row['processor']:.1f} | {row['told in the dialog']} |"
        for row in record["rows"]
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--out", type=Path, help="file to write, without suffix; the page is printed in any case")
    parser.add_argument("--noise", nargs="+", choices=NOISE, default=NOISE, help="kinds of noise")
    parser.add_argument("--java", action="store_true", help="Java mode, in a copy of the folder $AUTODIP_FIJI_DIR")
    parser.add_argument("--session", type=Path, help="a session of --java, with this folder as home; prints its rows")
    arguments = parser.parse_args()
    move_to_own_screen()
    if arguments.session:
        sys.stdout.write(json.dumps(java_session(arguments.session, arguments.noise)) + "\n")
    else:
        rows = in_java_mode(arguments.noise) if arguments.java else in_python_mode(arguments.noise)
        date, load = datetime.now(UTC).date().isoformat(), os.getloadavg()[0]
        record = {"machine": machine_line(), "load": load, "date": date, "side": SIDE, "rows": rows}
        sys.stdout.write(page(record))
        if arguments.out:
            write_results(arguments.out, record, page(record))
    sys.stdout.flush()
    os._exit(0)  # the threads of AWT would keep the process


if __name__ == "__main__":
    main()
