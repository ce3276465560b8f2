from ._version import __version__ as __version__
from .denoising.api import denoise as denoise
from .denoising.api import denoise_file as denoise_file
from .denoising.api import denoise_image as denoise_image
from .denoising.inspection import inspect as inspect
from .denoising.result import Result as Result
from .images import Image as Image
from .images import read as read
from .images import write as write
from .settings import DenoiseSettings as DenoiseSettings

__all__ = [
    "DenoiseSettings",
    "Image",
    "Result",
    "__version__",
    "denoise",
    "denoise_file",
    "denoise_image",
    "inspect",
    "read",
    "write",
]
