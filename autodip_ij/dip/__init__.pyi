from .architecture import ASCENDING as ASCENDING
from .architecture import Architecture as Architecture
from .cost import Estimate as Estimate
from .cost import estimate_cost as estimate_cost
from .devices import resolve_device as resolve_device
from .fitting import fit as fit
from .fitting import fit_superresolution as fit_superresolution
from .options import FitOptions as FitOptions
from .options import FitResult as FitResult
from .options import Step as Step
from .parallel import fit_each as fit_each
from .parallel import fit_many as fit_many
from .parallel import lanes_for as lanes_for

__all__ = [
    "ASCENDING",
    "Architecture",
    "Estimate",
    "FitOptions",
    "FitResult",
    "Step",
    "estimate_cost",
    "fit",
    "fit_each",
    "fit_many",
    "fit_superresolution",
    "lanes_for",
    "resolve_device",
]
