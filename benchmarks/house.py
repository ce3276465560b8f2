"""How the code base is built, in numbers: modules, circles, files that one image enters, words of documentation.

    python benchmarks/house.py
    python benchmarks/house.py --installed     # also installs the core into a fresh environment, some minutes

Prints a Markdown table about the checkout that holds this script.

Imports are read from the source, also those inside functions; those under ``if TYPE_CHECKING`` and names in strings
(`import_module`) do not count. A name
that a package's lazy table (``_HOME``, or a ``.pyi`` stub for lazy_loader) finds elsewhere counts as an import of
that module. A room is a package, or a loose module, at the top of `autodip_ij`.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import networkx as nx

CHECKOUT = Path(__file__).resolve().parents[1]
NAME = "autodip_ij"
PACKAGE = CHECKOUT / NAME
FACE = {"__init__", "__main__", "_version", "settings", "errors", "progress", "doctor"}
GENERATED = {"settings.md", "sidecar.md", "api.md"}

# Runs in an interpreter of its own, with the package not yet imported; prints JSON.
WALK = """
import json, sys, tempfile, threading
from pathlib import Path
import numpy as np, tifffile
package = sys.argv[1] + "/"
functions, bodies, importing = set(), set(), threading.local()
def profile(frame, event, _):
    code = frame.f_code
    if event not in ("call", "return"):
        return
    depth = getattr(importing, "depth", 0)
    if code.co_name == "<module>":
        importing.depth = depth + (1 if event == "call" else -1)
    if event == "call" and code.co_filename.startswith(package):
        place = (code.co_filename[len(package):], code.co_qualname, code.co_firstlineno)
        # What a module calls while it is imported (decorators, tables) is no step of the image.
        (bodies if code.co_name == "<module>" or depth else functions).add(place)
threading.setprofile(profile)
sys.setprofile(profile)
with tempfile.TemporaryDirectory() as folder:
    source = Path(folder) / "cells.tif"
    pixels = np.random.default_rng(0).poisson(40, (64, 64)).astype(np.uint16)
    tifffile.imwrite(source, pixels)
    import autodip_ij
    result = autodip_ij.denoise(source, iterations=3, device="cpu")
    result.save(Path(folder) / "cells_autodip.ome.tif")
sys.setprofile(None)
files = sorted({place[0] for place in functions})
print(json.dumps({"files": files, "functions": len(functions), "with_bodies": len({p[0] for p in functions | bodies})}))
"""


@cache
def modules() -> dict[str, Path]:
    """Return the file of every module by its dotted name; a package is its ``__init__``."""
    found = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = list(file.relative_to(CHECKOUT).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


@cache
def lazy_names(package: str) -> dict[str, str]:
    """Return where a package's ``__init__`` finds names lazily: ``_HOME``, or the imports of its stub."""
    file = modules().get(package)
    if file is None or file.name != "__init__.py":
        return {}
    stub = file.with_suffix(".pyi")
    if stub.exists():
        tree = ast.parse(stub.read_text())
        origins = [(origin(node, package, True), node) for node in tree.body if isinstance(node, ast.ImportFrom)]
        return {alias.asname or alias.name: home(base, alias.name) for base, node in origins for alias in node.names}
    for node in ast.parse(file.read_text()).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "_HOME" for target in targets):
            try:
                table = ast.literal_eval(node.value)  # type: ignore[attr-defined]
            except ValueError:
                return {}
            homes = {name: place if isinstance(place, str) else place[0] for name, place in table.items()}
            return {
                name: place if place.startswith(NAME) else f"{package}.{place.lstrip('.')}"
                for name, place in homes.items()
            }
    return {}


def home(base: str, name: str) -> str:
    """Return the module that ``from base import name`` imports, as far as lazy tables tell."""
    inner = f"{base}.{name}"
    return inner if inner in modules() else lazy_names(base).get(name, base)


