"""AUTO-DIP for Fiji, the command line and Python: deep-image-prior denoising with parameters transferred by group.

>>> import autodip_ij
>>> result = autodip_ij.denoise("cells.czi", seed=1)  # doctest: +SKIP
>>> result.save("cells_autodip.ome.tif")  # doctest: +SKIP

Names are loaded when first used, so that importing the package costs neither torch nor a reader.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
