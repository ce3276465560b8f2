"""Readers: one module per format, named as the format.

Every module has one function::

    def read_scenes(path: Path) -> list[Image]

It reads headers and metadata only, closes the file, and returns every scene with lazy pixels. It may raise whatever its
library raises: `autodip_ij.images.reading.open` turns that into one line. Modules import their library at
their top and are themselves imported when a file of theirs is opened.
"""
