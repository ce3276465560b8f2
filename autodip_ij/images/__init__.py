"""Images: reading, writing, the image type, selection, tiles, grey-value windows.

Names are loaded when first used, so that importing this package costs neither dask nor a reader.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
