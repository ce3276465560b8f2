"""Helpers shared by all packages: arrays, files, text, specifications, pictures, versions."""
