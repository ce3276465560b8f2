"""Work with the commands and macros in ImageJ's windows as a user does, and keep pictures of what there is to see.

Every command and every macro of the menu is chosen and its dialog pressed at its defaults, on a screen of its own
(Xvfb; with openbox windows have titles). Prints what was seen as JSON.

python benchmarks/fiji_window.py docs/images/fiji                         # plain ImageJ 1.54: no SciJava dialogs
python benchmarks/fiji_window.py docs/images/fiji --fiji /path/of/Fiji    # a Fiji or ImageJ2 folder in Python mode
AUTODIP_FIJI_DIR=/path/of/Fiji python benchmarks/fiji_window.py docs/images/fiji/java --java    # Java mode
python benchmarks/fiji_window.py /tmp/pictures --only inspect             # one station

With --java the zip is unpacked into a copy of the folder, every command is used, and everything removed again. *Set Up*
is shown, but this Python takes the place of the environment that it would build, unless --build is given.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import _window_tour as plain
import _window_tour_java as java_mode
from _common import parser_of
from screen_user import User, move_to_own_screen


def walk(tour: plain.Tour, stations: list[str]) -> dict[str, Any]:
    """Visit the stations; what fails is recorded, and the tour goes on."""
    seen: dict[str, Any] = {}
    for name in stations:
        station: Callable[[], dict[str, Any]] = getattr(tour, name)
        began = time.monotonic()
        try:
            seen[name] = station()
        except Exception as error:
            seen[name] = {"failed": f"{type(error).__name__}: {error}", "log": plain.log()}
            tour.picture(f"{name}-failed")
        seen[name]["seconds"] = round(time.monotonic() - began, 1)
        tour.tidy()
    return seen


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("pictures", type=Path, help="folder for the pictures")
    parser.add_argument("--fiji", type=Path, help="folder of Fiji or ImageJ2 in Python mode; plain ImageJ without")
    parser.add_argument("--java", action="store_true", help="Java mode, in a copy of the folder $AUTODIP_FIJI_DIR")
    parser.add_argument("--build", action="store_true", help="have Set Up build the environment (downloads it)")
    parser.add_argument("--folder", type=Path, help="new folder for images and results; a temporary one without")
    parser.add_argument("--only", nargs="+", help="stations", metavar="STATION")
    arguments = parser.parse_args()
    move_to_own_screen()
    arguments.pictures.mkdir(parents=True, exist_ok=True)
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # for `autodip`
    import imagej_window

    work = arguments.folder or Path(tempfile.mkdtemp()) / "microscope"
    work.mkdir(parents=True)
    home = Path(tempfile.mkdtemp())
    tour: plain.Tour
    if arguments.java:
        root = java_mode.unpack(Path(os.environ["AUTODIP_FIJI_DIR"]), home / "Fiji")
        imagej_window.start(home, root, python=False)
        tour = java_mode.JavaTour(User(arguments.pictures), work, root, build=arguments.build)
        every = java_mode.STATIONS
        if "set_up" not in (arguments.only or every):
            java_mode.use_this_python(root)
    else:
        started = imagej_window.start(home, arguments.fiji)
        tour = plain.Tour(User(arguments.pictures), work, has_dialogs=started.has_dialogs, gateway=started.gateway)
        # Templates need SciJava's parameters; the External macros are those that do without Fiji.
        every = (*plain.MENU, *(plain.EXTERNAL if arguments.fiji is None else plain.TEMPLATES))
    seen = walk(tour, arguments.only or list(every))
    print(json.dumps(seen, indent=1, ensure_ascii=False))
    sys.stdout.flush()
    os._exit(any("failed" in found for found in seen.values()))  # the threads of AWT would keep the process


if __name__ == "__main__":
    main()
