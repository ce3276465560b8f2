"""Adds one pip requirement to a conda ``environment.yml`` and takes it away again; every other line stays as it is."""

from __future__ import annotations

import re
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
        If the text is no such file, or its lists are not written one item a line.

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
    dependencies = _block_list(_entry(_root(text, requirement), "dependencies"), requirement)
    pip = next((value for item in dependencies.value if (value := _entry(item, "pip")) is not None), None)
    if pip is not None and pip.value:
        last = _block_list(pip, requirement).value[-1].start_mark.line
        added = [f"{_indent(lines[last])}- {requirement}"]
    else:
        last = _last_line(dependencies.value[-1])
        indent = _indent(lines[dependencies.value[0].start_mark.line])
        added = [f"{indent}- pip:"] if pip is None else []
        if not any(re.fullmatch(r"pip(\W.*)?", str(item.value)) for item in dependencies.value):
            added.insert(0, f"{indent}- pip")
        added.append(f"{indent}  - {requirement}")
    if not lines[last].endswith("\n"):
        lines[last] += newline
    lines[last + 1 : last + 1] = [line + newline for line in added]
    return "".join(lines), added


def remove_lines(text: str, added: list[str]) -> str:
    """Return the text without the lines that `add_requirement` added, as far as they are still there.

    A ``- pip:`` that it added stays if other requirements have come to stand below it.
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
    dependencies = _entry(_root(text, requirement), "dependencies")
    for item in getattr(dependencies, "value", None) or []:
        for entry in getattr(_entry(item, "pip"), "value", None) or []:
            if package_of(str(entry.value)) == package_of(requirement):
                return int(entry.start_mark.line)
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


def _root(text: str, requirement: str) -> Any:
    import yaml

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        where = " ".join(str(error).split())
        raise BadInput(
            f"environment.yml is not valid YAML ({where}); {BY_HAND.format(requirement=requirement)}"
        ) from None
    if _entry(root, "dependencies") is None:
        raise BadInput(f"environment.yml has no 'dependencies'; {BY_HAND.format(requirement=requirement)}")
    return root


def _entry(node: Any, key: str) -> Any:
    """Return the value node of `key`, if `node` is a mapping that has it."""
    if node is None or node.id != "mapping":
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _block_list(node: Any, requirement: str) -> Any:
    if node.id != "sequence" or node.flow_style or not node.value:
        raise BadInput(
            f"environment.yml, line {node.start_mark.line + 1}: not a list with one '- item' a line; "
            f"{BY_HAND.format(requirement=requirement)}"
        )
    return node


def _last_line(node: Any) -> int:
    """Return the last line of a node; the end that YAML reports lies behind blank lines and comments."""
    if node.id == "scalar" or not node.value:
        return int(node.start_mark.line)
    last = node.value[-1]
    return max(_last_line(part) for part in (last if isinstance(last, tuple) else (last,)))


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" "))]
