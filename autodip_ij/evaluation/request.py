"""The options of an evaluation: which images, how they are scored, where the work is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from autodip_ij.evaluation.datasets.selection import Selection
from autodip_ij.evaluation.scoring.matching import Options

__all__ = ["Request", "Running", "Scoring", "Selection"]


@dataclass(frozen=True)
class Scoring:
    """How results are compared with clean images.

    Attributes
    ----------
    register
        Register clean to noisy images; as the data set needs it if omitted.
    match_intensity
        Fit gain and offset between clean and noisy images; as the data set needs it if omitted.
    lpips
        Compute LPIPS; if omitted, only where its weights are available.
    lpips_weights
        Folder of LPIPS backbone weights for machines without a network.
    """

    register: bool | None = None
    match_intensity: bool | None = None
    lpips: bool | None = None
    lpips_weights: str = ""

    @property
    def perceptual(self) -> bool:
        """Whether LPIPS is computed."""
        if self.lpips is not None:
            return self.lpips
        from autodip_ij.metrics import lpips_available

        return lpips_available(weights=self.lpips_weights or None)


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

    @property
    def for_jobs(self) -> dict[str, Any]:
        """The arguments of `autodip_ij.batch.jobs.run_jobs` that say where jobs run."""
        return {"workers": self.workers, "scheduler": self.scheduler, "threads": self.threads}


@dataclass(frozen=True)
class Request:
    """All options of an evaluation.

    Attributes
    ----------
    selection, scoring, running
        The parts.
    against
        Method against which the others are tested; the first if omitted.
    panels
        Number of image panels to draw, one per group of images.
    """

    selection: Selection = field(default_factory=Selection)
    scoring: Scoring = field(default_factory=Scoring)
    running: Running = field(default_factory=Running)
    against: str = ""
    panels: int = 0

    def options(self, images: str = "") -> Options:
        """Return how every pair is treated; `images` is the folder for result images, none are stored if empty."""
        return Options(
            crop=self.selection.crop,
            register=self.scoring.register,
            match_intensity=self.scoring.match_intensity,
            perceptual=self.scoring.perceptual,
            weights=self.scoring.lpips_weights,
            device=self.running.device,
            images=images,
        )
