"""The bridge to Fiji: images, progress, worker process, installation. Java lives here, and is started by others.

>>> import autodip_ij.fiji
>>> result = autodip_ij.fiji.denoise(imp, group="confocal/actin")  # doctest: +SKIP
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
