"""Every package that the code imports, late imports included, is declared in pyproject.toml, each extra on its own."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from autodip_ij import errors

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BASE = "autodip_ij"

DISTRIBUTIONS = {
    "PIL": "pillow",
    "imagej": "pyimagej",
    "jpype": "jpype1",
    "pylibCZIrw": "pylibczirw",
    "pywt": "pywavelets",
    "skimage": "scikit-image",
    "umap": "umap-learn",
    "ruamel": "ruamel-yaml",
    "xsdata_pydantic_basemodel": "ome-types",
    "xdist": "pytest-xdist",
}
"""Import names that are not the names of their packages."""

EXTRAS = {
    "autodip_ij/evaluation": ("evaluation",),
    "autodip_ij/evaluation/datasets/files.py": ("evaluation", "readers"),  # names the extra where mrcfile is missing
    "autodip_ij/evaluation/datasets/synthetic.py": (),  # the demo's sample
    "autodip_ij/evaluation/search/job.py": ("evaluation", "batch"),  # asks on which worker of a cluster it runs
    "autodip_ij/batch": ("batch",),
    "autodip_ij/calibration/pack/write.py": ("evaluation",),  # packs are written by searches
    "autodip_ij/calibration/embedding.py": ("evaluation",),  # the strategy umap
    "autodip_ij/classical/block_matching.py": ("bm3d",),
    "autodip_ij/fiji": ("fiji",),
    "autodip_ij/images/reading": ("readers",),
    "benchmarks": ("test",),
    "tests": ("test",),
}
"""Which extras a room or module may import from, beside the core; the longest entry that fits counts."""

FOUND_THERE = {"triton": "autodip_ij/dip"}
"""Packages that are used where they are found, as PyTorch for CUDA brings them, and never required."""

USED_WITHOUT_IMPORT = {
    "bioio-czi": "a reader that bioio finds",
    "pyarrow": "pandas writes Parquet with it",
    "pyimagej": "Fiji's own Python mode needs it",
}


def declared(extra: str = "", *, direct: bool = False) -> set[str]:
    """Return the packages of an extra, or without one those of the core, as canonical names."""
    lines = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    found: set[str] = set()
    for requirement in map(Requirement, lines):
        if canonicalize_name(requirement.name) != canonicalize_name(PROJECT["name"]):
            found.add(canonicalize_name(requirement.name))
        elif not direct:
            found |= {name for part in requirement.extras for name in declared(part)}
    return found


def imported(path: Path) -> set[str]:
    """Return the packages that a module imports anywhere, as canonical names; those for type checking are left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.unparse(branch.test)
        for node in ast.walk(branch)
    }
    names: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "import_module":
            names |= {arg.value.split(".")[0] for arg in node.args[:1] if isinstance(arg, ast.Constant)}
    return {canonical(name) for name in names - set(sys.stdlib_module_names) - {BASE}}


def canonical(name: str) -> str:
    return canonicalize_name(DISTRIBUTIONS.get(name, name))


def modules(folder: str) -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), path


def allowed(name: str) -> set[str]:
    """Return the packages that a module may import."""
    place = max((place for place in EXTRAS if name.startswith(place)), key=len, default="")
    packages = declared().union(*(declared(extra) for extra in EXTRAS.get(place, ())))
    return packages | {package for package, place in FOUND_THERE.items() if name.startswith(place)}


def test_every_import_of_the_package_is_of_the_core_or_of_the_extras_of_its_room():
    missing = {name: imported(path) - allowed(name) for name, path in modules("autodip_ij")}
    assert {name: packages for name, packages in missing.items() if packages} == {}


@pytest.mark.parametrize("folder", ["tests", "benchmarks"])
def test_every_import_of_the_tests_and_benchmarks_is_declared(folder):
    paths = [path for folder in ("tests", "benchmarks") for _, path in modules(folder)]
    own = {canonicalize_name(name) for path in paths for name in (path.stem, path.parent.name)}
    own |= {"triton", "aicspylibczi", "networkx"}  # used where they are found
    missing = {name: imported(path) - allowed(name) - own for name, path in modules(folder)}
    assert {name: packages for name, packages in missing.items() if packages} == {}


@pytest.mark.parametrize("extra", ["", *errors.EXTRAS])
def test_nothing_is_declared_that_nothing_uses(extra):
    used = set().union(*(imported(path) for _, path in modules("autodip_ij")))
    assert declared(extra, direct=True) - used - set(USED_WITHOUT_IMPORT) == set()


@pytest.mark.parametrize("extra", errors.EXTRAS)
def test_messages_name_the_extra_that_installs_a_package(extra):
    assert {canonical(package) for package in errors.EXTRAS[extra]} == declared(extra, direct=True)
    assert declared(extra, direct=True) & declared() == set()


def test_the_walk_sees_late_imports_and_not_those_for_type_checking(tmp_path):
    module = tmp_path / "late.py"
    module.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import pandas\n"
        "def f():\n    import tomli_w\n    from skimage.io import imread\n    import os, json\n"
    )
    assert imported(module) == {"tomli-w", "scikit-image"}


def brought_along(names: set[str]) -> set[str]:
    """Return packages and those that they require in this installation, as canonical names."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        found.add(name)
        with suppress(metadata.PackageNotFoundError):
            for requirement in map(Requirement, metadata.requires(name) or ()):
                if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                    waiting.append(requirement.name)
    return found


CORE_ONLY = """
import sys
for package in {absent}:
    sys.modules[package] = None  # as if it were not installed
from autodip_ij.cli.app import run
sys.exit(run(sys.argv[1:]))
"""


def core_only(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run ``autodip`` as in an installation without any extra."""
    core = brought_along(declared())
    absent = sorted(name for packages in errors.EXTRAS.values() for name in packages if canonical(name) not in core)
    code = CORE_ONLY.format(absent=absent)
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_the_core_denoises_a_file_and_a_folder(tmp_path):
    import numpy as np
    import tifffile

    raw = tmp_path / "raw"
    raw.mkdir()
    tifffile.imwrite(raw / "a.tif", np.random.default_rng(0).poisson(20, (32, 32)).astype(np.uint16))
    quick = ("--iterations", 2, "--depth", 1, "--width", 4, "--group", "all", "--device", "cpu")
    found = core_only("denoise", raw / "a.tif", tmp_path / "a.ome.tif", *quick)
    assert found.returncode == 0, found.stderr
    found = core_only("batch", raw, tmp_path / "zarr", "--format", ".ome.zarr", "--workers", 0, *quick)
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize(
    ("extra", "arguments"),
    [
        ("evaluation", ("evaluate", "{data}", "--method", "noisy", "--out", "{out}")),
        ("batch", ("batch", "{data}", "{out}", "--scheduler", "tcp://127.0.0.1:1")),
    ],
)
def test_a_missing_extra_is_named_in_one_line_before_the_run_starts(tmp_path, extra, arguments):
    import numpy as np
    import tifffile

    data = tmp_path / "data"
    for folder in (data / "noisy", data / "clean"):
        folder.mkdir(parents=True)
        tifffile.imwrite(folder / "a.tif", np.random.default_rng(0).poisson(20, (32, 32)).astype(np.uint16))
    (data / "pairs.csv").write_text("noisy,clean\nnoisy/a.tif,clean/a.tif\n")
    places = {"data": data, "out": tmp_path / "out"}
    found = core_only(*(argument.format(**places) for argument in arguments))
    assert found.returncode == 3, found.stderr
    assert f"pip install 'autodip_ij[{extra}]'" in found.stderr
    assert len(found.stderr.splitlines()) == 1
