"""The rooms of the design: who may import what, and what importing costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
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


def room(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else path.stem


def roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(path)}


def test_torch_is_known_to_the_numerical_rooms_only() -> None:
    knowing = {str(path.relative_to(PACKAGE)) for path in modules() if roots(path) & {"torch", "torchvision", "lpips"}}
    allowed = ("dip/", "metrics/", "baselines/", "calibration/similarity", "diagnosis.py")
    assert [name for name in sorted(knowing) if not name.startswith(allowed)] == []


def test_java_is_known_to_the_fiji_room_only() -> None:
    assert [str(path) for path in modules() if roots(path) & JAVA and room(path) != "fiji"] == []


@pytest.mark.parametrize(
    ("name", "may_know"),
    [
        ("dip", {"dip", "errors", "progress", "metrics"}),
        ("metrics", {"metrics", "errors"}),
        ("groups", {"groups", "errors", "images.metadata", "resources"}),
        ("baselines", {"baselines", "dip", "errors", "fields", "progress", "metrics"}),
        ("images", {"images", "errors", "resources", "_version"}),
        ("noise", {"noise", "baselines", "errors"}),
    ],
)
def test_a_room_knows_only_what_the_design_allows(name: str, may_know: set[str]) -> None:
    strangers = {
        f"{path.relative_to(PACKAGE)}: {imported}"
        for path in modules()
        if room(path) == name
        for imported in imports(path)
        if imported.startswith("autodip_ij.")
        and not any(
            imported == f"autodip_ij.{known}" or imported.startswith(f"autodip_ij.{known}.") for known in may_know
        )
    }
    assert strangers == set()


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
        if room(path) not in {"commands", "cli"}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printing == []


def test_every_module_says_what_it_is() -> None:
    silent = [path.name for path in modules() if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    assert silent == []
