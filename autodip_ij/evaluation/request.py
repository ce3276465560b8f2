"""What a user asks of an evaluation, in four parts."""

from __future__ import annotations

from dataclasses import dataclass, field

from autodip_ij.evaluation.datasets.selection import Pick
from autodip_ij.evaluation.scoring.comparison import Options


@dataclass(frozen=True)
class Selection:
    """Which images are used.

    Attributes
    ----------
    layout
        Layout of the data folder; auto recognises it.
    levels
        Noise levels, e.g. raw avg2; all by default.
    groups
        Groups, e.g. widefield/actin; all by default.
    fields
        Fields of view; all by default.
    split
        test, train, calibration or validation, where the data set has such a division.
    per_group
        At most so many images of each microscope, subject and level.
    crop
        Side of the central square that is used, in pixels; whole images if left out.
    """

    layout: str = "auto"
    levels: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    split: str = ""
    per_group: int | None = None
    crop: int | None = None

    @property
    def pick(self) -> Pick:
        """The conditions on pairs."""
        return Pick(self.levels, self.groups, self.fields, self.split, per_group=self.per_group)


@dataclass(frozen=True)
class Scoring:
    """How results are compared with clean images.

    Attributes
    ----------
    register
        Register clean to noisy images; as the data set needs it if left out.
    match_intensity
        Fit gain and offset between clean and noisy images; as the data set needs it if left out.
    lpips
        Compute LPIPS; if its weights are at hand, if left out.
    weights
        Folder of LPIPS backbone weights for machines without a network.
    """

    register: bool | None = None
    match_intensity: bool | None = None
    lpips: bool | None = None
    weights: str = ""

    @property
    def perceptual(self) -> bool:
        """Whether LPIPS is computed."""
        if self.lpips is not None:
            return self.lpips
        from autodip_ij.metrics import lpips_available

        return lpips_available(weights=self.weights or None)


@dataclass(frozen=True)
class Running:
    """Where and how the work is done.

    Attributes
    ----------
    device
        auto, cuda, mps or cpu.
    workers
        Local worker processes; 0 computes in this process.
    scheduler
        Address of an existing Dask scheduler, or a scheduler file, instead of local processes.
    threads
        Threads of the numeric libraries in each local worker.
    """

    device: str = "auto"
    workers: int = 1
    scheduler: str | None = None
    threads: int = 1


@dataclass(frozen=True)
class Request:
    """All of it.

    Attributes
    ----------
    selection, scoring, running
        The parts.
    against
        Method that the others are tested against; the first if left out.
    panels
        Number of image panels that are drawn, one a group of images.
    """

    selection: Selection = field(default_factory=Selection)
    scoring: Scoring = field(default_factory=Scoring)
    running: Running = field(default_factory=Running)
    against: str = ""
    panels: int = 0

    def options(self, images: str = "") -> Options:
        """Return how every pair is treated; `images` is where results are kept."""
        return Options(
            crop=self.selection.crop,
            register=self.scoring.register,
            match_intensity=self.scoring.match_intensity,
            perceptual=self.scoring.perceptual,
            weights=self.scoring.weights,
            device=self.running.device,
            images=images,
        )
