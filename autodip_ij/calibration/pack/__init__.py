"""A calibration on disk: its files, tables and descriptors, read and written."""
