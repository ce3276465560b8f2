from .arrivals import Watch as Watch
from .inputs import Entry as Entry
from .inputs import Inputs as Inputs
from .inputs import find_inputs as find_inputs
from .result import BatchResult as BatchResult
from .run import run_batch as run_batch
from .status import Row as Row
from .targets import Job as Job
from .targets import plan_jobs as plan_jobs

__all__ = ["BatchResult", "Entry", "Inputs", "Job", "Row", "Watch", "find_inputs", "plan_jobs", "run_batch"]
