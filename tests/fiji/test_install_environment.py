"""One pip requirement goes into any environment.yml, and every other byte stays."""

from __future__ import annotations

from typing import Any

import pytest
from ruamel.yaml import YAML

from autodip_ij.errors import BadInput
from autodip_ij.fiji.install.environment_file import add_requirement, remove_lines

REQUIREMENT = "autodip_ij[readers,fiji] @ file:///home/a%20b/autodip_ij"
FILES = {
    "as Fiji writes it": "name: fiji\ndependencies:\n  - python = 3.12\n  - pip\n  - pip:\n    - pyimagej>=1.7.0\n",
    "no indentation": "dependencies:\n- python=3.12\n- pip\n- pip:\n  - pyimagej\nname: fiji\n",
    "without pip list": "name: x\ndependencies:\n  - python=3.12\n  - pip\n\n# the end\n",
    "without pip at all": "dependencies:\n  - python=3.12\n",
    "with an empty pip list": "dependencies:\n  - pip\n  - pip:\nname: x\n",
    "pip in the middle": "dependencies:\n  - pip\n  - pip:\n      - a\n      # last\n      - b\n  - numpy\n",
    "pip pinned, no end of line": "dependencies:\n  - pip>=24\n  - pip:\n    - a",
    "Windows line ends": "dependencies:\r\n  - pip\r\n  - pip:\r\n    - a # b\r\n  - c\r\n",
    "an empty pip list before others": "dependencies:\n  - pip\n  - pip:\n  - numpy\n",
    "comments of the user": "# mine\ndependencies:\n  # x\n  - pip # new\n  - pip:\n    # F\n    - a  # b\n# end\n",
    "a blank line within": "dependencies:\n  - pip\n  - pip:\n    - a\n\n    - b\n\nprefix: /opt/x\n",
}


def load(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def pip_list(text: str) -> list[str]:
    lists = [item["pip"] or [] for item in load(text)["dependencies"] if isinstance(item, dict)]
    return lists[0] if lists else []


@pytest.mark.parametrize("text", FILES.values(), ids=FILES.keys())
def test_the_requirement_is_added_and_nothing_else_changes(text: str) -> None:
    made, added = add_requirement(text, REQUIREMENT)
    assert pip_list(made) == [*pip_list(text), REQUIREMENT]
    before, after = load(text), load(made)
    assert [item for item in after["dependencies"] if not isinstance(item, dict) and item != "pip"] == [
        item for item in before["dependencies"] if not isinstance(item, dict) and item != "pip"
    ]
    assert any(str(item).startswith("pip") for item in after["dependencies"] if isinstance(item, str))
    assert {key: value for key, value in after.items() if key != "dependencies"} == {
        key: value for key, value in before.items() if key != "dependencies"
    }
    kept = made.splitlines()
    for line in added:
        kept.remove(line)
    assert kept == text.splitlines()


@pytest.mark.parametrize("text", FILES.values(), ids=FILES.keys())
def test_removing_the_entry_restores_the_file(text: str) -> None:
    made, added = add_requirement(text, REQUIREMENT)
    whole = text if text.endswith("\n") else f"{text}\n"
    assert remove_lines(made, added) == whole


@pytest.mark.parametrize("text", FILES.values(), ids=FILES.keys())
def test_line_ends_stay_of_one_kind(text: str) -> None:
    made, _ = add_requirement(text, REQUIREMENT)
    assert ("\r\n" in made) == ("\r\n" in text)
    assert "\n" not in made.replace("\r\n", "") or "\r\n" not in made


def test_a_pip_list_that_others_have_come_to_use_stays() -> None:
    made, added = add_requirement("dependencies:\n  - python=3.12\n", REQUIREMENT)
    used = made + "    - numpy\n"
    assert remove_lines(used, added) == used.replace(f"    - {REQUIREMENT}\n", "")


@pytest.mark.parametrize("present", ["autodip_ij", "autodip-ij>=0.1", "Autodip_IJ[readers] @ file:///x"])
def test_a_package_that_is_there_is_not_added_again(present: str) -> None:
    text = f"dependencies:\n  - pip\n  - pip:\n    - {present}\n"
    assert add_requirement(text, REQUIREMENT) == (text, [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dependencies: [pip, {pip: [a]}]\n", "line 1: not a list with one '- item' per line"),
        ("dependencies:\n  - pip\n  - pip: [a, b]\n", "line 3: not a list"),
        ("name: x\n", "has no list 'dependencies'"),
        ("- a\n", "has no list 'dependencies'"),
        ("", "has no list 'dependencies'"),
        ("dependencies:\n  - a\n - b\n", "not valid YAML"),
    ],
)
def test_what_cannot_be_edited_is_refused_with_the_line_to_add(text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message) as refused:
        add_requirement(text, REQUIREMENT)
    assert f"'- {REQUIREMENT}'" in str(refused.value)


def test_the_environment_of_this_repository_has_what_fiji_asks_for() -> None:
    import tomllib
    from pathlib import Path

    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    root = Path(__file__).resolve().parents[2]
    text = (root / "environment.yml").read_text()
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    dependencies = load(text)["dependencies"]
    (python,) = (item for item in dependencies if str(item).startswith("python "))
    assert python.partition("=")[2].strip() in SpecifierSet(project["requires-python"])
    here, *others = sorted(pip_list(text), key=lambda line: not line.startswith("."))
    extras = here.removeprefix(".[").removesuffix("]").split(",")
    assert set(extras) <= set(project["optional-dependencies"])
    wanted = {Requirement(line).name for line in (*others, *project["optional-dependencies"]["fiji"])}
    assert {"pyimagej", "scyjava", "appose"} <= wanted  # what config/fiji.py of Fiji imports
    assert "://" not in text
