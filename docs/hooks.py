"""Makes the site of a checkout: the README is its first page, and linked pages outside `docs` belong to it.

Links are written for a reader of the repository, from folder to folder. Here they become links within the site, where
`docs` is the top; links to folders and sources become plain text.
"""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import dirname, normpath, relpath
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/**/*.md", "calibration/**/*.md", "autodip_ij/**/*.md")
PICTURES = ("benchmarks/**/*.png",)
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Any, config: Any, **_: Any) -> Any:
    """Add the README as first page, the other pages of the checkout, and the notebooks as pages."""
    files.append(File.generated(config, "index.md", abs_src_path=str(ROOT / "README.md")))
    for pattern in (*PAGES, *PICTURES):
        for path in sorted(ROOT.glob(pattern)):
            uri = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, uri, abs_src_path=str(path)))
    for path in sorted((ROOT / "docs" / "tutorials").glob("*.py")):
        files.append(File.generated(config, f"tutorials/{path.stem}.md", content=notebook(path)))
    return files


def on_page_markdown(markdown: str, page: Any, files: Any, **_: Any) -> str:
    """Turn the links of a page into links within the site."""
    source = page.file.src_uri
    home = "README.md" if source == "index.md" else source if (ROOT / source).exists() else f"docs/{source}"
    parts = re.split(r"(^ *```.*?^ *```)", markdown, flags=re.DOTALL | re.MULTILINE)  # code stays as it is
    return "".join(
        part if n % 2 else LINK.sub(lambda m: link(m, home, source, files), part) for n, part in enumerate(parts)
    )


def link(match: re.Match[str], home: str, source: str, files: Any) -> str:
    """Return a link of the page `home` of the checkout as one of the page `source` of the site."""
    sign, text, target, anchor = match[1], match[2], match[3], match[4] or ""
    uri = normpath(f"{dirname(home)}/{target}").lstrip("/")
    uri = "index.md" if uri == "README.md" else uri.removeprefix("docs/")
    if uri.startswith("tutorials/"):
        uri = re.sub(r"\.py$", ".md", uri)
    if files.get_file_from_path(uri) is None:
        return text if (ROOT / uri).exists() or (ROOT / "docs" / uri).exists() else match[0]
    return f"{sign}[{text}]({relpath(uri, dirname(source) or '.')}{anchor})"


def notebook(path: Path) -> str:
    """Return a notebook in the percent format as Markdown: its texts, and its code in blocks."""
    cells = re.split(r"^# %%(.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    page = []
    for head, body in zip(cells[::2], cells[1::2], strict=True):
        if "[markdown]" in head:
            page.append(re.sub(r"^# ?", "", body, flags=re.MULTILINE).strip())
        elif body.strip():
            page.append(f"```python\n{body.strip()}\n```")
    return "\n\n".join(page) + "\n"
