"""Batch processing: find files, skip those already done, denoise the rest, and record their status in a table.

Names are loaded when first used, so that a worker process starts without them.

>>> from autodip_ij.batch import run_batch
>>> run_batch("raw", "denoised").summary  # doctest: +SKIP
'12 files: 12 done; denoised/status.csv'
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
