"""Macros, settings, script headers and pages agree: names, choices, labels."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autodip_ij._support.fields import choices_of
from autodip_ij._support.versions import shipped
from autodip_ij.fiji.commands.menu import COMMANDS
from autodip_ij.fiji.commands.scripts import macro_page_tables
from autodip_ij.groups.model import group_names
from autodip_ij.settings import DenoiseSettings

MACROS = sorted(shipped("macros").glob("*.ijm"))
EXTERNAL = [path for path in MACROS if path.stem.endswith("_External")]
CHANGEABLE = [path for path in MACROS if path not in EXTERNAL]
ROOT = Path(__file__).resolve().parents[2]


def names(paths: list[Path]) -> list[str]:
    return [path.stem for path in paths]


def test_the_macros_are_there() -> None:
    assert names(EXTERNAL) == ["AUTO-DIP_Denoise_External", "AUTO-DIP_Denoise_Folder_External"]
    assert "AUTO-DIP_Batch_Folder" in names(CHANGEABLE)


@pytest.mark.parametrize("path", MACROS, ids=names(MACROS))
def test_a_macro_is_ascii_because_imagej_reads_files_as_latin_1(path: Path) -> None:
    assert path.read_bytes().isascii()


@pytest.mark.parametrize("path", MACROS, ids=names(MACROS))
def test_a_macro_returns_a_marker_because_none_also_means_failure(path: Path) -> None:
    body = re.split(r"^function ", path.read_text(), flags=re.MULTILINE)[0]
    assert re.search(r"^\s*return .+;", body, flags=re.MULTILINE)


@pytest.mark.parametrize("path", EXTERNAL, ids=names(EXTERNAL))
def test_an_external_macro_is_called_as_its_menu_item(path: Path) -> None:
    label = path.stem.replace("_", " ")
    assert f'var LABEL = "{label}";' in path.read_text()
    assert f'run("{label}", "' in path.read_text()


@pytest.mark.parametrize("path", EXTERNAL, ids=names(EXTERNAL))
def test_the_keys_of_an_external_macro_are_settings_and_named_in_its_head(path: Path) -> None:
    text = path.read_text()
    keys = re.findall(r'"(\w+)"', re.search(r"var KEYS = newArray\((.*?)\);", text)[1])  # type: ignore[index]
    assert set(keys) <= set(DenoiseSettings.model_fields)
    head = re.search(r"^// Keys: (.+) \(as in `autodip (\w+) --help`\) and program\.$", text, flags=re.MULTILINE)
    assert head is not None
    assert head[1].split()[-len(keys) :] == keys
    assert set(re.findall(r'List\.set\("(\w+)", Dialog', text)) <= {*keys, "program", "input", "output"}


def test_the_choices_of_the_dialogs_are_those_of_the_settings() -> None:
    text = EXTERNAL[0].read_text()
    groups = re.search(r"groups = newArray\((.*?)\);", text, flags=re.DOTALL)
    assert groups is not None
    assert re.findall(r'"(.+?)"', groups[1]) == ["auto", *group_names()]
    for path in EXTERNAL:
        offered = dict(re.findall(r'Dialog\.addChoice\("(\w+)", newArray\((.*?)\)', path.read_text()))
        assert offered
        for label, choices in offered.items():
            assert re.findall(r'"(\w+)"', choices) == choices_of(DenoiseSettings, label.lower())


def test_both_external_macros_share_one_text() -> None:
    first, second = (path.read_text().partition("// ---- identical in both")[2] for path in EXTERNAL)
    assert first == second
    assert len(first) > 1000


def joined(text: str) -> str:
    """Put the parts of texts together; what the macro puts between them becomes ``X``."""
    return re.sub(r'"\s*\+([^";]*)"', lambda between: "X" if between[1].strip(" +\n\t") else "", text)


def keys_of(options: str) -> list[str]:
    return re.findall(r"(\w+)=(?:\[[^\]]*\]|\S*)", options)


@pytest.mark.parametrize("path", CHANGEABLE, ids=names(CHANGEABLE))
def test_a_macro_for_fiji_shows_every_field(path: Path) -> None:
    text = path.read_text()
    (label,) = set(re.findall(r'run\(\\?"(AUTO-DIP [^"\\]+)', text))
    (command,) = (command for command in COMMANDS if command.leaf == label)
    (options,) = re.findall(r'"([^"]* options=\[\])"', joined(text))
    assert set(keys_of(options)) == {field.name for field in command.fields}


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/*.md")), ids=lambda page: page.stem)
def test_the_options_in_the_pages_exist(page: Path) -> None:
    commands = {command.leaf: {field.name for field in command.inputs} for command in COMMANDS}
    common = {*DenoiseSettings.model_fields, "program", "input", "output"}
    for label, options in re.findall(r'run\("(AUTO-DIP [^"]+)",\s*"([^"]*)"', joined(page.read_text(encoding="utf-8"))):
        known = common if label.endswith("External") else commands[label]
        assert set(keys_of(options)) <= known, f"{page.name}: {label}"


def test_the_tables_of_the_page_are_made_from_the_declarations() -> None:
    page = (ROOT / "docs" / "macros.md").read_text(encoding="utf-8")
    for table in macro_page_tables().values():
        assert table in page