def origin(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    """Return the absolute name of what ``from ... import`` imports from."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    base = parts[: len(parts) - node.level + is_package]
    return ".".join([*base, *([node.module] if node.module else [])])


def statements(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield every import statement that runs, wherever it stands."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from statements(ast.Module([other], []))
        elif isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        else:
            yield from statements(child)


def imported(module: str, file: Path) -> set[str]:
    """Return the modules of the package that `module` imports."""
    found: set[str] = set()
    for node in statements(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
            continue
        base = origin(node, module, file.name == "__init__.py")
        for alias in node.names:
            found.add(home(base, alias.name))
    return {name for name in found if name in modules()} - {module}


def graph_of_modules() -> nx.DiGraph:
    graph = nx.DiGraph()
    for module, file in modules().items():
        graph.add_node(module)
        graph.add_edges_from((module, other) for other in imported(module, file))
    return graph


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def circles(graph: nx.DiGraph) -> list[list[str]]:
    """Return the groups of nodes that import one another, directly or by others."""
    return sorted(sorted(group) for group in nx.strongly_connected_components(graph) if len(group) > 1)


def structure() -> tuple[list[tuple[str, Any]], dict[str, Any]]:
    """Return the rows of the table that the source alone gives, and the names behind them."""
    graph = graph_of_modules()
    rooms = nx.DiGraph((room(a), room(b)) for a, b in graph.edges if room(a) != room(b))
    lines = [len(file.read_text().splitlines()) for file in modules().values()]
    packages = [folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").exists()]
    loose = sorted(file.stem for file in PACKAGE.glob("*.py") if file.stem not in FACE)
    rows = [
        ("modules", len(lines)),
        ("lines, median of the modules", f"{statistics.median(lines):g}"),
        ("lines in all", sum(lines)),
        ("packages at the top", len(packages)),
        ("loose modules at the top beyond the public face", len(loose)),
        ("modules with a single importer", sum(degree == 1 for _, degree in graph.in_degree())),
        ("import arrows between rooms", rooms.number_of_edges()),
        ("circles between modules", len(circles(graph))),
        ("circles between rooms", len(circles(rooms))),
        ("rooms in those circles", sum(map(len, circles(rooms)))),
    ]
    names = {"loose": loose, "circles of modules": circles(graph), "circles of rooms": circles(rooms)}
    return rows, names


def walk() -> dict[str, Any]:
    """Return what one image enters on its way from `autodip_ij.denoise` to `Result.save`."""
    line = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(CHECKOUT)!r})\n{WALK}", str(PACKAGE)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return dict(json.loads(done.stdout))


def words() -> int:
    """Count the words of the site: README and the pages of ``docs`` that are written by hand."""
    pages = [page for page in (CHECKOUT / "docs").rglob("*.md") if page.name not in GENERATED]
    return sum(len(re.findall(r"\S+", page.read_text())) for page in [CHECKOUT / "README.md", *pages])


def installed_megabytes() -> tuple[int, int]:
    """Install the checkout without extras into a fresh environment; return MB of its packages, and without nvidia's."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = next(path for path in Path(folder).glob("[bS]*/python*") if path.stem == "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-cache-dir", CHECKOUT], check=True)
        packages = next(Path(folder).rglob("site-packages"))
        sizes = {file: file.stat().st_blocks * 512 for file in packages.rglob("*") if file.is_file()}
        of_cuda = {"nvidia", "triton", "cuda"}
        rest = sum(size for file, size in sizes.items() if file.relative_to(packages).parts[0] not in of_cuda)
        return round(sum(sizes.values()) / 2**20), round(rest / 2**20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--installed", action="store_true", help="install the core into a fresh environment, measure it"
    )
    parser.add_argument("--names", action="store_true", help="also list the loose modules, circles and files entered")
    options = parser.parse_args()
    rows, names = structure()
    way = walk()
    rows += [
        ("files in which one image enters a function", len(way["files"])),
        ("functions that one image enters", way["functions"]),
        ("the files with those only imported", way["with_bodies"]),
        ("words of README and docs, without generated pages", words()),
    ]
    if options.installed:
        size, without_cuda = installed_megabytes()
        rows += [("installed size of the core / MB", size), ("without the packages of CUDA / MB", without_cuda)]
    print("| measure | value |\n| --- | --- |")
    print("\n".join(f"| {measure} | {value} |" for measure, value in rows))
    if options.names:
        print("\n" + json.dumps({**names, "files": way["files"]}, indent=1))


if __name__ == "__main__":
    main()
