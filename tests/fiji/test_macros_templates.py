"""The macros to be changed run as Fiji runs them: parameters by SciJava, commands by their labels."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from autodip_ij._support.versions import shipped
from autodip_ij.fiji.commands.menu import COMMANDS
from autodip_ij.images import Channel, Image, PixelSize, open_image, write

pytestmark = pytest.mark.jvm

RunTemplate = Callable[..., str | None]


@pytest.fixture
def template(imagej: SimpleNamespace) -> RunTemplate:
    """Run a macro with values for its ``#@`` parameters, which Fiji puts before the text as variables."""
    for command in COMMANDS:
        script = shipped("fiji_scripts") / "Plugins" / "AUTO-DIP" / command.file_name
        imagej.register(command.leaf, imagej.info(script))

    def run(name: str, before: str = "", **values: object) -> str | None:
        path = shipped("macros") / f"{name}.ijm"
        parameters = {str(item.getName()) for item in imagej.info(path).inputs()}
        assert parameters == set(values)
        values_of = "".join(
            f"{key} = {value};" if isinstance(value, int) else f'{key} = "{value}";' for key, value in values.items()
        )
        # As imagej-legacy's IJ1MacroEngine does it: globals before the text, their values in a function behind it.
        head = f"var {','.join(values)}; initializeSciJavaParameters(); "
        tail = f"\nfunction initializeSciJavaParameters() {{ {values_of} }}"
        body = re.sub(r"^#@.*$", "", path.read_text(), flags=re.MULTILINE)
        answer = imagej.IJ.runMacro(f'close("*"); setBatchMode(true); {before}{head}{body}{tail}')
        return None if answer is None else str(answer)

    return run


def noisy(path: Path, shape: tuple[int, ...], axes: str, *names: str) -> Path:
    pixels = np.random.default_rng(3).poisson(80, shape).astype(np.uint16)
    image = Image.from_array(
        pixels, axes, channels=[Channel(name) for name in names] or None, pixel_size=PixelSize(x=0.3, y=0.3, t=2.0)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    return write(image, path)


def test_the_folder_template_keeps_sub_folders_skips_and_counts(template: RunTemplate, tmp_path: Path) -> None:
    source, output = tmp_path / "in ö", tmp_path / "out"
    noisy(source / "a b.tif", (32, 36), "YX")
    noisy(source / "day 1" / "c.tif", (32, 36), "YX")
    noisy(source / "day 1" / "d].tif", (32, 36), "YX")
    noisy(source / "other.png.tiff", (32, 36), "YX")
    (source / "bad.tif").write_bytes(b"II*\0")
    values = {"input": source, "output": output, "suffix": ".tif", "group": "widefield/actin", "iterations": 1}
    assert template("AUTO-DIP_Batch_Folder", **values) == "2 done, 0 skipped, 2 failed"
    made = sorted(path.relative_to(output).as_posix() for path in output.rglob("*.ome.tif"))
    assert made == ["a b_autodip.ome.tif", "day 1/c_autodip.ome.tif"]
    assert open_image(output / made[0]).shape == (1, 1, 1, 32, 36)
    assert template("AUTO-DIP_Batch_Folder", **values) == "0 done, 2 skipped, 2 failed"


def test_the_folder_template_refuses_one_folder_for_both(template: RunTemplate, tmp_path: Path) -> None:
    values = {"input": tmp_path, "output": tmp_path, "suffix": ".tif", "group": "all", "iterations": 1}
    assert template("AUTO-DIP_Batch_Folder", **values) == "[aborted]"


def test_the_time_series_example_denoises_a_trial_and_keeps_the_brightness(
    template: RunTemplate, imagej: SimpleNamespace, tmp_path: Path
) -> None:
    series = noisy(tmp_path / "series.tif", (5, 32, 36), "TYX")
    before = f'open("{series}");'
    answer = template("AUTO-DIP_Example_Time_Series", before, group="widefield/actin", iterations=1, range="1-2")
    assert answer == "series-trial-autodip"


def test_the_channel_example_merges_the_chosen_channels(
    template: RunTemplate, imagej: SimpleNamespace, tmp_path: Path
) -> None:
    source = noisy(tmp_path / "cells.ome.tif", (3, 32, 36), "CYX", "DAPI", "DIC", "Actin")
    answer = template(
        "AUTO-DIP_Example_Channels",
        input=source,
        output=tmp_path,
        channels="1, 3",
        groups="widefield/nucleus, widefield/actin",
        iterations=1,
    )
    assert answer == "cells.ome-autodip"
    made = sorted(path.name for path in tmp_path.glob("*_autodip.tif"))
    assert made == ["cells.ome_channel1_autodip.tif", "cells.ome_channel3_autodip.tif"]
    for name in made:
        assert tifffile.imread(tmp_path / name).shape == (32, 36)


def test_the_channel_example_wants_a_group_for_each_channel(template: RunTemplate, tmp_path: Path) -> None:
    answer = template(
        "AUTO-DIP_Example_Channels",
        input=tmp_path / "x.tif",
        output=tmp_path,
        channels="0,1",
        groups="all",
        iterations=1,
    )
    assert answer == "[aborted]"
