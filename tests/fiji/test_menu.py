"""The scripts of the menu, read by SciJava's own parser, against the settings they are made from."""

from __future__ import annotations

import ast
import itertools
import re

import pytest

from autodip_ij._support.fields import bounds_of, choices_of
from autodip_ij.fiji.commands import bridge
from autodip_ij.fiji.commands.menu import AUTO_GROUP, COMMANDS, Input, command_of, setting
from autodip_ij.fiji.commands.scripts import SHEBANG, script_text, scripts_folder, write_scripts
from autodip_ij.settings import RENAMED, DenoiseSettings, shown

JAVA_TYPES = {
    "TaskService": "org.scijava.task.TaskService",
    "ImagePlus": "ij.ImagePlus",
    "Integer": "java.lang.Integer",
    "Boolean": "java.lang.Boolean",
    "String": "java.lang.String",
    "File": "java.io.File",
}
every_command = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.leaf)


def path_of(command):
    return scripts_folder() / command.file_name


@every_command
def test_the_script_is_the_generated_one(command):
    assert path_of(command).read_text(encoding="utf-8") == script_text(command), (
        "run: python -m autodip_ij.fiji.commands.scripts"
    )


def test_nothing_else_lies_beside_the_scripts():
    """SciJava makes a command of every file it finds there."""
    assert sorted(path.name for path in scripts_folder().iterdir()) == sorted(c.file_name for c in COMMANDS)


def test_scripts_are_written_where_they_differ_only(tmp_path):
    assert len(write_scripts(tmp_path)) == len(COMMANDS)
    (tmp_path / COMMANDS[0].file_name).write_text("changed")
    assert [path.name for path in write_scripts(tmp_path)] == [COMMANDS[0].file_name]


@pytest.mark.jvm
@every_command
def test_scijava_finds_every_input_as_it_was_declared(imagej, command):
    info = imagej.info(path_of(command))
    found = {str(item.getName()): item for item in info.inputs()}
    assert list(found) == [entry.name for entry in command.inputs]
    for entry in command.inputs:
        item = found[entry.name]
        assert str(item.getType().getName()) == JAVA_TYPES[entry.kind]
        assert bool(item.isRequired()) is (entry.kind == "TaskService")
        assert str(item.getInitializer() or "") == entry.initializer
        assert str(item.getVisibility()) == (entry.visibility or "NORMAL")
        if entry.kind == "TaskService":
            continue
        assert str(item.getLabel() or "") == entry.label
        assert str(item.getDescription() or "") == entry.help
        assert [str(choice) for choice in item.getChoices() or []] == list(entry.choices)
        assert python_value(item.getDefaultValue()) == (None if entry.kind in ("File", "ImagePlus") else entry.value)
        assert python_value(item.getMinimumValue()) == entry.low
        assert python_value(item.getMaximumValue()) == entry.high
        assert bool(item.isPersisted()) is entry.persist
        assert str(item.getPersistKey() or "") == (f"autodip.{entry.name}" if entry.persist else "")
        assert str(item.getWidgetStyle() or "") == entry.style


def python_value(value):
    if value is None:
        return None
    kind = str(value.getClass().getSimpleName()) if hasattr(value, "getClass") else type(value).__name__
    return {"Boolean": bool, "Integer": int}.get(kind, str)(value)


@pytest.mark.jvm
@every_command
def test_the_script_runs_in_python_mode_and_has_one_output(imagej, command):
    info = imagej.info(path_of(command))
    assert str(info.getLanguage().getLanguageName()) == "Python"
    outputs = [(str(item.getType().getSimpleName()), str(item.getName())) for item in info.outputs()]
    assert outputs == [command.output]


@pytest.mark.jvm
def test_scijava_makes_the_leaf_of_the_file_name(imagej, jvm):
    """As ScriptFinder does: up to the last dot, underscores are blanks."""
    for command in COMMANDS:
        base = command.file_name[: command.file_name.rindex(".")]
        assert base.replace("_", " ") == command.leaf


@pytest.mark.jvm
def test_another_spelling_of_the_first_line_is_not_python(imagej, tmp_path):
    script = tmp_path / "x.py"
    script.write_text("#! Python\nx = 1\n")
    assert "#! " not in SHEBANG
    assert SHEBANG == "#!Python"
    language = imagej.info(script).getLanguage()
    assert language is None or str(language.getLanguageName()) == "Python"  # by .py here; Jython's in Fiji


