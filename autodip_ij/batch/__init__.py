"""Batch processing: find files, skip those already done, denoise the rest, and record their status in a table.

>>> from autodip_ij.batch import run_batch
>>> run_batch("raw", "denoised").summary  # doctest: +SKIP
'12 files: 12 done; denoised/status.csv'
"""

from autodip_ij.batch.arrivals import Watch
from autodip_ij.batch.inputs import Entry, Inputs, find_inputs
from autodip_ij.batch.result import BatchResult
from autodip_ij.batch.run import run_batch
from autodip_ij.batch.status import Row
from autodip_ij.batch.targets import Job, plan_jobs

__all__ = ["BatchResult", "Entry", "Inputs", "Job", "Row", "Watch", "find_inputs", "plan_jobs", "run_batch"]
