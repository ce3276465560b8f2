"""Classical denoisers: comparison methods, and quick estimates for the deep image prior to start from or blend with.

>>> import numpy as np
>>> from autodip_ij import classical
>>> classical.method_names()[:4]
['gaussian', 'median', 'nlm', 'vst-nlm']
>>> classical.run_method("gaussian", np.eye(8, dtype=np.float32), sigma_px=2).shape
(8, 8)
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
