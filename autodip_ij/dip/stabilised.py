"""Which loss suits the noise of a plane: variance-stabilised where shot noise shows, plain where it does not."""

from __future__ import annotations

from dataclasses import replace

from autodip_ij.dip.options import FitOptions
from autodip_ij.errors import BadInput

SHOT_NOISE_SHARE = 0.2
"""From this part of the noise variance of a white pixel on, shot noise makes the stabilised loss worth while."""


def with_noise_aware_loss(options: FitOptions, slope: float, offset: float) -> FitOptions:
    """Return `options` with the loss that suits noise of variance ``slope * u + offset``.

    Parameters
    ----------
    options
        How to fit.
    slope, offset
        Noise variance of the very plane that is fitted, in its [0, 1] scale u (and after its binning). For detector
        values ``y = span * u + low`` with variance ``a y + b`` they are ``a / span`` and ``(a low + b) / span**2``;
        those of another scale give a wrong loss without any sign of it.

    Returns
    -------
    FitOptions
        With the loss ``gat`` (the residual after the generalised Anscombe transform), or ``mse`` where the variance of
        a pixel of value 1 is additive noise by more than 80 % (widefield cameras).

    Raises
    ------
    autodip_ij.errors.BadInput
        If the slope is negative.
    """
    if slope < 0:
        raise BadInput(f"the slope {slope:g} of the noise variance is negative; noise cannot fall with the signal")
    if slope == 0 or slope < SHOT_NOISE_SHARE * (slope + offset):
        return replace(options, loss="mse", loss_options={})
    return replace(options, loss="gat", loss_options={"slope": slope, "offset": offset})
