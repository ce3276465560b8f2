"""The parameters of a fit, declared once, and the words for its classical estimates.

`Parameters` is the only declaration of a fit parameter. Columns of packs (`autodip_ij.calibration.pack.rows`), axes of
the search (`autodip_ij.evaluation.search.grid`), sidecar and inspection (`autodip_ij.denoising.report`), network and
cost (`operations`), overrides (`autodip_ij.settings`) and the words for all of them derive from its
fields.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import replace
from math import ceil
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass
from pydantic.fields import FieldInfo

from autodip_ij._support.fields import explain, fields_of
from autodip_ij.classical.estimates import (
    alternating_texts,
    estimate_seconds,
    estimates_in_words,
    guides_in_words,
    parse_estimates,
)
from autodip_ij.dip.architecture import Architecture, levels_of, width_of
from autodip_ij.errors import BadInput

Width = int | str
"""Feature maps per level: a number, ``asc_to512`` (doubling down to 512 at the deepest level), or ``16-32-64-128``."""


_PARTS_OF_A_FIT = 5


def _known_classical(text: str) -> str:
    parse_estimates(text)
    return text


def _known_guides(text: str) -> str:
    alternating_texts(text)
    return text


@dataclass(frozen=True, config=ConfigDict(populate_by_name=True, extra="forbid"))
class Parameters:
    """How to fit: what a group of a calibration stands for; the fields describe and check themselves.

    In a field, the title is a short label, shown where the name would not be read as words, and the alias is the name
    under which the parameter is stored in packs, sidecars and results, where that differs.

    Raises
    ------
    pydantic.ValidationError
        For an unknown parameter or a value out of bounds; `Parameters.parse` explains it.

    Examples
    --------
    >>> Parameters(5, 16, 4, 500, n_fits=2).changed()
    {'depth': 5, 'width': 16, 'skip': 4, 'iterations': 500, 'seeds': 2}
    """

    depth: Annotated[int, Field(ge=1, le=10, description="Levels of the hourglass network")]
    width: Annotated[
        Width,
        BeforeValidator(width_of),
        Field(
            description="Feature maps per level (1 to 1024), asc_to512 (doubling down to 512 at the deepest level), or "
            "those of each level, as in 16-32-64-128"
        ),
    ]
    skip: Annotated[int, Field(ge=0, le=64, description="Channels of each skip connection; 0 for none")]
    iterations: Annotated[
        int, Field(ge=1, description="Optimisation steps of each fit; the most where discrepancy may end it earlier")
    ]
    averaging: Annotated[
        float, Field(ge=0, lt=1, description="Weight of the exponential average of the outputs; 0 is off")
    ] = 0.0
    input_noise: Annotated[
        float,
        Field(ge=0, description="Standard deviation of the noise added to the network input; 0 is off"),
    ] = 0.0
    loss: Annotated[
        str,
        Field(
            description="mse, noise-aware (variance-stabilised where the noise estimated from the plane is shot noise, "
            "else mse), or another loss with its options, as in perceptual mse=1 ssim=0.2"
        ),
    ] = "mse"
    activation: Annotated[str, Field(description="Activation function of the network")] = "leaky_relu"
    binning: Annotated[
        int, Field(ge=1, description="Side of the squares of pixels averaged before the fit; 1 is off")
    ] = 1
    n_fits: Annotated[
        int, Field(ge=1, alias="seeds", title="number of fits", description="Number of independent fits averaged")
    ] = 1
    classical: Annotated[
        str,
        AfterValidator(_known_classical),
        Field(
            description="Classical estimates whose mean is blended into the result, as in vst-nlm + gaussian sigma_px=1"
        ),
    ] = ""
    classical_weight: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Share of the classical estimate in the result; 0 is off, 1 is the estimate alone, for which "
            "no network is fitted",
        ),
    ] = 0.0
    guides: Annotated[
        str,
        AfterValidator(_known_guides),
        Field(
            description="Classical estimates that replace the first channels of the network input; the fits of an "
            "ensemble alternate between those separated by a vertical bar; empty for a random input"
        ),
    ] = ""
    discrepancy: Annotated[
        float,
        Field(
            ge=0,
            le=2,
            description="A fit ends where the variance of its residual falls below this fraction of the noise "
            "variance; 0 is off",
        ),
    ] = 0.0
    down: Annotated[Literal["stride", "max", "average"], Field(description="Downsampling")] = "stride"
    up: Annotated[Literal["bilinear", "nearest", "transposed"], Field(description="Upsampling")] = "bilinear"
    input_channels: Annotated[int, Field(ge=1, le=1024, description="Channels of the network input")] = 32
    negative_slope: Annotated[
        float,
        Field(ge=0, le=1, title="slope of LeakyReLU", description="Slope of LeakyReLU below zero"),
    ] = 0.2

    @property
    def fitted(self) -> bool:
        """Whether a network is fitted: not where the classical estimate is the whole result."""
        return self.classical_weight < 1

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Parameters:
        """Return parameters from plain or stored names; the message of an error names parameter and remedy.

        Raises
        ------
        autodip_ij.errors.BadInput
            For an unknown or missing parameter, or a value out of bounds.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            raise BadInput(explain(cls, error, "parameter")) from None

    @classmethod
    def among(cls, record: Mapping[str, Any]) -> Parameters:
        """Return the parameters that a stored record holds among other entries, as `parse` does.

        Examples
        --------
        >>> Parameters.among({"image": "a", "depth": 5, "width": "16", "skip": 4, "iterations": 500, "seeds": 2}).n_fits
        2
        """
        known = {name for pair in STORED.items() for name in pair}
        return cls.parse({name: value for name, value in record.items() if name in known})

    def record(self) -> dict[str, Any]:
        """Return all values by the names under which they are stored."""
        return {stored: getattr(self, name) for name, stored in STORED.items()}

    def changed(self) -> dict[str, Any]:
        """Return the values that are not the defaults, by the names under which they are stored."""
        return {name: value for name, value in self.record().items() if value != DEFAULTS.get(name)}

    def shared_with(self, options: type[Any]) -> dict[str, Any]:
        """Return the values of the parameters that another dataclass has by the same name."""
        names = {other.name for other in dataclasses.fields(options)}
        return {name: getattr(self, name) for name in STORED if name in names}

    def with_overrides(self, values: Mapping[str, Any]) -> Parameters:
        """Return these parameters with some replaced, checked as `parse` does."""
        return type(self).parse({**{name: getattr(self, name) for name in STORED}, **by_plain_name(values)})

    def with_iterations(self, iterations: int) -> Parameters:
        """Return these parameters with another number of iterations; fewer ones shorten the average.

        The first outputs of a fit are grey all over. An average over more than a fifth of the iterations would still
        hold over 1 % of them, and brighten a dark background.

        Examples
        --------
        >>> Parameters(5, 16, 4, 500, averaging=0.99).with_iterations(100).averaging
        0.95
        """
        longest = max(0.0, round(1 - _PARTS_OF_A_FIT / iterations, 4))
        averaging = min(self.averaging, longest) if iterations < self.iterations else self.averaging
        return replace(self, iterations=iterations, averaging=averaging)


