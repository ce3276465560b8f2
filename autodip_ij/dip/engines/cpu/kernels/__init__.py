"""Vectorised passes over feature maps for the CPU engine, compiled by Numba for the host processor.

A map is a C-contiguous array (rows, columns, channels) of float32, or of uint16 holding bfloat16 bits. `pad` is the
width of the border an array carries (0 or 1), `at` the first channel used of it. Every kernel works on the image rows
`first` to `last` of the map, so that several threads can share it; none holds the interpreter lock. The tests for
negative arguments at the top of each let the compiler drop Python's negative indexing, which prevents vectorisation.

PyTorch would need a separate pass for each of statistics, normalisation, activation, padding, upsampling and
concatenation, forward and backward; these do as much as possible per pass. All arithmetic is float32.
"""

from autodip_ij.dip.engines.cpu.kernels.elements import (
    adam_update,
    add_affine,
    channel_sums,
    fold_scale,
    gradient_apply,
    gradient_sums,
    normalise_activate,
    unfold_scale,
)
from autodip_ij.dip.engines.cpu.kernels.spatial import (
    fold_border,
    head_apply,
    head_forward,
    head_sums,
    mirror_border,
    upsample_activate,
    upsample_gradient,
    write_noisy,
)

__all__ = [
    "adam_update",
    "add_affine",
    "channel_sums",
    "fold_border",
    "fold_scale",
    "gradient_apply",
    "gradient_sums",
    "head_apply",
    "head_forward",
    "head_sums",
    "mirror_border",
    "normalise_activate",
    "unfold_scale",
    "upsample_activate",
    "upsample_gradient",
    "write_noisy",
]
