"""Image quality: similarity of an image to its reference, and whiteness of a denoiser's residual.

Every measure has the signature ``f(reference, image, *, data_range=...)`` on two planes (Y, X) and returns a float,
except `fourier_ring_correlation` and `whiteness`, which return small records. Where the measure depends on the
grey-value scale, `data_range` has no default: a number (255 for the published FMD figures), or ``"reference"`` for
the span of the reference.

>>> import numpy as np
>>> from autodip_ij.metrics import psnr
>>> round(psnr(np.zeros((8, 8)), np.full((8, 8), 25.5), data_range=255), 6)
20.0
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
