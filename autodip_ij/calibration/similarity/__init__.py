"""Measure the similarity of noisy images, by the measures of the paper's Table I or by stored descriptors."""
