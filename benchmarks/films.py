"""What neighbouring frames are worth, on films of known truth.

Films: clean FMD images that move and deform, with the noise of their captures, white (confocal, two-photon) or with the
spectrum of their residual (widefield). Captures: 7 of the 50 of one field, 256 px, against the mean of the other 43,
after a least-squares gain and offset, for the lamp is not steady. PSNR in dB (peak 1, within 8 px of the border) of the
middle frame of seven alone, and the gain with neighbours at either side; processor seconds a frame when all seven are
asked for in order; the measured worth of neighbours. The method was chosen on these films, not on the captures.

    python benchmarks/films.py [--reach 1 2 3] [--out benchmarks/results/films]
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from _common import RESULTS, SHARED, machine_line, parser_of, write_results

from autodip_ij.classical import run_method
from autodip_ij.classical.neighbours import SeriesEstimates, worth
from autodip_ij.noise.estimate import estimate_noise
from autodip_ij.noise.plane import NoisyPlane

Film = npt.NDArray[np.float32]

SIDE = 160
FRAMES = 7
_SMOOTH_PX = 24.0
"""Standard deviation of the Gaussian by which the random deformation is smooth."""

SOURCES = {
    "confocal-actin": ("confocal_actin_fov1_gt.png", "confocal_actin_fov1_c0_noisy.png"),
    "confocal-mito": ("confocal_mito_fov1_gt.png", "confocal_mito_fov1_c0_noisy.png"),
    "confocal-mice": ("confocal_mice_fov1_gt.png", "confocal_mice_fov1_c0_noisy.png"),
    "twophoton-actin": ("twophoton_actin_fov19_gt.png", "twophoton_actin_fov19_c1_noisy.png"),
    "widefield-nucleus": ("widefield_nucleus_fov19_gt.png", "widefield_nucleus_fov19_c1_noisy.png"),
    "widefield-actin": ("widefield_actin_fov19_gt.png", "widefield_actin_fov19_c1_noisy.png"),
}
"""Ground truth and a capture of it, by name."""

WHITE = (
    ("confocal-actin", 0),
    ("confocal-actin", 1),
    ("confocal-actin", 3),
    ("confocal-mito", 1),
    ("confocal-mice", 1),
    ("twophoton-actin", 1),
)
"""The six films of white noise: source, and motion in px a frame."""
OTHERS = (("confocal-actin", 10), ("widefield-nucleus", 0), ("widefield-nucleus", 1), ("widefield-actin", 1))
CAPTURES = ("stacks_confocal_nucleus_fov1_raw50.tif", "stacks_confocal_nucleus_fov2_raw50.tif")


@dataclass(frozen=True)
class KnownFilm:
    """A film with its truth.

    Attributes
    ----------
    clean, noisy
        (T, Y, X) in [0, 1].
    correlated
        Whether pixels of a frame share noise.
    steady
        Whether truth and frames are equally bright; else gain and offset are fitted before they are compared.
    """

    clean: Film
    noisy: Film
    correlated: bool
    steady: bool = True

    @property
    def planes(self) -> list[NoisyPlane]:
        """The noisy frames, whose noise is not known yet."""
        return [NoisyPlane(frame, None if self.correlated else False) for frame in self.noisy]

    def score(self, frame: Film) -> float:
        """Return the PSNR in dB of the middle frame (Y, X) within 8 px of the border."""
        truth, other = (
            image[8:-8, 8:-8].astype(np.float64).ravel() for image in (self.clean[len(self.clean) // 2], frame)
        )
        if not self.steady:
            other = np.polyval(np.polyfit(other, truth, 1), other)
        return float(-10 * np.log10(np.mean((truth - other) ** 2)))


def film_of(source: str, motion: float, *, frames: int = FRAMES, side: int = SIDE, seed: int = 0) -> KnownFilm:
    """Return a film made of the centre of an image.

    Parameters
    ----------
    source
        One of `SOURCES`.
    motion
        Root mean square of the motion from frame to frame, px: half of its square is drift, half deformation.
    frames, side
        Number of frames and side of the square.
    seed
        Of motion and noise.
    """
    from imageio.v3 import imread

    truth, capture = (imread(SHARED / "data" / "fmd" / name).astype(np.float64) / 255 for name in SOURCES[source])
    rng = np.random.default_rng(seed)
    clean = moved(truth, motion, frames, side, rng)
    correlated = source.startswith("widefield")
    model = estimate_noise(capture, shared=None if correlated else False).model
    unit = alike(capture - truth, clean.shape, rng) if correlated else rng.standard_normal(clean.shape)
    if correlated:
        noisy = clean + np.sqrt(model.variance(clean)) * unit
    else:
        # Photons of the shot noise, and a Gaussian for the rest of the variance.
        offset = min(0.0, model.b) / max(model.a, 1e-9)
        photons = np.maximum(clean + offset, 0) / model.a
        noisy = model.a * rng.poisson(photons) - offset + np.sqrt(max(model.b, 0.0)) * unit
    return KnownFilm(clean.astype(np.float32), noisy.astype(np.float32), correlated)


def moved(
    truth: npt.NDArray[np.float64], motion: float, frames: int, side: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return the centre of an image (Y, X), moving at a constant velocity that differs smoothly from place to place."""
    from scipy.ndimage import gaussian_filter, map_coordinates

    starts = [(length - side) // 2 for length in truth.shape]
    grid = np.stack(np.meshgrid(*(start + np.arange(side) for start in starts), indexing="ij"))
    if motion == 0:
        return np.repeat(truth[tuple(slice(start, start + side) for start in starts)][None], frames, 0)
    angle = rng.uniform(0, 2 * np.pi)
    bent = np.stack([gaussian_filter(rng.standard_normal((side, side)), _SMOOTH_PX, mode="reflect") for _ in range(2)])
    bent -= bent.mean((1, 2), keepdims=True)
    bent *= motion / np.sqrt(2) / np.sqrt((bent**2).sum(0).mean())
    velocity = bent + motion / np.sqrt(2) * np.array([np.cos(angle), np.sin(angle)])[:, None, None]
    times = np.arange(frames) - frames // 2
    return np.stack([map_coordinates(truth, grid + time * velocity, order=3, mode="mirror") for time in times])


def alike(
    residual: npt.NDArray[np.float64], shape: tuple[int, ...], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return noise (T, Y, X) of variance 1, with the spectrum of a residual (Y, X), independent between frames."""
    amplitude = np.abs(np.fft.fft2(residual - residual.mean()))
    amplitude[0, 0] = 0
    drawn = [np.fft.ifft2(amplitude * np.fft.fft2(rng.standard_normal(residual.shape))).real for _ in range(shape[0])]
    noise = np.stack([one[: shape[1], : shape[2]] / one.std() for one in drawn])
    return noise


def captured(name: str) -> KnownFilm:
    """Return seven captures of a field that does not move, the truth being the mean of all others."""
    from tifffile import imread

    stack = imread(SHARED / "data" / "fmd" / name).astype(np.float32) / 255
    square = np.s_[:, 128 : 128 + 256, 128 : 128 + 256]
    truth = stack[FRAMES:].mean(0, keepdims=True)
    return KnownFilm(np.repeat(truth, FRAMES, 0)[square], stack[:FRAMES][square], correlated=False, steady=False)


def measured(film: KnownFilm, reaches: Sequence[int]) -> dict[str, Any]:
    """Return PSNR of the middle frame and processor seconds a frame, alone and by reach, and the worth."""
    middle, count = len(film.noisy) // 2, len(film.noisy)
    method = "vst-shared-ridge" if film.correlated else "vst-nl-bayes"
    ways: dict[str, Callable[[list[NoisyPlane]], Callable[[int], Film]]] = {
        "alone": lambda planes: lambda index: run_method(method, planes[index].pixels, noise=planes[index])
    }
    for reach in reaches:
        ways[f"reach {reach}"] = lambda planes, reach=reach: (
            SeriesEstimates(planes.__getitem__, count, reach, correlated=film.correlated).estimate
        )
    found: dict[str, Any] = {"noisy": film.score(film.noisy[middle])}
    for way, make in ways.items():
        started = time.process_time()
        estimate = make(film.planes)
        frames = [estimate(index) for index in range(count)]
        found[f"{way}, s"] = (time.process_time() - started) / count
        found[way] = film.score(frames[middle])
    found["worth"] = worth(film.planes.__getitem__, count, correlated=film.correlated)
    return found


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--reach", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--out", type=Path, default=RESULTS / "films")
    chosen = parser.parse_args()
    rows: dict[str, dict[str, Any]] = {}
    run_method("vst-nl-bayes", np.random.default_rng(0).random((64, 64)))  # what is loaded once is not timed
    films = {f"{source}, {motion} px": lambda s=source, m=motion: film_of(s, m) for source, motion in (*WHITE, *OTHERS)}
    films |= {name.removeprefix("stacks_").removesuffix(".tif"): lambda n=name: captured(n) for name in CAPTURES}
    for name, make in films.items():
        rows[name] = measured(make(), chosen.reach)
        print(name, {key: round(value, 2) for key, value in rows[name].items()}, flush=True)
    print(write_results(chosen.out, rows, page_of(rows, chosen.reach)))


def page_of(rows: dict[str, dict[str, Any]], reaches: Sequence[int]) -> str:
    """Return the table as Markdown."""
    columns = [f"reach {reach}" for reach in reaches]
    head = ["film, motion a frame", "noisy", "alone", *columns, "alone, s", *(f"{c}, s" for c in columns), "worth"]
    lines = ["# Films of known truth", "", f"`benchmarks/films.py`, {machine_line()}, beside other work.", ""]
    lines += [(__doc__ or "").split("\n\n")[1].replace("\n", " "), "", f"| {' | '.join(head)} |"]
    lines.append(f"| --- |{' ---: |' * (len(head) - 1)}")
    for name, row in rows.items():
        gains = [f"{row[column] - row['alone']:+.2f}" for column in columns]
        seconds = [f"{row[f'{way}, s']:.2f}" for way in ("alone", *columns)]
        cells = [f"{row['noisy']:.2f}", f"{row['alone']:.2f}", *gains, *seconds, f"{row['worth']:.2f}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    six = [rows[f"{source}, {motion} px"] for source, motion in WHITE]
    means = [f"{np.mean([row[column] - row['alone'] for row in six]):+.2f}" for column in columns]
    lines.append(f"| mean of the first six | | | {' | '.join(means)} |{' |' * (len(head) - 3 - len(means))}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
