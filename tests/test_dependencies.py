"""Every package that the code imports, late imports included, is declared in pyproject.toml, each extra on its own."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BASE = "autodip_ij"

DISTRIBUTIONS = {
    "PIL": "pillow",
    "distributed": "dask",  # the extra dask[distributed]
    "imagej": "pyimagej",
    "jpype": "jpype1",
    "pylibCZIrw": "pylibczirw",
    "pywt": "pywavelets",
    "skimage": "scikit-image",
    "umap": "umap-learn",
    "yaml": "pyyaml",
}
"""Import names that are not the names of their packages."""

EXTRAS = {
    "autodip_ij/fiji": "fiji",
    "autodip_ij/images/reading": "readers",
    "autodip_ij/evaluation/datasets/files.py": "readers",  # names the extra where mrcfile is missing
    "autodip_ij/classical/block_matching.py": "bm3d",
    "tests": "test",
    "tests/fiji": "fiji",
}
"""Where the packages of which extra may be imported, beside the base ones."""

FOUND_THERE = {"triton": "autodip_ij/dip"}
"""Packages that are used where they are found, as PyTorch for CUDA brings them, and never required."""

USED_WITHOUT_IMPORT = {
    "bioio-czi": "a reader that bioio finds",
    "pyarrow": "pandas writes Parquet with it",
    "pywavelets": "scikit-image denoises by wavelets with it",
    "pyimagej": "Fiji's own Python mode needs it",
    "xarray": "arrays with names of axes are taken; bioio needs it",
}


def declared(extra: str = "") -> set[str]:
    """Return the packages of an extra, or without one those of the base, as canonical names."""
    lines = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    found: set[str] = set()
    for requirement in map(Requirement, lines):
        if canonicalize_name(requirement.name) == canonicalize_name(PROJECT["name"]):
            found |= {name for part in requirement.extras for name in declared(part)}
        else:
            found.add(canonicalize_name(requirement.name))
    return found


def imported(path: Path) -> set[str]:
    """Return the packages that a module imports anywhere, as canonical names of distributions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "import_module":
            names |= {arg.value.split(".")[0] for arg in node.args[:1] if isinstance(arg, ast.Constant)}
    return {canonicalize_name(DISTRIBUTIONS.get(name, name)) for name in names - set(sys.stdlib_module_names) - {BASE}}


def modules(folder: str) -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), path


def allowed(name: str) -> set[str]:
    """Return the packages that a module may import."""
    packages = declared()
    for place, extra in EXTRAS.items():
        if name.startswith(place):
            packages |= declared(extra)
    return packages | {package for package, place in FOUND_THERE.items() if name.startswith(place)}


def test_every_import_of_the_package_is_declared():
    missing = {name: imported(path) - allowed(name) for name, path in modules("autodip_ij")}
    assert {name: packages for name, packages in missing.items() if packages} == {}


def test_every_import_of_the_tests_is_declared():
    own = {canonicalize_name(path.stem) for folder in ("tests", "benchmarks") for _, path in modules(folder)}
    own |= {"triton", "aicspylibczi"}  # used where they are found
    missing = {name: imported(path) - allowed(name) - own for name, path in modules("tests")}
    assert {name: packages for name, packages in missing.items() if packages} == {}


@pytest.mark.parametrize("extra", ["", "readers", "fiji", "bm3d"])
def test_nothing_is_declared_that_nothing_uses(extra):
    used = set().union(*(imported(path) for _, path in modules("autodip_ij")))
    assert declared(extra) - used - set(USED_WITHOUT_IMPORT) == set()


def test_the_walk_sees_late_imports(tmp_path):
    module = tmp_path / "late.py"
    module.write_text("def f():\n    import tomli_w\n    from skimage.io import imread\n    import os, json\n")
    assert imported(module) == {"tomli-w", "scikit-image"}
