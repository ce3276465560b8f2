"""Public data sets, the paper's tables, side-by-side comparisons."""
