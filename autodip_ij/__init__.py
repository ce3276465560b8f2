"""AUTO-DIP for Fiji, the command line and Python: deep-image-prior denoising with parameters transferred by group.

>>> import autodip_ij
>>> result = autodip_ij.denoise("cells.czi", seed=1)  # doctest: +SKIP
>>> result.save("cells_autodip.ome.tif")  # doctest: +SKIP

Names are loaded when first used, so that importing the package costs neither torch nor a reader.
"""

import os

import lazy_loader

# Threads of PyTorch that wait for work sleep instead of spinning. Spinning ones keep the processor from those that
# have work: beside another program, fits took several times as long. OpenMP reads it when PyTorch is loaded, and
# worker processes inherit it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
