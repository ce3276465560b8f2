from .registry import method_names as method_names
from .registry import parameters_of as parameters_of
from .registry import run_method as run_method
from .registry import step_count as step_count

__all__ = ["method_names", "parameters_of", "run_method", "step_count"]
