"""The engine for NVIDIA GPUs: one recorded graph of a step, replayed."""
