"""Run methods on pairs of noisy and clean images, measure the results, and summarise the scores."""
