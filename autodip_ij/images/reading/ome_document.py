"""The text of an OME document as a tree of elements; what stands in it is not looked at."""

from __future__ import annotations

import re
from html.entities import name2codepoint
from typing import Any

from lxml import etree

NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_FORBIDDEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|&#(0*([0-8]|1[124-9]|2\d|3[01])|[xX]0*([0-8bBcCeEfF]|1[\da-fA-F]));"
)
_NAMED_CHARACTER = re.compile(r"&(\w+);")
_HTML = name2codepoint.keys() - {"amp", "lt", "gt", "quot"}


def document_of(xml: str) -> bytes:
    """Return an OME document as well-formed XML, in the newest namespace if it has none."""
    root = root_of(xml)
    if root is None:
        raise ValueError("not an OME document")
    for element in root.iter(etree.Element):
        if not etree.QName(element).namespace:
            element.tag = f"{{{NAMESPACE}}}{element.tag}"
    etree.cleanup_namespaces(root)
    return etree.tostring(root)


def root_of(xml: str) -> Any:
    r"""Return the root of an OME document; None for any other text.

    Control characters are dropped, named HTML characters are resolved, entities are not followed.

    Examples
    --------
    >>> root_of("<OME><Image Name='5 &micro;m &#7;\x07wide'/></OME>")[0].get("Name")
    '5 µm wide'
    """
    text = _DECLARATION.sub("", xml)
    text = _FORBIDDEN.sub("", text)
    text = _NAMED_CHARACTER.sub(
        lambda match: chr(name2codepoint.get(match[1], 0)) if match[1] in _HTML else match[0], text
    )
    parser = etree.XMLParser(recover=True, huge_tree=True, resolve_entities=False, no_network=True)
    root = etree.fromstring(text.encode("utf-8", "ignore"), parser)
    return root if root is not None and etree.QName(root).localname == "OME" else None
