from .choice import choose as choose
from .explanation import cheaper as cheaper
from .model import Calibration as Calibration
from .model import CalibrationImage as CalibrationImage
from .model import Choice as Choice
from .pack.load import list_calibrations as list_calibrations
from .pack.load import load_calibration as load_calibration
from .parameters import Parameters as Parameters

__all__ = [
    "Calibration",
    "CalibrationImage",
    "Choice",
    "Parameters",
    "cheaper",
    "choose",
    "list_calibrations",
    "load_calibration",
]
