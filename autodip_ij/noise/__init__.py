"""One plane: its noise, the kind of it, what spoils its estimate, and what a residual looks like against it."""
