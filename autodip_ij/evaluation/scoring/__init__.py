"""Methods compared on noisy and clean pairs: what is run, measured and summed up."""
