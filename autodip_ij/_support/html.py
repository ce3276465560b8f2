"""Pages of HTML in one file each: a template, its script and the style that all pages share; nothing from outside."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template


def render(template: Path, **values: Any) -> str:
    """Return a page; whatever stands in `values` is escaped.

    Parameters
    ----------
    template
        ``NAME.html.jinja``, with the script ``NAME.js`` beside it. It is also given `style`, `script`, and the hash of
        the script in base64, by which a content security policy allows this script alone.
    values
        What it shows.
    """
    page, style, script = _parts(template)
    script_hash = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return page.render(style=style, script=script, script_hash=script_hash, **values)


@cache
def _parts(template: Path) -> tuple[Template, str, str]:
    from jinja2 import Environment

    paths = template, Path(__file__).with_name("page.css"), Path(str(template).replace(".html.jinja", ".js"))
    source, style, script = (path.read_text(encoding="utf-8") for path in paths)
    return Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(source), style, script
