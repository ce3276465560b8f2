"""Reproduce the tables of the AUTO-DIP paper and its calibration images."""
