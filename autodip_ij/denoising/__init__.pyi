from .api import denoise as denoise
from .api import denoise_file as denoise_file
from .api import denoise_image as denoise_image
from .inspection import inspect as inspect
from .result import FileResult as FileResult
from .result import Result as Result

__all__ = ["FileResult", "Result", "denoise", "denoise_file", "denoise_image", "inspect"]
