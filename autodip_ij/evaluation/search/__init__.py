"""The search for parameters over calibration images: what is fitted, measured, chosen and written."""
