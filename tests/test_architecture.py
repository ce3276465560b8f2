"""The rooms of the design: who may import what, and what importing costs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "autodip_ij"
JAVA = {"scyjava", "jpype", "imagej", "imglyb", "jgo"}
HEAVY = {"torch", "torchvision", "lpips", "dask", "bioio", "scipy", "skimage", "pandas", "matplotlib", "umap", *JAVA}


def modules() -> list[Path]:
    found = sorted(PACKAGE.rglob("*.py"))
    assert len(found) > 40, "the walk must see the package"
    return found


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted names that a module imports anywhere, but not those for type checking only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.unparse(branch.test)
        for node in ast.walk(branch)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


FLOORS = (
    ("errors", "progress", "_version"),
    ("_support",),
    ("images", "metrics"),
    ("groups", "noise", "dip"),
    ("classical",),
    ("calibration",),
    ("settings",),
    ("denoising", "doctor"),
    ("report_page",),
    ("batch",),
    ("evaluation",),
    ("fiji",),
    ("cli",),
    ("__main__", "__init__"),
)
"""The rooms from the ground up: a room may import those on the floors below it, none beside it and none above."""

UNKNOWN_TO = {
    "images": {"metrics"},
    "noise": {"images", "metrics"},
    "dip": {"images"},
    "classical": {"images", "groups", "metrics"},
    "groups": {"metrics"},
}
"""Rooms below that a room does not know all the same."""


def room(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else path.stem


def rooms() -> list[str]:
    found = sorted({room(path) for path in modules()})
    assert set(found) == {name for floor in FLOORS for name in floor}, "every room has its floor"
    return found


def roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(path)}


def test_torch_is_known_to_the_numerical_rooms_only() -> None:
    knowing = {str(path.relative_to(PACKAGE)) for path in modules() if roots(path) & {"torch", "torchvision", "lpips"}}
    allowed = ("dip/", "metrics/", "classical/", "calibration/descriptors.py", "doctor.py")
    assert [name for name in sorted(knowing) if not name.startswith(allowed)] == []


def test_java_is_known_to_the_fiji_room_only() -> None:
    assert [str(path) for path in modules() if roots(path) & JAVA and room(path) != "fiji"] == []


@pytest.mark.parametrize("name", rooms())
def test_every_import_of_a_room_leads_to_a_floor_below(name: str) -> None:
    """Imports inside functions count too: what is loaded late still has to be known."""
    number = next(index for index, floor in enumerate(FLOORS) if name in floor)
    below = {known for floor in FLOORS[:number] for known in floor} - UNKNOWN_TO.get(name, set())
    strangers = {
        f"{path.relative_to(PACKAGE)}: {imported}"
        for path in modules()
        if room(path) == name
        for imported in imports(path)
        if imported.startswith("autodip_ij.") and imported.split(".")[1] not in {name, *below}
    }
    assert strangers == set()


def test_no_module_imports_itself_by_way_of_others() -> None:
    arrows = {module_name(path): targets(path) for path in modules()}
    assert sorted(circles(arrows)) == []


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def targets(path: Path) -> set[str]:
    """Return the modules that a module imports, also by way of the lazy face of a package."""
    known = {module_name(other) for other in modules()}
    own = module_name(path)
    found = {faces().get(name, name) for name in imports(path)}
    found = {name for name in found if name in known and name != own}
    return {name for name in found if not any(other.startswith(f"{name}.") for other in found)}


@cache
def faces() -> dict[str, str]:
    """Return the module behind every name that the stub of a package exports."""
    behind = {}
    for stub in PACKAGE.rglob("__init__.pyi"):
        package = ".".join(stub.parent.relative_to(PACKAGE.parent).parts)
        for module, name in re.findall(
            r"^from \.([\w.]+) import (\w+)", stub.read_text(encoding="utf-8"), re.MULTILINE
        ):
            behind[f"{package}.{name}"] = f"{package}.{module}"
    assert behind, "the packages have faces"
    return behind


def circles(arrows: dict[str, set[str]]) -> list[tuple[str, ...]]:
    """Return the sets of modules that reach one another."""
    reached = {start: reach(start, arrows) for start in arrows}
    return list(
        {
            tuple(sorted(name for name in reached[start] if start in reached[name]))
            for start in arrows
            if start in reached[start]
        }
    )


def reach(start: str, arrows: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for name in arrows.get(waiting.pop(), set()) - found:
            found.add(name)
            waiting.append(name)
    return found


def test_groups_know_no_pixels() -> None:
    strangers = {str(path) for path in modules() if room(path) == "groups" and roots(path) & {"numpy", "dask"}}
    assert strangers == set()


@pytest.mark.parametrize("statement", ["import autodip_ij", "import autodip_ij.cli.app", "import autodip_ij.settings"])
def test_importing_loads_nothing_heavy(statement: str) -> None:
    """What makes `autodip --help` fast: a measured time would depend on the machine, the modules loaded do not."""
    code = f"import sys; {statement}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert loaded & HEAVY == set()


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, contextlib, io\n"
        "from autodip_ij.cli.app import run\n"
        "with contextlib.redirect_stdout(io.StringIO()): run(['--help'])\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert loaded & (HEAVY | {"numpy"}) == set()


def test_the_library_does_not_print() -> None:
    """Only commands write to the terminal: in Fiji's Python mode a stray print raises."""
    printing = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in modules()
        if room(path) != "cli"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printing == []


def test_every_module_says_what_it_is() -> None:
    silent = [path.name for path in modules() if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    assert silent == []
