"""Classical estimates in a fit: what it starts from, what is blended into its result, and how that is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodip_ij.classical.estimates import (
    estimate_seconds,
    estimates_in_words,
    guides_in_words,
    parse_estimates,
    texts_in_turn,
)
from autodip_ij.errors import BadInput

if TYPE_CHECKING:
    from autodip_ij.calibration.parameters import Parameters


def check_blend(parameters: Parameters) -> None:
    """Refuse a share without a method, and methods that do not exist.

    Raises
    ------
    autodip_ij.errors.BadInput
        With what to give.
    """
    if not 0 <= parameters.classical_weight <= 1:
        raise BadInput(f"classical_weight {parameters.classical_weight:g} is not possible; give 0 (off) to 1")
    texts_in_turn(parameters.guides)
    if parameters.classical:
        parse_estimates(parameters.classical)
    elif parameters.classical_weight:
        raise BadInput("classical_weight needs a method to blend with; give one, as in classical='gaussian sigma_px=1'")


def blend_of(parameters: Parameters) -> str:
    """Return the methods that are blended into the result; empty for none."""
    return parameters.classical if parameters.classical_weight else ""


def blend_in_words(parameters: Parameters) -> str:
    """Return what the fit starts from and what is blended into it, in words; empty for nothing.

    Examples
    --------
    >>> from autodip_ij.calibration.parameters import Parameters
    >>> blend_in_words(Parameters(5, 32, 4, 300, classical="gaussian sigma_px=1", classical_weight=0.4))
    'blended with 40 % of a Gaussian filter, sigma 1 px'
    >>> blend_in_words(Parameters(5, 32, 4, 300, guides="nlm + median"))
    'guided by non-local means and a median filter'
    """
    said = []
    if parameters.guides:
        said.append(f"guided by {guides_in_words(parameters.guides)}")
    if blend_of(parameters):
        named = estimates_in_words(parameters.classical)
        mean = "the mean of " if len(parse_estimates(parameters.classical)) > 1 else ""
        said.append(f"blended with {100 * parameters.classical_weight:.3g} % of {mean}{named}")
    return "; ".join(said)


def classical_seconds(parameters: Parameters, pixels: int) -> float:
    """Return about how long the classical estimates of a plane of so many pixels take on this machine."""
    return estimate_seconds((parameters.guides, blend_of(parameters)), pixels)
