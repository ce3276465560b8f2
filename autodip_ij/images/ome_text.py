"""Turn OME records into text and back, as `ome_types` does, without building its tables anew for every record.

`ome_types.from_xml` and `OME.to_xml` describe the whole schema to their parser at every call, which takes ten times as
long as a record of one image does. Here each thread keeps the description.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ome_types import OME

_kept = threading.local()


def ome_of(source: str | bytes, transformations: Sequence[Callable[[Any], Any]] = ()) -> OME:
    """Return the record in an XML text, which is not validated; errors and warnings are those of `ome_types.from_xml`.

    Parameters
    ----------
    source
        The text.
    transformations
        Called with the parsed tree, before the record is made of it; each returns the tree.
    """
    from ome_types import from_xml

    return from_xml(source, validate=False, parser_kwargs={"context": _description()}, transformations=transformations)


def text_of(ome: OME) -> str:
    """Return a record as XML, the text of ``ome.to_xml()``."""
    from xsdata_pydantic_basemodel.bindings import SerializerConfig, XmlSerializer

    schema = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
    config = SerializerConfig(
        indent="  ",
        xml_declaration=False,
        ignore_unset_attributes=True,
        schema_location=f"{schema} {schema}/ome.xsd",
    )
    # Lists that were appended to count as set, which pydantic does not notice.
    ome._update_set_fields()
    return XmlSerializer(config=config, context=_description()).render(ome, ns_map={None: schema})


def _description() -> Any:
    """Return what this thread knows of the schema."""
    if not hasattr(_kept, "context"):
        from xsdata_pydantic_basemodel.bindings import XmlContext

        _kept.context = XmlContext()
    return _kept.context
