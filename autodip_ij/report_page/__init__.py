"""A result beside its input as one HTML file that explains how it came about: pictures, plots, checks, parameters."""
