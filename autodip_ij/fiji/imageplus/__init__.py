"""Conversion of ImageJ's images to arrays and back, with their appearance and source."""
