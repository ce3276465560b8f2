"""The macros that need no Python mode, run headless by a real ImageJ with the real program."""

from __future__ import annotations

import math
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile

from autodip_ij._support.versions import shipped
from autodip_ij.fiji.imageplus.source import recorded_report

pytestmark = pytest.mark.jvm

SUPPORT = Path(__file__).parent / "support"
IMAGE = shipped("macros") / "AUTO-DIP_Denoise_External.ijm"
FOLDER = shipped("macros") / "AUTO-DIP_Denoise_Folder_External.ijm"
QUICK = "group=widefield/actin iterations=1 device=cpu"
"""A small network for one iteration: what is tested here is the way there and back."""

RunMacro = Callable[[str], str | None]


@pytest.fixture(scope="module")
def loaded_program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The command of a program that is loaded once for all tests: dozens of starts would take minutes."""
    if os.name == "nt":
        yield [str(Path(sys.executable).with_name("autodip.exe"))]
        return
    with TemporaryDirectory() as folder:  # the path of a socket must be short
        place = str(Path(folder) / "calls")
        server = subprocess.Popen(
            [sys.executable, str(SUPPORT / "program_server.py"), place],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        with server:
            assert server.stdout is not None
            assert server.stdin is not None
            assert server.stdout.readline() == b"ready\n"
            yield [sys.executable, "-I", "-S", str(SUPPORT / "program_client.py"), place]
            server.stdin.close()


@pytest.fixture
def program(tmp_path: Path, loaded_program: list[str]) -> str:
    """The program in a place whose name has a blank, quotes and an umlaut."""
    if os.name == "nt":
        return loaded_program[0]
    place = tmp_path / 'it\'s a "ü" place'
    place.mkdir()
    wrapper = place / "autodip"
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.join(loaded_program)} "$@"\n')
    wrapper.chmod(0o755)
    return str(wrapper)


@pytest.fixture
def macro(imagej: SimpleNamespace) -> RunMacro:
    """Run a macro text in batch mode, with nothing open before it, and return the marker it returns."""
    encoding = str(imagej.java("java.lang.System").getProperty("sun.jnu.encoding"))
    if encoding.upper().replace("-", "") != "UTF8" and os.name != "nt":
        pytest.skip(f"Java names files in {encoding} here: no umlauts; set LC_ALL=C.UTF-8")

    def run(text: str) -> str | None:
        answer = imagej.IJ.runMacro(f'close("*"); setBatchMode(true);\n{text}')
        return None if answer is None else str(answer)

    return run


def quoted(path: Path) -> str:
    """A path as a text of the macro language."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def denoise_selected(options: str, output: Path) -> str:
    """Macro lines that denoise the selected image, save the result and return the marker of the External macro."""
    arguments = options.replace("\\", "\\\\").replace('"', '\\"')
    return (
        f'marker = runMacro({quoted(IMAGE)}, "{arguments}");\n'
        f'if (startsWith(marker, "ok: ")) saveAs("tiff", {quoted(output)});\n'
        "return marker;"
    )


REAL = {
    "nuc_small.czi": {},
    "CellDivision_T3_Z5_CH2_X240_Y170.czi": {"time": [0, 1], "z": [2, 3]},
    "example-multichannel.nd2": {},
}


