"""Texts for the windows of Fiji: what a file says is shown as text, and nothing in it acts."""

from __future__ import annotations

import re
import textwrap
import unicodedata

LINE_LETTERS = 48
"""Letters that fit into about 400 pixels of the Log."""
_CHANNEL = re.compile(r"\b([Cc]hannel) (\d+)(?![\d/]| of )")


def plain_text(text: str) -> str:
    r"""Return a text on one line, without control characters, marks that turn its direction, and halves of letters.

    A text that Java's windows would take for HTML gets a blank before it.

    Examples
    --------
    >>> plain_text("a\x1b[31mb\tc\u202ed\n")
    'a[31mb cd'
    >>> plain_text("<html>big")
    ' <html>big'
    """
    kept = "".join(" " if letter in "\t\n\r\x0b\x0c\u2028\u2029\x85" else letter for letter in text)
    kept = "".join(letter for letter in kept if unicodedata.category(letter) not in ("Cc", "Cf", "Cs")).rstrip()
    return f" {kept}" if kept[:5].lower() == "<html" else kept


def log_lines(text: str) -> list[str]:
    """Return a text as lines that fit into the Log as it opens; those that go on are indented.

    Examples
    --------
    >>> log_lines("about 4 min 9 s and 0.5 GB of memory on cpu, which is longer than a line")
    ['about 4 min 9 s and 0.5 GB of memory on cpu,', '    which is longer than a line']
    """
    return textwrap.wrap(
        plain_text(text), LINE_LETTERS, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )


def counted_from_one(text: str) -> str:
    """Return a line of a run with its channels counted as ImageJ counts them.

    Examples
    --------
    >>> counted_from_one("channel 0 (DAPI): group all"), counted_from_one("channel 1/2, channel 1 of 2")
    ('channel 1 (DAPI): group all', 'channel 1/2, channel 1 of 2')
    """
    return _CHANNEL.sub(lambda found: f"{found[1]} {int(found[2]) + 1}", text)
