"""The run: what is planned, fitted, put together, checked, recorded and handed back."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
