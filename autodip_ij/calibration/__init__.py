"""Tables of parameters, similarity measures, the choice of parameters, new tables."""
