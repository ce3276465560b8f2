"""One plane as it was recorded: which of its values are no measurement, and offsets that whole rows share."""
