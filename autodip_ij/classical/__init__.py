"""What the deep image prior is compared with: classic denoisers behind one call.

>>> import numpy as np
>>> from autodip_ij import classical
>>> ", ".join(classical.method_names())
'gaussian, median, nlm, vst-nlm, vst-wavelet, vst-nl-ridge, vst-bm3d, bm3d, tv, sparse-hessian, original-dip'
>>> classical.run_method("gaussian", np.eye(8, dtype=np.float32), sigma_px=2).shape
(8, 8)
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
