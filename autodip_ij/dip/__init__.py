"""The deep image prior: network, fit, engines. Knows arrays, not files, groups or Fiji.

PyTorch is loaded when `fit` (or another name that needs it) is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
