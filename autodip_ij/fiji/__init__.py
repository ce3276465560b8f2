"""The bridge to Fiji: images, progress, worker process, installation. Only this package uses Java.

>>> import autodip_ij.fiji
>>> result = autodip_ij.fiji.denoise(imp, group="confocal/actin")  # doctest: +SKIP
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
