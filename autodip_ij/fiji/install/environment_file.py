"""Add a pip requirement to a conda ``environment.yml`` and remove it again; all other lines stay unchanged.

ruamel.yaml locates the lists in the text. It does not write the file, because it would re-indent every list of the file
that Fiji ships.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from autodip_ij.errors import BadInput

BY_HAND = "add the line '- {requirement}' below '- pip:' by hand"


def add_requirement(text: str, requirement: str) -> tuple[str, list[str]]:
    r"""Return the text with `requirement` in the list below ``- pip:``, and the lines that were added.

    Parameters
    ----------
    text
        Content of an ``environment.yml``; its line ends, comments and order are kept.
    requirement
        As pip takes it. Nothing is added if a requirement of the same package is there already.

    Raises
    ------
    autodip_ij.errors.BadInput
        If the text is not such a file, or its lists are not written with one item per line.

    Examples
    --------
    >>> print(add_requirement("dependencies:\n  - pip\n  - pip:\n    - numpy # needed\n", "autodip_ij")[0], end="")
    dependencies:
      - pip
      - pip:
        - numpy # needed
        - autodip_ij
    """
    if package_line(text, requirement) is not None:
        return text, []
    lines = text.splitlines(keepends=True)
    newline = "\r\n" if any(line.endswith("\r\n") for line in lines) else "\n"
    dependencies = _block_list(_dependencies(text, requirement), requirement)
    pip = _pip(dependencies)
    if pip is not None and pip["pip"]:
        last = _last_row(_block_list(pip["pip"], requirement))
        added = [f"{_indent(lines[last])}- {requirement}"]
    else:
        last = _last_row(dependencies) if pip is None else int(pip.lc.key("pip")[0])
        indent = _indent(lines[last])
        added = [f"{indent}- pip:"] if pip is None else []
        if not any(re.fullmatch(r"pip(\W.*)?", str(item)) for item in dependencies):
            added.insert(0, f"{indent}- pip")
        added.append(f"{indent}  - {requirement}")
    if not lines[last].endswith("\n"):
        lines[last] += newline
    lines[last + 1 : last + 1] = [line + newline for line in added]
    return "".join(lines), added


def remove_lines(text: str, added: list[str]) -> str:
    """Return the text without those lines that `add_requirement` added and that still exist.

    A ``- pip:`` line that it added remains if other requirements have been listed below it since.
    """
    lines = text.splitlines(keepends=True)
    stripped = [line.strip() for line in lines]
    if not added or added[-1].strip() not in stripped:
        return text
    at = stripped.index(added[-1].strip())
    heads = [line.strip() for line in added[:-1]]
    others_follow = at + 1 < len(lines) and stripped[at + 1] and _indent(lines[at + 1]) == _indent(lines[at])
    first = at - len(heads) if not others_follow and stripped[at - len(heads) : at] == heads else at
    del lines[first : at + 1]
    return "".join(lines)


def package_line(text: str, requirement: str) -> int | None:
    """Return the number (from 0) of the line that requires the package of `requirement` by pip; None if none does."""
    pip = _pip(_dependencies(text, requirement))
    for index, entry in enumerate((pip["pip"] if pip is not None else None) or []):
        if package_of(str(entry)) == package_of(requirement):
            return int(pip["pip"].lc.item(index)[0])
    return None


def package_of(requirement: str) -> str:
    """Return the normalised name of the package a requirement asks for.

    Examples
    --------
    >>> package_of("autodip_ij[readers]>=1"), package_of("git+https://example.org/a/autodip-ij.git@v1")
    ('autodip-ij', 'autodip-ij')
    """
    address = re.match(r"(?:git\+)?\w+://\S*/([\w.-]+?)(?:\.git)?(?:@\S+)?$", requirement)
    name = address[1] if address else re.split(r"[\s\[<>=!~;@(]", requirement.strip(), maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def _dependencies(text: str, requirement: str) -> Any:
    """Return the list ``dependencies`` of the file, whose items know their lines."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        content: Any = YAML().load(text)
    except YAMLError as error:
        where = " ".join(str(error).split())
        raise BadInput(
            f"environment.yml is not valid YAML ({where}); {BY_HAND.format(requirement=requirement)}"
        ) from None
    dependencies = content.get("dependencies") if isinstance(content, Mapping) else None
    if not isinstance(dependencies, list):
        raise BadInput(f"environment.yml has no list 'dependencies'; {BY_HAND.format(requirement=requirement)}")
    return dependencies


def _pip(dependencies: Any) -> Any:
    """Return the item ``pip:`` of the dependencies; None if there is none."""
    return next((item for item in dependencies if isinstance(item, Mapping) and "pip" in item), None)


def _block_list(items: Any, requirement: str) -> Any:
    is_list = isinstance(items, list)
    if not is_list or not items or items.fa.flow_style():
        line = f", line {items.lc.line + 1}" if hasattr(items, "lc") else ""
        raise BadInput(
            f"environment.yml{line}: not a list with one '- item' per line; {BY_HAND.format(requirement=requirement)}"
        )
    return items


def _last_row(items: Any) -> int:
    """Return the line (from 0) of the last item."""
    return int(items.lc.item(len(items) - 1)[0])


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" "))]
