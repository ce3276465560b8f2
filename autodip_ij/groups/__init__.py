"""Metadata to groups: which microscope took an image, which specimen a channel shows, how sure that is, and why.

Names are loaded when first used, so that importing this package reads no vocabulary.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
