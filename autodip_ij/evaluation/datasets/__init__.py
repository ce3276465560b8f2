"""Read data sets of noisy and clean images, public ones and the user's own, as named pairs.

>>> from autodip_ij.evaluation.datasets import open_dataset
>>> dataset = open_dataset("data/fmd")  # doctest: +SKIP
>>> noisy = dataset.pairs[0].noisy.read()  # doctest: +SKIP
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
