"""Four images in batch mode with a window open, then a run from the menu: ``python batch_session.py HOME``.

Prints what was seen as JSON; runs on a screen of its own.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import four_images
import jvm as starter
import macro_commands
import script_language


def main(home: Path) -> dict[str, str]:
    starter.start(home, headless=False)
    from scyjava import jimport

    from autodip_ij.fiji.commands.menu import command_of
    from autodip_ij.fiji.commands.scripts import scripts_folder
    from autodip_ij.fiji.worker.service import worker

    ij = jimport("ij.IJ")
    jimport("ij.ImageJ")()
    context = jimport("org.scijava.Context")(False)
    script_language.add_python(context)
    scripts = context.service(jimport("org.scijava.script.ScriptService"))
    scripts.addAlias("ImagePlus", jimport("ij.ImagePlus").class_)
    command = command_of("run_image")
    text = jimport("java.io.StringReader")((scripts_folder() / command.file_name).read_text(encoding="utf-8"))
    register = macro_commands.make_register(context)
    register(command.leaf, jimport("org.scijava.script.ScriptInfo")(context, command.file_name, text))

    ij.createImage("window", "8-bit ramp", 40, 36, 1).show()
    seen = {"macro": str(ij.runMacro(four_images.MACRO))}
    selected = ij.createImage("selected", "8-bit ramp", 40, 36, 1)
    selected.show()
    ij.selectWindow("selected")
    ij.run(command.leaf, four_images.FIELDS)
    seen["menu"] = str(jimport("ij.WindowManager").getCurrentImage().getTitle())
    worker().release()
    return seen


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
    sys.stdout.flush()
    os._exit(0)  # the threads of AWT would keep the process