@every_command
def test_the_body_is_short_and_ends_with_a_plain_assignment(command):
    body = [line for line in script_text(command).splitlines() if line and not line.startswith("#")]
    assert len(body) <= 15
    last = ast.parse(script_text(command)).body[-1]
    assert isinstance(last, ast.Assign)  # scyjava evaluates, and loses, any other last statement with a value
    assert last.targets[0].id == command.output[1]
    assert "print(" not in script_text(command)
    assert "#@script" not in script_text(command)


@every_command
def test_the_dialog_is_small_and_the_entry_exists(command):
    assert len(command.fields) <= 8
    assert callable(getattr(bridge, command.entry))


@every_command
def test_scripts_of_an_earlier_version_find_their_entry(command):
    from autodip_ij.fiji import bridge as former

    assert getattr(former, command.entry) is getattr(bridge, command.entry)
    assert former.denoise is bridge.denoise


@pytest.mark.jvm
def test_a_script_of_an_earlier_version_still_runs(imagej, tmp_path):
    """An update of the package does not touch the scripts in a Fiji folder."""
    command = command_of("release")
    script = tmp_path / command.file_name
    script.write_text(script_text(command).replace("autodip_ij.fiji.commands.bridge", "autodip_ij.fiji.bridge"))
    assert "from autodip_ij.fiji.bridge import release" in script.read_text()
    assert str(imagej.run(imagej.info(script)).getOutput("message"))


@every_command
def test_no_key_is_found_in_the_place_of_another(command):
    names = [entry.name for entry in command.inputs]
    assert all(re.fullmatch(r"[a-z]+", name) for name in names)
    fields = {RENAMED.get(name, name) for name in names}
    free = [name for name in DenoiseSettings.model_fields if name not in fields]
    for name, other in itertools.permutations([*names, *free, *command.options], 2):
        assert not re.search(rf"[^A-Za-z]{name}$", other), f"ImageJ would read {name}= in {other}="


@pytest.mark.jvm
@every_command
def test_a_recorded_line_gives_every_value_back_through_imagejs_parser(jvm, command):
    """The recorder writes texts with blanks in brackets; the parser is ij.Macro.getValue."""
    macro = jvm("ij.Macro")
    values = {entry.name: example(entry) for entry in command.fields}
    line = "".join(
        f"{name}=[{value}] " if " " in value or not value else f"{name}={value} " for name, value in values.items()
    )
    assert {name: str(macro.getValue(line, name, "missing")) for name in values} == values


def example(entry):
    if entry.choices:
        return entry.choices[-1]
    samples = {"Integer": "17", "Boolean": "true", "File": "/data/my file (1).tif", "ImagePlus": "my image.tif"}
    return samples.get(entry.kind, "seed=3 tile=256")


def test_inputs_of_settings_carry_their_bounds_choices_and_help():
    for name in ("dtype", "device", "iterations", "seed", "channel"):
        made, field = setting(name), DenoiseSettings.model_fields[name]
        assert made.help == field.description
        assert made.choices == tuple(choices_of(DenoiseSettings, name))
        bounds = bounds_of(DenoiseSettings, name)
        assert made.high == bounds.get("max")
        assert made.persist == shown(DenoiseSettings, name).persist


def test_the_first_choice_is_automatic_where_there_is_one():
    for command in COMMANDS:
        for entry in command.fields:
            automatic = [choice for choice in entry.choices if choice.lower().startswith("auto")]
            assert not automatic or entry.value == entry.choices[0] == automatic[0]


def test_scientific_values_images_and_paths_are_not_remembered():
    remembered = {entry.name for command in COMMANDS[:-2] for entry in command.inputs if entry.persist}
    assert remembered == set()
    assert setting("group").value != AUTO_GROUP  # the dialog's word for it is given in the menu


def test_the_settings_know_which_of_them_are_fields():
    # The dialogs ask for `channels`, counted from 1; macros may give `channel`.
    fields = {entry.name for command in COMMANDS for entry in command.inputs}
    declared = {name for name in DenoiseSettings.model_fields if shown(DenoiseSettings, name).fiji}
    assert declared == {RENAMED.get(name, name) for name in fields} & set(DenoiseSettings.model_fields)


def test_a_text_that_scijava_would_misread_is_refused():
    from autodip_ij.fiji.commands.scripts import header_line

    with pytest.raises(ValueError, match="quotes"):
        header_line(Input("x", label='say "hello"'))
