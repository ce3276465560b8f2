"""Tables of parameters, similarity measures, the choice of parameters, new tables.

Using a calibration: `load_calibration`, `list_calibrations`, `choose`, `cheaper`.
Making one: `autodip_ij.evaluation.search`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
