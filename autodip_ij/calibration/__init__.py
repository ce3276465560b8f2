"""Calibrations: tables of parameters, similarity measures, and the choice of parameters.

Using a calibration: `load_calibration`, `list_calibrations`, `choose`, `cheaper`.
Making one: `autodip_ij.evaluation.search`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
