"""Measures of image quality, each on plain arrays."""
