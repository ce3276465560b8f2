"""Parameters, calibration, choice: what a group stands for and why it was taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autodip_ij.groups.model import group_name

if TYPE_CHECKING:
    from autodip_ij.calibration.pack.files import Descriptor

Width = int | str
"""Feature maps a level: a number, ``asc_to512`` (doubling down to 512 at the deepest level), or ``16-32-64-128``."""


_PARTS_OF_A_FIT = 5


@dataclass(frozen=True)
class Parameters:
    """How to fit: what a group of a calibration stands for.

    Attributes
    ----------
    depth
        Levels of the hourglass.
    width
        Feature maps a level, ``asc_to512``, or those of each level, ``16-32-64-128``.
    skip
        Channels of each skip connection; 0 for none.
    iterations
        Optimisation steps; the most there are where `discrepancy` ends a fit.
    averaging
        Weight of the exponential average of outputs, 0 (off) to below 1.
    input_noise
        Standard deviation of the Gaussian noise added to the network input at every step; 0 is off.
    loss
        ``mse``; ``noise-aware``, which is ``mse`` or variance-stabilised by the noise of each plane; or another loss of
        `autodip_ij.dip` with its options, as in ``perceptual mse=1 ssim=0.2``.
    activation
        Activation function of the network (``leaky_relu`` in the paper).
    binning
        Side of the square of pixels averaged before the fit; 1 is off.
    seeds
        Independent fits averaged.
    classical
        Classical estimates whose mean is blended into the result: methods of `autodip_ij.classical` with their
        parameters, as in ``vst-nlm + gaussian sigma_px=1``; empty for none.
    classical_weight
        Share of that mean in the result, 0..1.
    guides
        Classical estimates, written alike, that take the place of the first channels of the network's input; empty for
        the paper's random input. With ``|`` between several, the fits of an ensemble take them in turn.
    discrepancy
        Part of the noise variance; a fit ends where the variance of what it leaves over falls below it (Morozov's
        discrepancy principle). 0: at its count of iterations, as published.
    down, up, input_channels, negative_slope
        Variants of the network, as in `autodip_ij.dip.architecture.Architecture`; by default the paper's.
    """

    depth: int
    width: Width
    skip: int
    iterations: int
    averaging: float = 0.0
    input_noise: float = 0.0
    loss: str = "mse"
    activation: str = "leaky_relu"
    binning: int = 1
    seeds: int = 1
    classical: str = ""
    classical_weight: float = 0.0
    guides: str = ""
    discrepancy: float = 0.0
    down: str = "stride"
    up: str = "bilinear"
    input_channels: int = 32
    negative_slope: float = 0.2

    def with_iterations(self, iterations: int) -> Parameters:
        """Return these parameters with another count; with a smaller one the average reaches back less far.

        The first outputs of a fit are gray all over. An average over more than a fifth of the iterations would still
        hold over 1 % of them, and brighten a dark background.

        Examples
        --------
        >>> Parameters(5, 16, 4, 500, averaging=0.99).with_iterations(100).averaging
        0.95
        """
        longest = max(0.0, round(1 - _PARTS_OF_A_FIT / iterations, 4))
        averaging = min(self.averaging, longest) if iterations < self.iterations else self.averaging
        return replace(self, iterations=iterations, averaging=averaging)


@dataclass(frozen=True)
class CalibrationImage:
    """One image that a calibration was made from, with the parameters that were best for it alone.

    Attributes
    ----------
    name
        Name within the calibration.
    microscope, specimen
        Its group; None where the groups do not cover it.
    parameters
        Best parameters by effort; the effort is None where the calibration knows none.
    read
        Reads the noisy image (Y, X), float32, in its own grey values; None where the image is not shipped.
    descriptor
        What is known of it without its pixels; None where it was not measured.
    noise
        ``white`` or ``correlated``; empty where it was not looked at.
    """

    name: str
    microscope: str | None
    specimen: str | None
    parameters: Mapping[str | None, Parameters]
    read: Callable[[], npt.NDArray[np.float32]] | None = None
    descriptor: Descriptor | None = None
    noise: str = ""

    @property
    def group(self) -> str:
        """Group name, ``confocal/actin``."""
        return group_name(self.microscope, self.specimen)


@dataclass(frozen=True)
class Calibration:
    """A table group -> parameters, and where it came from.

    Attributes
    ----------
    name
        ``paper``, ``autodip``, or the name of a user's pack.
    criterion
        What "best" meant when it was made, e.g. ``lpips_psnr``.
    source
        Where the figures come from, in words.
    table
        Parameters by group name and effort; the effort is None where the calibration knows none.
    images
        The images it was made from, for the strategies that look for the nearest; empty where they are unknown.
    noise_tables
        Tables from images of one kind of noise, ``white`` or ``correlated``; see `for_noise`.
    side_px
        Side of the images it was made from, which its iteration counts belong to; None where none was given.
    original_dip
        Best iteration count of the original network (depth 5, width 128, skip 4) by group, where it was measured.
    """

    name: str
    criterion: str
    source: str
    table: Mapping[tuple[str, str | None], Parameters]
    images: tuple[CalibrationImage, ...] = ()
    noise_tables: Mapping[str, Mapping[tuple[str, str | None], Parameters]] = field(default_factory=dict)
    side_px: int | None = None
    original_dip: Mapping[str, int] = field(default_factory=dict)

    @property
    def knows_effort(self) -> bool:
        """Whether the table differs by effort."""
        return any(effort is not None for _, effort in self.table)

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups it has parameters for, in the order of the table."""
        return tuple(dict.fromkeys(group for group, _ in self.table))

    def for_noise(self, kind: str | None) -> Calibration:
        """Return the calibration as its images of one kind of noise alone give it; itself if it has none of them.

        What suits a fit depends on whether neighbouring pixels share noise more than on the specimen: a group may hold
        both, of cameras of different make.
        """
        if kind is None or kind not in self.noise_tables:
            return self
        images = tuple(image for image in self.images if image.noise == kind)
        return replace(self, table=self.noise_tables[kind], images=images, noise_tables={})

    def parameters(self, group: str, effort: str | None = None) -> Parameters | None:
        """Return the parameters of a group, or None if it has none; `effort` counts only where it is known."""
        return self.table.get((group, (effort or "standard") if self.knows_effort else None))


@dataclass(frozen=True)
class Choice:
    """Parameters chosen for one channel.

    Attributes
    ----------
    parameters
        What the fit will use.
    calibration
        Name of the calibration.
    group
        Group whose entry was used, or the group of the nearest calibration image.
    strategy
        A name of `autodip_ij.calibration.strategies.STRATEGIES`, or ``user``.
    reason
        One sentence for the report.
    details
        Strategy's own facts (distances, nearest images), JSON-like.
    """

    parameters: Parameters
    calibration: str
    group: str
    strategy: str
    reason: str
    details: Mapping[str, Any] = field(default_factory=dict)
