"""Metadata of formats without an OME record, as OME annotations: a written file still says where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ome_types.model import CommentAnnotation, Map, MapAnnotation

from autodip_ij.images.metadata import SourceMetadata

if TYPE_CHECKING:
    from ome_types.model.simple_types import AnnotationID

NATIVE_NAMESPACE = "autodip_ij/source"
"""Namespaces of the annotations are this and the format, e.g. ``autodip_ij/source/lif``."""

WITH_INFO = ("micromanager", "scanimage", "qptiff", "metamorph")
"""Kinds of TIFF whose settings are one text."""

_PLACEHOLDER: AnnotationID = "Annotation:0"


def native_annotations(metadata: SourceMetadata) -> list[Any]:
    """Return annotations with the metadata of the source: texts as they are, tables as maps of dotted names.

    Parameters
    ----------
    metadata
        Of a format whose reader gives no OME record (`SourceMetadata.native` says what each has).

    Returns
    -------
    list
        OME annotations; their ids are the caller's to give.
    """
    native, namespace = metadata.native, f"{NATIVE_NAMESPACE}/{metadata.format}"
    if metadata.format in ("lif", "czi"):
        return [CommentAnnotation(id=_PLACEHOLDER, namespace=namespace, value=str(native["xml"]))] if native else []
    if metadata.format in ("imagej-tiff", "imagej", *WITH_INFO):
        info = str(native.get("info") or "")
        return [CommentAnnotation(id=_PLACEHOLDER, namespace=namespace, value=info)] if info else []
    if metadata.format in ("oib", "dv"):
        pairs = _flat(native)
        return [
            MapAnnotation(
                id=_PLACEHOLDER,
                namespace=namespace,
                value=Map(ms=[Map.M(k=key, value=value) for key, value in pairs.items()]),
            )
        ]
    return []


def _flat(value: Any, prefix: str = "") -> dict[str, str]:
    """Return nested tables as one, names joined by dots."""
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list):
        items = {str(i): item for i, item in enumerate(value)}.items()
    else:
        return {prefix: str(value)}
    found: dict[str, str] = {}
    for key, item in items:
        found.update(_flat(item, f"{prefix}.{key}".lstrip(".")))
    return found
