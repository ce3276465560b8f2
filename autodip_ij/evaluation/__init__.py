"""Evaluation against clean images: data sets, scores, figures, the paper's tables, and the search of a calibration."""
