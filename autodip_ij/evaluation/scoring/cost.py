"""Estimate the computing time of an evaluation before it begins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autodip_ij._support.text import duration
from autodip_ij.errors import AutodipError
from autodip_ij.evaluation.scoring.methods import DIP, FIT, NOISY, parse_method, split_fit

if TYPE_CHECKING:
    from autodip_ij.evaluation.datasets.model import Pair
    from autodip_ij.images.image import Image

Task = tuple["Pair", str]


@dataclass(frozen=True)
class Expected:
    """Expected computing time by method in seconds, one job after another, and the device."""

    seconds: dict[str, float]
    device: str

    def words(self, waiting: int, total: int, side_by_side: int) -> str:
        """Return a line for the user: the number of jobs and their approximate duration.

        Examples
        --------
        >>> Expected({"dip": 400.0, "gaussian": 1.0}, "cpu").words(8, 10, 2)
        '8 of 10 jobs to do, about 3 min 20 s on cpu, 2 in parallel (dip 6 min 40 s, gaussian 1 s of computing)'
        """
        parts = ", ".join(f"{method} {duration(seconds)}" for method, seconds in self.seconds.items() if seconds)
        about = duration(sum(self.seconds.values()) / max(1, side_by_side))
        beside = f", {side_by_side} in parallel" if side_by_side > 1 else ""
        return f"{waiting} of {total} jobs to do, about {about} on {self.device}{beside}" + (
            f" ({parts} of computing)" if parts else ""
        )


def expected(tasks: Sequence[Task], device: str, cut: Callable[[Any], Any]) -> Expected:
    """Estimate the time that methods take on pairs, from one image of each group.

    Parameters
    ----------
    tasks
        Pairs with the method to be run on each.
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    cut
        Crops an image (Y, X) to the part that is used.
    """
    from autodip_ij.dip import resolve_device

    where = resolve_device(device)
    kinds: dict[tuple[str, str, str, str], tuple[Pair, str]] = {}
    counts: Counter[tuple[str, str, str, str]] = Counter()
    for pair, method in tasks:
        kind = (method, pair.dataset, pair.group, pair.level)
        kinds.setdefault(kind, (pair, method))
        counts[kind] += 1
    seconds: dict[str, float] = dict.fromkeys(dict.fromkeys(method for _, method in tasks), 0.0)
    images: dict[str, Image | None] = {}
    for kind, (pair, method) in kinds.items():
        if pair.name not in images:
            images[pair.name] = _read(pair, cut)
        image = images[pair.name]
        if image is not None:
            seconds[method] += counts[kind] * _seconds(pair, method, image, where)
    return Expected(seconds, where)


def _read(pair: Pair, cut: Callable[[Any], Any]) -> Image | None:
    from autodip_ij.images.image import Image

    try:
        return Image.from_array(cut(pair.noisy.read()), "YX")
    except AutodipError:  # reported by the job
        return None


def _seconds(pair: Pair, text: str, image: Image, device: str) -> float:
    from autodip_ij.denoising.channels import representative
    from autodip_ij.denoising.plan import intended
    from autodip_ij.denoising.recipe import PlaneRecipe, estimate, estimate_method
    from autodip_ij.settings import DenoiseSettings

    method = parse_method(text)
    known = pair.decision()
    given = method.parameters_for(known.microscope, known.specimen)
    try:
        if method.name == NOISY:
            return 0.0
        if method.name == DIP:
            settings = DenoiseSettings.parse(**{"device": device.partition(":")[0], **given})
            recipe, choice = intended(known, settings, image.shape, device, lambda: representative(image, 0).pixels)
            return (estimate if choice else estimate_method)(recipe, image.shape)[0]
        if method.name == FIT:
            parameters, others = split_fit(given)
            return estimate(PlaneRecipe(parameters, device, **others), image.shape)[0]
        return estimate_method(PlaneRecipe(None, device, method=method.name, method_parameters=given), image.shape)[0]
    except AutodipError:  # reported by the job
        return 0.0
