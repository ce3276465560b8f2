"""Ways to run one fit, all with the same result within a stated tolerance: plain, on the processor, on CUDA."""
