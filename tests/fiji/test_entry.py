"""No failure is silent: what a user and a running macro see, headless, of everything that can go wrong."""

from __future__ import annotations

import builtins
import sys

import numpy as np
import pytest

from autodip_ij.errors import BadInput, Cancelled, EnvironmentProblem
from autodip_ij.fiji.commands import screen
from autodip_ij.fiji.commands.entry import is_macro_canceled, message_of, report, reported
from autodip_ij.fiji.commands.menu import command_of
from autodip_ij.fiji.commands.scripts import scripts_folder
from autodip_ij.fiji.imageplus.convert import to_imageplus

pytestmark = pytest.mark.jvm


@pytest.fixture
def lines(imagej, monkeypatch):
    """Collect what goes to ImageJ's Log; without a window it goes to Java's standard output."""
    java = imagej.java
    captured = java("java.io.ByteArrayOutputStream")()
    original = java("java.lang.System").out
    java("java.lang.System").setOut(java("java.io.PrintStream")(captured, True, "UTF-8"))
    yield lambda: str(captured.toString("UTF-8"))
    java("java.lang.System").setOut(original)


@pytest.fixture
def denoise(imagej):
    """Register the command of a real macro; return its label."""
    command = command_of("run_image")
    imagej.register(command.leaf, imagej.info(scripts_folder() / command.file_name))
    return command.leaf


def fail(error):
    @reported
    def command(variables):
        raise error

    return command({})


@pytest.mark.parametrize(
    "error",
    [BadInput("no such channel"), EnvironmentProblem("no GPU"), MemoryError(), SystemExit(3), KeyboardInterrupt()],
)
def test_a_failure_returns_none_and_is_reported(imagej, lines, error):
    assert fail(error) is None
    assert "AUTO-DIP: " in lines()


def test_an_error_meant_for_the_user_is_one_line(lines, imagej):
    fail(BadInput("channel 7: the image has 2"))
    assert lines().strip() == "AUTO-DIP: channel 7: the image has 2"


def test_an_unforeseen_error_brings_its_traceback(lines, imagej):
    fail(ZeroDivisionError("division by zero"))
    assert "in fail" in lines() or "raise error" in lines()
    assert "This is a defect of AUTO-DIP" in lines()


def test_cancellation_is_reported_without_an_error(lines, imagej):
    fail(Cancelled("cancelled by the user; nothing was changed"))
    assert "cancelled by the user" in lines()


def test_no_dialog_is_opened_without_a_screen(imagej, monkeypatch):
    """With a dialog, the call would end in a HeadlessException."""
    assert screen.is_headless()
    report(BadInput("x"))


def test_printing_inside_a_command_does_not_end_it(imagej, tmp_path):
    """In a Python-mode script outside the editor standard output has no writer, and print() raises."""
    script = tmp_path / "printing.py"
    script.write_text(
        "#!Python\n#@output String done\n"
        "from autodip_ij.fiji.commands.entry import reported\n"
        "@reported\ndef run(variables):\n    print('hello')\n    return 'to the end'\n"
        "done = run(globals())\n"
    )
    assert str(imagej.run(imagej.info(script)).getOutput("done")) == "to the end"
    bare = tmp_path / "bare.py"
    bare.write_text("#!Python\n#@output String done\nprint('hello')\ndone = 'to the end'\n")
    assert imagej.run(imagej.info(bare)).getOutput("done") is None  # the trap itself


def test_standard_output_is_as_it_was_after_a_command(imagej):
    before = sys.stdout
    fail(BadInput("x"))
    assert sys.stdout is before


def test_imagejs_own_way_out_of_a_macro_passes(imagej):
    runtime = imagej.java("java.lang.RuntimeException")
    assert is_macro_canceled(runtime("Macro canceled"))
    assert not is_macro_canceled(runtime("another one"))
    with pytest.raises(runtime, match="Macro canceled"):
        fail(runtime("Macro canceled"))


def test_a_message_says_cause_and_remedy():
    assert message_of(BadInput("a; do b")) == "a; do b"
    expected = "ValueError: odd. This is a defect of AUTO-DIP; please report it with the details in the Log"
    assert message_of(ValueError("odd")) == expected


@pytest.fixture
def no_current_image(imagej):
    """Nothing is open, and no thread of SciJava's pool still has the image of an earlier command as its current one."""
    manager, interpreter = imagej.java("ij.WindowManager"), imagej.java("ij.macro.Interpreter")
    for number in manager.getIDList() or ():
        left = manager.getImage(number)
        interpreter.removeBatchModeImage(left)
        left.close()
    current_by_thread = manager.class_.getDeclaredField("tempImageTable")
    current_by_thread.setAccessible(True)
    current_by_thread.get(None).clear()


@pytest.mark.usefixtures("no_current_image")
def test_no_image_is_said(imagej, lines):
    """A headless macro, or IJ.run with an image, gives the script none: SciJava would cancel in silence."""
    assert run(imagej, imp=None) is None
    assert "no image is open" in lines()


@pytest.mark.usefixtures("no_current_image")
def test_a_closed_image_is_said(imagej, lines):
    assert run(imagej, imp=imagej.java("ij.ImagePlus")()) is None
    assert "no image is open" in lines()