@pytest.fixture(scope="session")
def converted(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three real files as ImageJ TIFFs, smaller, in a place with blanks and umlauts."""
    from autodip_ij.images import open_image, write
    from autodip_ij.images.selection import subset

    folder = tmp_path_factory.mktemp("real") / "Müller's files"
    (folder / "day 1").mkdir(parents=True)
    for number, (name, chosen) in enumerate(REAL.items()):
        image = open_image(shared / "microscope_files" / name)
        length_t, length_c, length_z, _, _ = image.shape
        image = subset(image, chosen.get("time", range(length_t)), range(length_c), chosen.get("z", range(length_z)))
        image = image.with_data(image.data[..., :96, :128])
        place = folder / "day 1" if number else folder
        write(image, place / f"{Path(name).stem} ä.tif")
    return folder


def test_real_files_come_back_with_sizes_channels_and_ranges(
    macro: RunMacro, imagej: SimpleNamespace, converted: Path, program: str, tmp_path: Path
) -> None:
    sources = sorted(converted.rglob("*.tif"))
    assert len(sources) == len(REAL)
    for source in sources:
        result = tmp_path / f"{source.stem}.result.tif"
        marker = macro(f"open({quoted(source)});\n" + denoise_selected(f"{QUICK} program=[{program}]", result))
        assert marker == f"ok: {source.stem}-autodip"
        before, after = imagej.IJ.openImage(str(source)), imagej.IJ.openImage(str(result))
        assert list(after.getDimensions()) == list(before.getDimensions())
        assert int(after.getBitDepth()) == 32
        assert_same_scale(before, after)
        assert_same_look(before, after)
        noisy, denoised = tifffile.imread(source).astype(float), tifffile.imread(result)
        assert denoised.shape == noisy.shape
        assert np.isfinite(denoised).all()
        assert not np.array_equal(denoised, noisy)


def assert_same_scale(before: Any, after: Any) -> None:
    first, second = before.getCalibration(), after.getCalibration()
    for name in ("pixelWidth", "pixelHeight", "pixelDepth", "frameInterval"):
        assert float(getattr(second, name)) == pytest.approx(float(getattr(first, name))), name
    assert str(second.getUnit()) == str(first.getUnit())


def assert_same_look(before: Any, after: Any) -> None:
    assert bool(after.isComposite()) == bool(before.isComposite())
    pairs = list(zip(before.getLuts(), after.getLuts(), strict=True))
    assert pairs
    for first, second in pairs:
        assert bytes(second.getBytes()) == bytes(first.getBytes())
        assert (float(second.min), float(second.max)) == (float(first.min), float(first.max))


HYPERSTACK = """
newImage("cells [1].ome.tif", "16-bit ramp composite-mode", 50, 40, 2, 3, 2);
for (c = 1; c <= 2; c++) { Stack.setChannel(c); setMinAndMax(100 * c, 30000 * c); }
Stack.setChannel(1); run("Magenta"); Stack.setChannel(2); run("Green"); Stack.setDisplayMode("color");
run("Properties...", "channels=2 slices=3 frames=2 pixel_width=0.2 pixel_height=0.2 voxel_depth=1.5 frame=[2.5 sec]");
Stack.setXUnit("um");
Property.setSliceLabel("first of all", 1);
setMetadata("Info", "Microscope = made up\\nLine two");
makeRectangle(5, 6, 20, 10); Overlay.addSelection("red"); makeOval(3, 4, 11, 12);
Stack.setPosition(2, 3, 2);
"""


def test_a_hyperstack_keeps_everything_imagej_knows_of_it(
    macro: RunMacro, imagej: SimpleNamespace, program: str, tmp_path: Path
) -> None:
    source, result = tmp_path / "source.tif", tmp_path / "result.tif"
    temporary = Path(str(imagej.IJ.getDirectory("temp")))
    before_it = set(temporary.glob("autodip-1*"))
    macro(f'{HYPERSTACK} saveAs("tiff", {quoted(source)}); return "ok";')
    check = (
        'Stack.getPosition(c, z, t); marker = marker + "|" + c + "," + z + "," + t;'
        'Stack.getDisplayMode(mode); marker = marker + "|" + mode;'
        'marker = marker + "|" + selectionType() + "|" + nImages + "|" + getTitle();'
    )
    lines = denoise_selected(f"{QUICK} program=[{program}]", result).replace("if (starts", check + "if (starts")
    marker = macro(HYPERSTACK + lines)
    assert marker == "ok: cells [1]-autodip|2,3,2|color|1|2|cells [1]-autodip"
    before, after = imagej.IJ.openImage(str(source)), imagej.IJ.openImage(str(result))
    assert list(after.getDimensions()) == [50, 40, 2, 3, 2]
    assert_same_scale(before, after)
    assert_same_look(before, after)
    assert int(after.getOverlay().size()) == int(before.getOverlay().size()) > 0
    assert str(after.getStack().getSliceLabel(1)) == "first of all"
    info = str(after.getInfoProperty())
    assert info.startswith("Microscope = made up\nLine two\n[AUTO-DIP]\nreport = {")
    assert info.endswith("[/AUTO-DIP]")
    report = recorded_report(info)
    assert report is not None
    assert (report["settings"]["iterations"], report["channels"][0]["group"]) == (1, "widefield/actin")
    noisy, denoised = tifffile.imread(source).astype(float), tifffile.imread(result)
    for plane, original in zip(denoised.reshape(-1, 40, 50), noisy.reshape(-1, 40, 50), strict=True):
        assert original.min() - 1 <= plane.min() < plane.max() <= original.max() + 1
    assert set(temporary.glob("autodip-1*")) <= before_it


def test_an_8_bit_image_with_a_lookup_table_keeps_it(
    macro: RunMacro, imagej: SimpleNamespace, program: str, tmp_path: Path
) -> None:
    make = 'newImage("a", "8-bit ramp", 40, 30, 1); run("Fire"); setMinAndMax(20, 200);'
    macro(f'{make} saveAs("tiff", {quoted(tmp_path / "source.tif")}); return "ok";')
    assert macro(make + denoise_selected(f"{QUICK} program=[{program}]", tmp_path / "result.tif")) == "ok: a-autodip"
    after = imagej.IJ.openImage(str(tmp_path / "result.tif"))
    assert int(after.getBitDepth()) == 32
    assert_same_look(imagej.IJ.openImage(str(tmp_path / "source.tif")), after)


def test_the_integer_type_is_kept_on_request_and_the_source_is_left_as_it_was(
    macro: RunMacro, imagej: SimpleNamespace, program: str, tmp_path: Path
) -> None:
    text = (
        'newImage("a.tif", "16-bit ramp", 40, 30, 2); setMinAndMax(20, 2000);'
        + "source = getImageID(); n = getPixel(30, 20);"
        + denoise_selected(f"{QUICK} dtype=same program=[{program}]", tmp_path / "result.tif").removesuffix(
            "return marker;"
        )
        + 'selectImage(source); return marker + " " + getTitle() + " " + bitDepth() + " " + (getPixel(30, 20) == n);'
    )
    assert macro(text) == "ok: a-autodip a.tif 16 1"
    after = imagej.IJ.openImage(str(tmp_path / "result.tif"))
    assert int(after.getBitDepth()) == 16
    assert (float(after.getDisplayRangeMin()), float(after.getDisplayRangeMax())) == (20.0, 2000.0)


def test_an_rgb_picture_comes_back_as_one(
    macro: RunMacro, imagej: SimpleNamespace, program: str, tmp_path: Path
) -> None:
    make = 'newImage("a", "RGB ramp", 40, 30, 1);'
    assert macro(make + denoise_selected(f"{QUICK} program=[{program}]", tmp_path / "result.tif")) == "ok: a-autodip"
    after = imagej.IJ.openImage(str(tmp_path / "result.tif"))
    assert int(after.getBitDepth()) == 24


def test_pixels_that_are_not_numbers_stay_so(macro: RunMacro, program: str, tmp_path: Path) -> None:
    make = 'newImage("a", "32-bit ramp", 40, 30, 1); setPixel(7, 8, NaN); setPixel(9, 9, 1/0);'
    assert macro(make + denoise_selected(f"{QUICK} program=[{program}]", tmp_path / "result.tif")) == "ok: a-autodip"
    denoised = tifffile.imread(tmp_path / "result.tif")
    assert math.isnan(denoised[8, 7])
    assert np.isfinite(denoised).sum() == denoised.size - 2


def test_a_calibrated_image_is_denoised_in_the_values_it_shows(
    macro: RunMacro, imagej: SimpleNamespace, program: str, tmp_path: Path
) -> None:
    source = imagej.IJ.createImage("a", "16-bit ramp", 40, 30, 1)
    source.getCalibration().setSigned16BitCalibration()
    imagej.IJ.saveAsTiff(source, str(tmp_path / "signed.tif"))
    lines = denoise_selected(f"{QUICK} program=[{program}]", tmp_path / "result.tif")
    assert macro(f"open({quoted(tmp_path / 'signed.tif')});" + lines) == "ok: signed-autodip"
    denoised = tifffile.imread(tmp_path / "result.tif")
    assert denoised.min() < -5000
    assert denoised.max() <= 32768


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("group=confocl program=[{program}]", "unknown group 'confocl'; did you mean 'confocal'?"),
        ("iterations=-3 program=[{program}]", "iterations"),
        ("iteration=3 program=[{program}]", "unknown option 'iteration'; choose one of: group, calibration"),
        ("quickly program=[{program}]", "'quickly' is not an option; write key=value"),
        ("group=[confocal program=x", "begins with [ but has no closing ]"),
        ("program=[/no where/autodip]", "/no where/autodip is not autodip"),
        ("program=[{other}]", "is not autodip"),
    ],
)
def test_what_goes_wrong_ends_the_macro_with_its_reason(
    macro: RunMacro, program: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], options: str, message: str
) -> None:
    other = sys.executable.replace("python", "no-autodip") if os.name == "nt" else "/bin/true"
    given = options.format(program=program, other=other)
    make = 'newImage("a", "16-bit ramp", 40, 30, 1); n = nImages;'
    lines = denoise_selected(given, tmp_path / "result.tif").replace("return marker;", "return marker + (nImages - n);")
    marker = macro(make + lines)
    assert marker == "[aborted]0"
    said = "".join(capfd.readouterr())
    assert "AUTO-DIP Denoise External: " in said
    assert message in said
    assert not (tmp_path / "result.tif").exists()


@pytest.mark.parametrize("path", [IMAGE, FOLDER], ids=["image", "folder"])
def test_the_dialog_can_be_left_as_it_opens(
    macro: RunMacro, imagej: SimpleNamespace, tmp_path: Path, path: Path
) -> None:
    """Nothing is typed but the program and the folders: the program has to take whatever else the dialog gives."""
    calls, program = tmp_path / "calls.txt", tmp_path / "autodip"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> "{calls}"\nOMP_NUM_THREADS=1 exec "{sys.executable}" -m autodip_ij "$@"\n'
    )
    program.chmod(0o755)
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "in" / "a.tif", np.random.default_rng(0).poisson(50, (32, 32)).astype(np.uint16))
    text = path.read_text(encoding="ascii")
    for asked, instead in {
        'if (List.get("given") == "" && !isUnattended())': "",  # without a screen nothing is asked
        "given = givenOptions();": 'given = "";',
        "Dialog.addFile(": "Dialog.addString(",  # the dialog of ij1-patcher has no fields for paths
    }.items():
        assert asked in text
        text = text.replace(asked, instead)
    text = text.replace("Dialog.addDirectory(", "Dialog.addString(")
    (tmp_path / "asks.ijm").write_text(text, encoding="ascii")
    imagej.java("ij.Menus").getCommands().put("As it opens", f'ij.plugin.Macro_Runner("{tmp_path / "asks.ijm"}")')
    typed = f"program=[{program}] input=[{tmp_path / 'in'}] output=[{tmp_path / 'out'}]"
    opened = f"open({quoted(tmp_path / 'in' / 'a.tif')});" if path == IMAGE else ""
    assert macro(f'{opened} run("As it opens", "{typed}"); return "went on " + nImages;') is not None
    done = [line for line in calls.read_text().splitlines() if not line.startswith("--version")]
    assert len(done) == 1
    assert "--iterations" not in done[0]
    assert "0.0" not in done[0]
    if path == FOLDER:
        assert (tmp_path / "out" / "a_autodip.ome.tif").is_file()
    else:
        assert imagej.java("ij.WindowManager").getImage("a-autodip") is not None


def test_no_image_is_said(macro: RunMacro, capfd: pytest.CaptureFixture[str]) -> None:
    assert macro(f'marker = runMacro({quoted(IMAGE)}, "group=all"); return marker;') == "[aborted]"
    assert "no image is open; open one first" in "".join(capfd.readouterr())


def denoise_folder(options: str) -> str:
    arguments = options.replace("\\", "\\\\").replace('"', '\\"')
    return f'marker = runMacro({quoted(FOLDER)}, "{arguments}"); return marker;'


def test_a_folder_is_denoised_resumed_and_its_bad_file_named(
    macro: RunMacro, converted: Path, program: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from shutil import copytree

    source, output = copytree(converted, tmp_path / "Käfer raw"), tmp_path / "Käfer 'denoised'"
    (source / "day 1/bad.tif").write_bytes(b"II*\0")
    text = denoise_folder(f"input=[{source}] output=[{output}] {QUICK} channel=0 program=[{program}]")
    assert macro(text) == "3 done, 0 skipped, 1 failed"
    assert "day 1/bad.tif: " in "".join(capfd.readouterr())
    made = sorted(path.relative_to(output) for path in output.rglob("*.ome.tif"))
    assert {path.name for path in made} == {f"{Path(name).stem} ä_autodip.ome.tif" for name in REAL}
    assert {path.parent.name for path in made} == {"", "day 1"}
    for path in made:
        assert np.isfinite(tifffile.imread(output / path)).all()
    assert macro(text) == "0 done, 3 skipped, 1 failed"


def test_a_folder_that_cannot_be_done_is_an_error_of_the_macro(
    macro: RunMacro, converted: Path, program: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert macro(denoise_folder(f"input=[{converted}] output=[{converted}] program=[{program}]")) == "[aborted]"
    assert "the output folder is the input folder" in "".join(capfd.readouterr())
    assert macro(denoise_folder(f"input=[{converted}]")) == "[aborted]"
    assert "input=[folder] output=[another folder]" in "".join(capfd.readouterr())


def test_a_macro_command_of_another_macro_gets_its_options(
    macro: RunMacro, imagej: SimpleNamespace, program: str, tmp_path: Path
) -> None:
    """As a menu command, `run("AUTO-DIP Denoise External", "...")` hands the options on."""
    commands = imagej.java("ij.Menus").getCommands()
    commands.put("AUTO-DIP Denoise External", f'ij.plugin.Macro_Runner("{IMAGE}")')
    text = (
        'newImage("a", "16-bit ramp", 40, 30, 1);'
        f'run("AUTO-DIP Denoise External", "{QUICK} program=[{program.replace(chr(34), chr(92) + chr(34))}]");'
        "return getTitle() + bitDepth();"
    )
    assert macro(text) == "a-autodip32"
