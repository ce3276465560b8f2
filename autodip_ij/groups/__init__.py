"""Infer microscope and specimen of each channel from the metadata, with evidence and confidence.

Names are loaded when first used, so that importing this package reads no vocabulary.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
