"""*AUTO-DIP Set Up...* with a stand-in for uv: two at once, cancelling, the network, removal."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from java_mode import Commands

from autodip_ij.fiji.commands.scripts import scripts_folder
from autodip_ij.fiji.install.bundle import make_bundle, write_bundle
from autodip_ij.fiji.install.layout import SCRIPTS

pytestmark = pytest.mark.jvm

UV = """#!/bin/sh
if [ "$1" = --version ]; then echo "uv 9.9.9"; exit; fi
echo "$@" >> "{log}"; env | grep -E "^(UV_|HTTPS_PROXY)" >> "{log}"
if [ -f "{slow}" ]; then sleep 60; fi
for last in "$@"; do :; done
case "$1" in sync) at="$PWD/.venv" ;; venv) at="$last" ;; *) exit ;; esac
mkdir -p "$at/bin"; printf '#!/bin/sh\\nexec "{python}" "{worker}"\\n' > "$at/bin/python"; chmod +x "$at/bin/python"
"""
"""Notes what it is called with; takes a minute while the file `slow` is there."""

WORKER = """
import json, sys
for line in sys.stdin:
    task = json.loads(line)["task"]
    print(json.dumps({"task": task, "responseType": "LAUNCH"}), flush=True)
    outputs = {"answer": json.dumps({"answer": "sound"})}
    print(json.dumps({"task": task, "responseType": "COMPLETION", "outputs": outputs}), flush=True)
"""


class Fiji:
    """A folder with the bundle and a stand-in for uv."""

    def __init__(self, imagej: Any, root: Path) -> None:
        self.java = imagej.java
        self.root = write_bundle(make_bundle(), root / "Fiji (1) ü")
        self.environment = root / "environment [1]"
        self.log, self.slow, worker = root / "log", root / "slow", root / "worker.py"
        worker.write_text(WORKER)
        base = Path(str(self.java("java.lang.System").getProperty("user.home"))) / ".local/share/appose"
        uv = base / ".uv/bin/uv"
        uv.parent.mkdir(parents=True, exist_ok=True)
        uv.write_text(UV.format(log=self.log, slow=self.slow, python=sys.executable, worker=worker))
        uv.chmod(0o755)
        self.commands = Commands(imagej, self.root / SCRIPTS)

        self._said = self.java("java.io.ByteArrayOutputStream")()
        print_to = self.java("java.io.PrintStream")(self._said, True, "UTF-8")
        self.java("java.lang.System").setOut(print_to)  # there the Log goes without windows

    def set_up(self, **inputs: Any) -> str:
        """Run the command; return what the Log has said since the call."""
        before = int(self._said.size())
        self.commands.run("set_up", **inputs)
        return bytes(self._said.toByteArray())[before:].decode()


@pytest.fixture
def fiji(imagej: Any, tmp_path: Path) -> Iterator[Fiji]:
    system = imagej.java("java.lang.System")
    out = system.out
    made = Fiji(imagej, tmp_path)
    names = {"autodip.environment": str(made.environment), "https.proxyHost": "proxy", "https.proxyPort": "3128"}
    before = {name: system.setProperty(name, value) for name, value in names.items()}
    with made.commands:
        yield made
    system.setOut(out)
    for name, value in before.items():
        system.setProperty(name, value) if value else system.clearProperty(name)


def test_only_one_fiji_sets_up_a_cancelled_one_leaves_nothing_and_the_next_click_builds(fiji, tmp_path):
    lock = fiji.environment.with_name(f"{fiji.environment.name}.lock")
    code = f"import fcntl; f = open({str(lock)!r}, 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(1, flush=True); input()"
    held = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with held:
        assert held.stdout is not None
        held.stdout.readline()
        assert "AUTO-DIP is being set up; wait until that has finished" in fiji.set_up()
        held.communicate(b"\n")
    assert not fiji.environment.exists()

    fiji.slow.touch()
    said: list[str] = []
    running = Thread(target=lambda: said.append(fiji.set_up()))
    running.start()
    while not fiji.log.is_file():
        time.sleep(0.05)
    assert "AUTO-DIP is being set up" in fiji.set_up()
    fiji.java("ij.IJ").setKeyDown(27)  # Esc
    running.join()
    assert "cancelled" in said[0]
    assert not fiji.environment.exists()
    assert fiji.log.read_text().splitlines()[0] == "sync"

    fiji.slow.unlink()
    shadow = fiji.root / SCRIPTS / "AUTO-DIP_Denoise....py"
    shadow.write_bytes((scripts_folder() / shadow.name).read_bytes())
    assert "the Python environment of AUTO-DIP is complete" in fiji.set_up()
    assert json.loads((fiji.environment / "autodip-environment.json").read_text())["variant"] == "cpu"
    assert "HTTPS_PROXY=http://proxy:3128" in fiji.log.read_text()
    assert not shadow.exists()


def test_a_folder_of_wheels_replaces_the_network_and_removal_takes_everything_away(fiji, tmp_path):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    done = fiji.set_up(wheels=fiji.java("java.io.File")(str(wheels)))
    assert "is complete" in done
    called = fiji.log.read_text()
    assert "UV_OFFLINE=1" in called
    assert f"UV_FIND_LINKS={fiji.root / 'lib/AUTO-DIP'},{wheels}" in called
    classes = tmp_path / "classes"
    classes.mkdir()
    fiji.java("java.lang.System").setProperty("autodip.classes", str(classes))
    said = fiji.set_up(action="Remove it, and AUTO-DIP from this Fiji")
    assert "files were removed" in said
    assert not fiji.environment.exists()
    assert not classes.exists()
    assert [path for path in fiji.root.rglob("*") if path.is_file()] == []