def declared() -> dict[str, FieldInfo]:
    """Return the fields of `Parameters` by name: annotation, bounds, description, title, alias and default."""
    return fields_of(Parameters)


def label_of(name: str) -> str:
    """Return the short label of a parameter.

    Examples
    --------
    >>> label_of("n_fits"), label_of("input_noise")
    ('number of fits', 'input noise')
    """
    return declared()[name].title or name.replace("_", " ")


def by_plain_name(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by the names in `Parameters`, whether they come by these or by stored names.

    Examples
    --------
    >>> by_plain_name({"seeds": 2, "depth": 5})
    {'n_fits': 2, 'depth': 5}
    """
    plain = {stored: name for name, stored in STORED.items()}
    return {plain.get(name, name): value for name, value in values.items()}


STORED = {name: info.alias or name for name, info in declared().items()}
"""Name of every parameter in packs, sidecars and results, by its name in `Parameters`."""
DEFAULTS = {STORED[name]: info.default for name, info in declared().items() if not info.is_required()}
"""Default of every parameter that has one, by stored name."""


def check_blend(parameters: Parameters) -> None:
    """Refuse a share of a classical estimate without the estimate.

    Raises
    ------
    autodip_ij.errors.BadInput
        With what to give.
    """
    if parameters.classical_weight and not parameters.classical:
        raise BadInput("classical_weight needs a method to blend with; give one, as in classical='gaussian sigma_px=1'")


def blend_of(parameters: Parameters) -> str:
    """Return the methods that are blended into the result; empty for none."""
    return parameters.classical if parameters.classical_weight else ""


def blend_in_words(parameters: Parameters) -> str:
    """Return what the fit starts from and what is blended into it, in words; empty for nothing, and without a fit.

    Examples
    --------
    >>> blend_in_words(Parameters(5, 32, 4, 300, classical="gaussian sigma_px=1", classical_weight=0.4))
    'blended with 40 % of a Gaussian filter, sigma 1 px'
    >>> blend_in_words(Parameters(5, 32, 4, 300, guides="nlm + median"))
    'guided by non-local means and a median filter'
    """
    if not parameters.fitted:
        return ""
    said = []
    if parameters.guides:
        said.append(f"guided by {guides_in_words(parameters.guides)}")
    if blend_of(parameters):
        said.append(f"blended with {100 * parameters.classical_weight:.3g} % of {classical_in_words(parameters)}")
    return "; ".join(said)


def classical_in_words(parameters: Parameters) -> str:
    """Return the classical estimate in words: one method, or the mean of several."""
    mean = "the mean of " if len(parse_estimates(parameters.classical)) > 1 else ""
    return f"{mean}{estimates_in_words(parameters.classical)}"


def fit_in_words(parameters: Parameters) -> str:
    """Return network and iterations in words.

    Examples
    --------
    >>> fit_in_words(Parameters(5, 32, 4, 300, discrepancy=0.95))
    'depth 5, width 32, skip 4, at most 300 iterations'
    >>> fit_in_words(Parameters(5, 32, 4, 300, classical="nlm", classical_weight=1))
    'no network'
    """
    if not parameters.fitted:
        return "no network"
    most = "at most " if parameters.discrepancy else ""
    network = f"depth {parameters.depth}, width {parameters.width}, skip {parameters.skip}"
    return f"{network}, {most}{parameters.iterations} iterations"


def classical_seconds(parameters: Parameters, pixels: int) -> float:
    """Return roughly how long the classical estimates of a plane of `pixels` take on this machine, s."""
    guides = parameters.guides if parameters.fitted else ""
    return estimate_seconds((guides, blend_of(parameters)), pixels)


ORIGINAL_DIP = Parameters(depth=5, width=128, skip=4, iterations=1800)
"""The baseline of the paper: the network of the deep-image-prior authors."""


def architecture_of(parameters: Parameters) -> Architecture:
    """Return the network that `parameters` stand for."""
    shared = parameters.shared_with(Architecture)
    return Architecture(**{**shared, "width": levels_of(parameters.width) or parameters.width})


def binned_shape(shape: tuple[int, int], binning: int) -> tuple[int, int]:
    """Return the (Y, X) of a plane averaged over squares of `binning` px; an incomplete square counts."""
    return ceil(shape[0] / binning), ceil(shape[1] / binning)


def operations(parameters: Parameters, shape: tuple[int, int]) -> float:
    """Return the floating-point operations of the fits of a plane of `shape` (Y, X) with `parameters`, in one tile.

    Examples
    --------
    >>> round(operations(ORIGINAL_DIP, (512, 512)) / 1e12)
    827
    """
    if not parameters.fitted:
        return 0.0
    from autodip_ij.dip.cost import operations_per_iteration

    side = binned_shape(shape, parameters.binning)
    return operations_per_iteration(architecture_of(parameters), side) * parameters.iterations * parameters.n_fits
