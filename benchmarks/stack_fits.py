"""What neighbouring planes are worth to a fit, beyond the classical estimate that is made from them.

Each stack is planned and prepared as by ``denoise(..., neighbours="t", n_fits=1)``: the estimate from up to two planes
on each side is blended in and, where noise is white, guides the fit. Planes 3 to 6 of seven are fitted in these ways:

- present: as today, from random weights; white noise 100 iterations, shared noise until the residual is as weak as it.
- self: the same, ended where it is nearest to the next plane, moved onto this one, by 150 or 320 iterations.
- warm: from the network of the plane before, 30 iterations at a learning rate of 0.001 (``series=warm``).
- warm, long: from that network, with the learning rate and the end of the present fit.
- guided: shared noise too starts from the estimate with neighbours; averaging of guided fits.
- as they are: as guided, and the four neighbouring planes are further channels of the input.
- moved: as guided, and the four neighbouring planes, moved onto the plane, are.
- without it: as guided, and the mean of the estimates of these four alone, moved onto the plane, is.
- average: what is fitted is not the plane but its average with its neighbours.
- one network: one network for planes 2 to 6, all in each iteration, with a learned code of four channels a plane.

Stacks of 128 px: films of known truth (`films.py`), captures of a field that does not move, and a real film to which
noise was added (`neighbours_worth.py`). None of these ways was chosen on them, but the estimate with neighbours was on
the films, and the present fit on captures of their sources. Mean PSNR (peak 1, within 8 px of the border) in
dB above the estimate with neighbours; processor seconds a plane, without that estimate. Stacks that are in the results
are not measured again.

    python benchmarks/stack_fits.py --real FILM.nd2 [--only NAME...] [--out benchmarks/results/stack_fits]
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from _common import RESULTS, machine_line, parser_of, write_results
from films import CAPTURES, KnownFilm, captured, film_of
from neighbours_worth import METHODS, stacks_of, with_noise

from autodip_ij._support.arrays import binned
from autodip_ij.classical import run_method
from autodip_ij.classical.fusing import Fused, fuse
from autodip_ij.classical.motion import motion_between, warped
from autodip_ij.classical.neighbours import common_model
from autodip_ij.denoising.neighbours import NeighbourPlanes
from autodip_ij.denoising.plan import plan_run
from autodip_ij.denoising.planes import prepare
from autodip_ij.denoising.recipe import WarmStart
from autodip_ij.denoising.tasks import TileFit
from autodip_ij.denoising.tile_fits import PlaneAssembly, warm_started
from autodip_ij.denoising.watch import Watch
from autodip_ij.dip.engines.loop import Guard, OutputAverage
from autodip_ij.dip.losses import make_loss
from autodip_ij.dip.network import build_network, fixed_input, streams
from autodip_ij.images import Image
from autodip_ij.noise.estimate import stabilise, unstabilise
from autodip_ij.progress import Silent
from autodip_ij.settings import DenoiseSettings

Plane = npt.NDArray[np.float32]
Curve = dict[int, Plane]
"""The result of a fit after some iterations."""

SIDE = 128
FRAMES = 7
SCORED = range(2, 6)
TOGETHER = range(1, 6)
"""Planes of the one network."""
STOPS = {False: range(10, 151, 10), True: range(16, 321, 16)}
"""Iterations that are looked at, by whether pixels share noise."""
GUIDED_AVERAGING = 0.9
"""Of guided fits in the calibration."""
CODE = 4


class Stack:
    """A film as the program prepares it, and all that several ways to fit it share."""

    def __init__(self, film: KnownFilm) -> None:
        self.film = film
        image = Image.from_array(film.noisy, "TYX")
        group = "widefield" if film.correlated else "confocal"
        channel = plan_run(image, DenoiseSettings.parse(group=group, device="cpu", n_fits=1, neighbours="t")).channels[
            0
        ]
        assert channel.recipe is not None
        self.recipe = channel.recipe
        self.shared = self.recipe.neighbours.shared_noise
        self.stops = STOPS[self.shared]
        planes = NeighbourPlanes(image, channel.scale, self.recipe)
        self.fits: list[TileFit] = []
        started = time.process_time()
        for place in ((index, 0, 0) for index in range(FRAMES)):
            clean, noisy = planes.plane(place)
            watch = Watch(Silent(), "", clean.window.restore)
            task = prepare(clean, self.recipe, watch, place, known=noisy, from_several=partial(planes.estimate, place))
            self.fits += PlaneAssembly(task, self.recipe.tile, self.recipe.overlap).fits
        self.seconds = {"with neighbours": (time.process_time() - started) / FRAMES}
        started = time.process_time()
        self.alone = [run_method(METHODS[self.shared], fit.pixels, noise=fit.task.noisy) for fit in self.fits]
        self.seconds["alone"] = (time.process_time() - started) / FRAMES
        self.model = common_model([fit.task.noisy.estimate() for fit in self.fits])
        pairs = ((fit.pixels, alone) for fit, alone in zip(self.fits, self.alone, strict=True))
        self._pairs = [torch.from_numpy(np.stack([stabilise(one, self.model) for one in pair])) for pair in pairs]

    def estimate(self, index: int) -> Plane:
        """Return the classical estimate (Y, X) of a plane with neighbours."""
        made = self.fits[index].task.blend
        assert made is not None
        return made

    @staticmethod
    def around(index: int) -> list[int]:
        """Return the neighbours of a plane."""
        return [other for other in range(index - 2, index + 3) if other != index and other < FRAMES]

    def moved(self, index: int, other: int) -> npt.NDArray[np.float64]:
        """Return another plane and its estimate alone (2, Y, X), stabilised, moved onto a plane."""
        pair = self._pairs[other]
        return warped(pair, motion_between(self._pairs[index][1], pair[1])).double().numpy()

    def fused(self, index: int) -> Fused:
        """Return a plane averaged with its neighbours, stabilised."""
        return fuse(self._pairs[index], [self._pairs[other] for other in self.around(index)])

    def grey(self, stabilised: npt.NDArray[np.float64]) -> Plane:
        """Return stabilised values in the scale of the fit."""
        return unstabilise(stabilised, self.model).clip(0, 1).astype(np.float32)

    def score(self, images: Mapping[int, Plane]) -> float:
        """Return the mean PSNR in dB of the planes that are scored."""
        found = []
        for index in SCORED:
            shown = self.fits[index].task.clean.window.restore(np.asarray(images[index], np.float32))
            found.append(replace(self.film, clean=self.film.clean[index : index + 1]).score(shown))
        return float(np.mean(found))

    def end(self, index: int, curve: Curve, share: float = 1.0) -> int:
        """Return the iteration at which the program ends a fit whose target has a share of the noise variance."""
        small, _, options = self.fits[index].arguments()
        if options.guard is None or not options.guard.stop_below:
            return options.iterations
        noise = replace(options.guard, slope=share * options.guard.slope, offset=share * options.guard.offset)
        guard = Guard(small, noise, options.iterations)
        side = self.recipe.network.binning
        looks = (stop for stop, image in curve.items() if guard.is_due(stop) and guard.look(stop, binned(image, side)))
        return next(looks, max(curve))

    def self_end(self, index: int, curve: Curve) -> int:
        """Return the iteration whose result is nearest to the next plane, moved onto this one."""
        target = self.moved(index, index + 1)[0]
        errors = {stop: float(np.mean((stabilise(image, self.model) - target) ** 2)) for stop, image in curve.items()}
        return min(errors, key=errors.__getitem__)


def fitted(fit: TileFit, stops: range, **changes: Any) -> Curve:
    """Return what a fit that no guard ends has at every stop."""
    curve: Curve = {}
    fit.run(
        on_snapshot=lambda stop, image: curve.update({stop: fit.at_full_size(image)}),
        changes={"iterations": stops[-1], "snapshots": tuple(stops), "guard": None, **changes},
    )
    return curve


def guided(stack: Stack, index: int, *channels: Plane) -> TileFit:
    """Return the fit of a plane that starts from its estimate with neighbours, and further channels (Y, X)."""
    return replace(stack.fits[index], guides=(stack.estimate(index), *channels))


def as_they_are(stack: Stack, index: int) -> TileFit:
    """Return a fit with its neighbours in the input."""
    return guided(stack, index, *(stack.fits[other].pixels for other in stack.around(index)))


def moved(stack: Stack, index: int) -> TileFit:
    """Return a fit with its neighbours, moved onto the plane, in the input."""
    return guided(stack, index, *(stack.grey(stack.moved(index, other)[0]) for other in stack.around(index)))


def without_it(stack: Stack, index: int) -> TileFit:
    """Return a fit with what its neighbours alone say in the input."""
    return guided(stack, index, stack.grey(np.mean([stack.moved(index, at)[1] for at in stack.around(index)], axis=0)))


def average(stack: Stack, index: int) -> TileFit:
    """Return the fit of the average of a plane with its neighbours."""
    fit, target = stack.fits[index], stack.grey(stack.fused(index).noisy.double().numpy())
    return replace(fit, task=replace(fit.task, clean=replace(fit.task.clean, unit=target)))


def one_network(fits: list[TileFit], stops: range) -> list[Curve]:
    """Fit one network to several planes; return what each has at every stop."""
    smalls, architectures, each = zip(*(fit.arguments() for fit in fits), strict=True)
    options = each[0]
    random = streams(options.seed)
    network = build_network(architectures[0], random.weights).to(memory_format=torch.channels_last)
    targets = [torch.from_numpy(np.array(small, np.float32))[None, None] for small in smalls]
    losses = [make_loss(own.loss, target, own.loss_options) for own, target in zip(each, targets, strict=True)]
    z = fixed_input(architectures[0], smalls[0].shape, options.input_scale, random.network_input)
    z = z.repeat(len(fits), 1, 1, 1)
    for at, own in enumerate(each):
        for channel, guide in enumerate(own.guides):
            z[at, channel] = torch.from_numpy(np.array(guide, np.float32))
    code = options.input_scale * torch.rand(len(fits), CODE, 1, 1, generator=random.network_input)
    code.requires_grad_()
    adam = torch.optim.Adam([*network.parameters(), code], lr=options.learning_rate, fused=True)
    outputs = OutputAverage(options.averaging, z[:, :1])
    curves: list[Curve] = [{} for _ in fits]
    for iteration in range(1, stops[-1] + 1):
        coded = torch.cat([z[:, :-CODE], code.expand(-1, -1, *z.shape[2:])], 1)
        coded = coded + options.input_noise * torch.randn(z.shape, generator=random.input_noise)
        output = network(coded.contiguous(memory_format=torch.channels_last))
        outputs.add(output)
        adam.zero_grad()
        torch.stack([loss(output[at : at + 1]) for at, loss in enumerate(losses)]).mean().backward()
        adam.step()
        if iteration in stops:
            for fit, curve, image in zip(fits, curves, outputs.value()[:, 0].numpy(), strict=True):
                curve[iteration] = fit.at_full_size(image)
    return curves


@dataclass(frozen=True)
class Way:
    """How one way to fit went.

    Attributes
    ----------
    curves
        Of the scored planes.
    ends
        Iterations at which each ends.
    seconds
        Of an iteration of a plane.
    """

    curves: Mapping[int, Curve]
    ends: Mapping[int, int]
    seconds: float

    def summary(self, stack: Stack, base: float) -> dict[str, float]:
        """Return gains over an estimate of a PSNR, iterations and seconds a plane."""
        weight = stack.recipe.network.classical_weight
        ended = {index: self.curves[index][self.ends[index]] for index in SCORED}
        blended = {index: image + weight * (stack.estimate(index) - image) for index, image in ended.items()}
        stops = set.intersection(*(set(curve) for curve in self.curves.values()))
        scores = {stop: stack.score({index: self.curves[index][stop] for index in SCORED}) for stop in stops}
        best = max(scores, key=scores.__getitem__) if len(scores) > 1 else None
        iterations = float(np.mean([self.ends[index] for index in SCORED]))
        found = {"fit": stack.score(ended) - base, "blended": stack.score(blended) - base, "iterations": iterations}
        found["seconds"] = self.seconds * iterations
        return found | ({"best": scores[best] - base, "best at": best} if best else {})


def ways_of(stack: Stack) -> dict[str, Way]:
    """Fit a stack in every way."""

    def way(make: Callable[[Stack, int], TileFit], share: float = 1.0, **changes: Any) -> Way:
        started = time.process_time()
        curves = {index: fitted(make(stack, index), stack.stops, **changes) for index in SCORED}
        spent = (time.process_time() - started) / len(SCORED) / stack.stops[-1]
        return Way(curves, {index: stack.end(index, curve, share) for index, curve in curves.items()}, spent)

    present = way(lambda stack, index: stack.fits[index])
    found = {"present": present}
    found["self"] = replace(present, ends={index: stack.self_end(index, present.curves[index]) for index in SCORED})
    found["warm"] = one_after_another(stack, warm_started(WarmStart()))
    found["warm, long"] = one_after_another(stack, with_the_last_network())
    as_guided = {"averaging": GUIDED_AVERAGING}
    if stack.shared:
        found["guided"] = way(guided, **as_guided)
    found |= {one.__name__.replace("_", " "): way(one, **as_guided) for one in (as_they_are, moved, without_it)}
    left = float(np.mean([stack.fused(index).variance.mean() for index in SCORED]))
    found["average"] = way(average, left)
    started = time.process_time()
    curves = dict(zip(TOGETHER, one_network([stack.fits[index] for index in TOGETHER], stack.stops), strict=True))
    spent = (time.process_time() - started) / len(TOGETHER) / stack.stops[-1]
    found["one network"] = Way(curves, {index: stack.end(index, curves[index]) for index in SCORED}, spent)
    return found


def with_the_last_network() -> Callable[[TileFit], Any]:
    """Return a function that fits a plane from the network of the plane before, with its own options."""
    last: list[Any] = [None]

    def fit_one(fit: TileFit) -> Any:
        result = fit.run(start=last[0], keep_weights=True)
        last[0] = result.weights
        return result

    return fit_one


def one_after_another(stack: Stack, fit_one: Callable[[TileFit], Any]) -> Way:
    """Fit the scored planes one after another, after the one before them."""
    fit_one(stack.fits[SCORED[0] - 1])
    started = time.process_time()
    results = {index: fit_one(stack.fits[index]) for index in SCORED}
    spent = time.process_time() - started
    ends = {index: result.iterations for index, result in results.items()}
    return Way(
        {index: {ends[index]: result.image} for index, result in results.items()}, ends, spent / sum(ends.values())
    )


def measured(film: KnownFilm) -> dict[str, Any]:
    """Return the PSNR of the estimates in dB, their seconds a plane, and the summary of every way."""
    stack = Stack(film)
    base = stack.score({index: stack.estimate(index) for index in SCORED})
    return {
        "shared noise": stack.shared,
        "noisy": stack.score({index: stack.fits[index].pixels for index in SCORED}),
        "alone": stack.score(dict(enumerate(stack.alone))),
        "with neighbours": base,
        "seconds": stack.seconds,
        "ways": {name: way.summary(stack, base) for name, way in ways_of(stack).items()},
    }


def centre(film: KnownFilm) -> KnownFilm:
    """Return the central square of a film."""
    first = (film.noisy.shape[1] - SIDE) // 2
    square = np.s_[:, first : first + SIDE, first : first + SIDE]
    return replace(film, clean=film.clean[square], noisy=film.noisy[square])


def of_file(file: Path, shared: bool) -> KnownFilm:
    """Return the first channel of a film with noise added, each of whose planes, denoised alone, is the truth."""
    clean, noisy = with_noise(next(stacks_of(file, FRAMES))[1], shared)
    return KnownFilm(clean, noisy, correlated=shared)


def stacks_with(real: Path | None) -> dict[str, Callable[[], KnownFilm]]:
    """Return how to make each stack, by name."""
    films = (("confocal-mito", 1), ("confocal-actin", 10), ("widefield-actin", 1))
    for_development = (("confocal-mice", 1), ("widefield-nucleus", 1))
    found = {f"{name}, {motion} px": partial(film_of, name, motion, side=SIDE) for name, motion in films}
    found["captures"] = lambda: centre(captured(CAPTURES[0]))
    if real is not None:
        found[f"{real.stem}, shared"] = partial(of_file, real, True)
    return found | {
        f"try {name}, {motion} px": partial(film_of, name, motion, side=SIDE) for name, motion in for_development
    }


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--real", type=Path, help="a film of at least seven frames")
    parser.add_argument("--only", nargs="+", help="stacks whose names begin so; try for those to try things on")
    parser.add_argument("--out", type=Path, default=RESULTS / "stack_fits")
    chosen = parser.parse_args()
    stored = chosen.out.with_suffix(".json")
    rows: dict[str, dict[str, Any]] = json.loads(stored.read_text()) if stored.exists() else {}
    for name, make in stacks_with(chosen.real).items():
        wanted = name.startswith(tuple(chosen.only)) if chosen.only else not name.startswith("try")
        if wanted and name not in rows:
            rows[name] = measured(make())
            write_results(chosen.out, rows, page_of(rows))
    print(write_results(chosen.out, rows, page_of(rows)).read_text())


def page_of(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the tables as Markdown."""
    lines = [
        "# Neighbouring planes in the fit",
        "",
        f"`benchmarks/stack_fits.py`, {machine_line()}, beside other work.",
        "",
    ]
    lines += [*(__doc__ or "").splitlines()[2:-2], ""]
    head = f"| {' | '.join(['', *rows])} |\n| --- |{' ---: |' * len(rows)}"
    lines.append(head)
    for name in ("noisy", "alone", "with neighbours"):
        seconds = [f" ({row['seconds'][name]:.2f} s)" if name in row["seconds"] else "" for row in rows.values()]
        values = [f"{row[name]:.2f}" for row in rows.values()]
        lines.append(f"| {name}, dB | {' | '.join(map(''.join, zip(values, seconds, strict=True)))} |")
    ways = dict.fromkeys(way for row in rows.values() for way in row["ways"])
    for title, show in (
        ("Blended with the estimate", "{blended:+.2f}"),
        ("The fit by itself", "{fit:+.2f}"),
        ("The fit by itself at the best iteration, which only the truth tells", "{best:+.2f} ({best at})"),
        ("Processor seconds a plane (iterations)", "{seconds:.2f} ({iterations:.0f})"),
    ):
        lines += ["", f"{title}:", "", head]
        for way in ways:
            found = [row["ways"].get(way, {}) for row in rows.values()]
            asked = "best" if "best" in show else "fit"
            if any(asked in cell for cell in found):
                lines.append(
                    f"| {way} | {' | '.join(show.format(**cell) if asked in cell else '' for cell in found)} |"
                )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
