"""Making a calibration: grid search over networks and stops, criteria, selection of images, the pack."""
