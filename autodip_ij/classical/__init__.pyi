from .method import method_names as method_names
from .method import parameters_of as parameters_of
from .method import run_method as run_method
from .method import step_count as step_count

__all__ = ["method_names", "parameters_of", "run_method", "step_count"]
