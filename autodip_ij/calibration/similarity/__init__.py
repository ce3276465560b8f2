"""How alike two noisy images are: the measures of the paper's Table I, and descriptors that need no shipped image."""
