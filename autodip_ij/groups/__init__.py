"""Metadata to group: microscope and specimen, with the evidence."""
