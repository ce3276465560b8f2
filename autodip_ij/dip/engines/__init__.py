"""Engines: implementations of one fit that agree within a stated tolerance, in plain PyTorch, for CPUs, for CUDA."""
