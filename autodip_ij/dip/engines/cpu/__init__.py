"""The engine for processors: compiled kernels around PyTorch's convolutions."""