def test_an_image_in_use_is_said(imagej, lines):
    imp = to_imageplus(np.zeros((1, 1, 1, 8, 8), np.uint8), "busy")
    imp.lock()
    assert run(imagej, imp=imp) is None
    assert "another command is using this image" in lines()
    imp.unlock()


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"group": "plants"}, "unknown group 'plants'"),
        ({"iterations": 99999}, "iterations: '99999'"),
        ({"scope": "everything"}, "scope: 'everything'"),
        ({"output": "somewhere"}, "output: 'somewhere'"),
        ({"channel": "5"}, "channel"),
        ({"channel": "DAPI"}, "channel"),
    ],
)
def test_an_unusable_value_is_reported(imagej, lines, inputs, message):
    imp = to_imageplus(np.zeros((1, 1, 1, 8, 8), np.uint8), "x")
    assert run(imagej, imp=imp, **inputs) is None
    assert message in lines()
    assert not imp.isLocked()


def run(imagej, **inputs):
    command = command_of("run_image")
    module = imagej.run(imagej.info(scripts_folder() / command.file_name), **inputs)
    return module.getOutput(command.output[1])


def test_a_package_that_is_not_installed_is_reported(imagej, lines, monkeypatch):
    real = builtins.__import__

    def without_package(name, *arguments):
        if name.startswith("autodip_ij"):
            raise ModuleNotFoundError("No module named 'autodip_ij'")
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without_package)
    assert run(imagej, imp=None) is None
    assert "autodip_ij cannot be loaded" in lines()
    assert "autodip fiji install" in lines()


def test_a_macro_sees_the_values_as_it_wrote_them(imagej, denoise, lines):
    imagej.IJ.runMacro(f'newImage("m", "16-bit ramp", 32, 32, 1); run("{denoise}", "group=[no such] iterations=2");')
    assert "unknown group 'no such'" in lines()
    imagej.IJ.runMacro("close();")


def test_a_failing_command_ends_the_macro(imagej, denoise, lines):
    marker = imagej.IJ.runMacro(
        f'newImage("m", "16-bit ramp", 32, 32, 1); run("{denoise}", "effort=wrong"); return "ok";'
    )
    assert marker is None or str(marker) != "ok"
    assert "effort: 'wrong' is not possible" in lines()
    imagej.java("ij.WindowManager").closeAllWindows()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("iterations=1.5", "iterations: '1.5' is not possible"),  # SciJava cannot convert it and keeps the default
        ("iteration=5", "unknown key 'iteration'; did you mean 'iterations'"),  # ImageJ passes over it
    ],
)
def test_options_that_imagej_passes_over_end_the_macro(imagej, denoise, lines, options, message):
    marker = imagej.IJ.runMacro(
        f'newImage("m", "16-bit ramp", 32, 32, 1); run("{denoise}", "{options}"); return "went on";'
    )
    assert str(marker) != "went on"
    assert message in lines()
    imagej.java("ij.WindowManager").closeAllWindows()


def test_a_macro_selects_the_result_by_its_title(imagej, denoise):
    marker = imagej.IJ.runMacro(
        'newImage("m", "16-bit ramp", 40, 36, 1);'
        f'run("{denoise}", "iterations=2 group=[confocal/actin] options=[width=4 depth=2 device=cpu]");'
        'selectImage("m-autodip"); return getTitle() + " " + bitDepth();'
    )
    assert str(marker) == "m-autodip 32"
    imagej.java("ij.WindowManager").closeAllWindows()


def test_a_cancel_ends_the_macro_with_one_line_in_the_log(imagej, lines, monkeypatch):
    from autodip_ij.fiji.commands import bridge

    def stopped(*arguments, **options):
        raise Cancelled("cancelled by the user; nothing was changed")

    monkeypatch.setattr(bridge.open_image, "denoise", stopped)
    command = command_of("run_image")
    imagej.register(command.leaf, imagej.info(scripts_folder() / command.file_name))
    text = f'newImage("m", "8-bit ramp", 32, 32, 1); run("{command.leaf}", "group=actin"); return "went on";'
    assert str(imagej.IJ.runMacro(text)) != "went on"
    assert lines().splitlines().count("AUTO-DIP: cancelled by the user; nothing was changed") == 1
    assert "Macro Error" not in lines()


def test_evaluating_an_image_against_itself_is_refused(imagej, lines):
    command = command_of("evaluate")
    imp = to_imageplus(np.zeros((1, 1, 1, 8, 8), np.uint8), "twice")
    module = imagej.run(imagej.info(scripts_folder() / command.file_name), reference=imp, image=imp)
    assert module.getOutput(command.output[1]) is None
    assert "reference and image are the same, twice; choose two different images" in lines()


def test_control_characters_of_a_file_do_not_reach_log_tables_and_titles(imagej, lines):
    from autodip_ij.fiji.imageplus.appearance import result_title

    nasty = "a\x1b[31m\x07b\u202ec\nd.tif"
    screen.log(nasty)
    assert lines() == "AUTO-DIP: a[31mbc d.tif\n"
    assert result_title(nasty) == "a[31mbc d-autodip"


def test_warnings_of_libraries_are_not_for_the_log():
    import logging

    from autodip_ij.fiji.worker.process import _LogLines
    from autodip_ij.progress import Silent

    said = []

    class Listening(Silent):
        def log(self, message):
            said.append(message)

    handler = _LogLines(Listening())
    for name in ("tifffile", "autodip_ij.images"):
        handler.emit(logging.LogRecord(name, logging.WARNING, "x.py", 1, "<TiffTag 270 @10>", (), None))
    assert said == ["warning: <TiffTag 270 @10>"]
