"""Whether the kind of noise is recognised in real images, and in what is commonly made of them.

    python benchmarks/noise_kinds.py --data $AUTODIP_SHARED/data
    python benchmarks/noise_kinds.py --data $AUTODIP_SHARED/data --images "*actin*" --variants plain doubled

Every noisy image of the data, and averages of 4 and 16 FMD captures, as it is and in variants: transposed, in quarters
and crops of 200 x 300 px, with other gains and offsets, in the full range of 16 bits, as JPEG, at twice and half the
sampling. Nothing is known of the microscope. Neighbouring pixels of the FMD widefield camera share noise (they
correlate by 0.56 to 0.60 in what noisy and clean image differ by), those of all other images do not (0.15 at most, 0.23
along a scanned line). Of a doubled image that should be found of the original pixels; at half the sampling the camera's
pixels correlate by 0.2, so that both answers are right. Estimates noise only, a second or less an image.
Writes ``benchmarks/results/noise_kinds.csv`` (a row each) and ``.md``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatch
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from _common import RESULTS, parser_of
from rich.progress import track

from autodip_ij._support.files import write_text
from autodip_ij.evaluation import markdown
from autodip_ij.evaluation.datasets.catalogue import open_datasets
from autodip_ij.evaluation.datasets.model import Pair
from autodip_ij.evaluation.markdown import provenance_line
from autodip_ij.evaluation.scoring.matching import match
from autodip_ij.noise.plane import NoisyPlane

CAPTURES = 50
"""Captures whose mean is the clean image of an FMD pair; it has their noise."""
EVIDENCE = ("steepness", "directions", "end", "slackening", "scatter", "margin")

Plane = npt.NDArray[np.float64]
Make = Callable[[Plane], Plane]


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with pairs of noisy and clean images")
    parser.add_argument("--images", nargs="+", default=["*"], help="only images whose names match")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS), help="only these")
    parser.add_argument("--out", type=Path, default=RESULTS / "noise_kinds", help="path without suffix")
    arguments = parser.parse_args()
    pairs = [pair for dataset in open_datasets(arguments.data) for pair in dataset.pairs]
    chosen = [pair for pair in pairs if any(fnmatch(pair.name, pattern) for pattern in arguments.images)]
    table = pd.DataFrame(
        row
        for pair in track(chosen)
        for name, noisy, clean in images_of(pair)
        for row in rows_of(name, noisy, clean, correlated=is_correlated(pair), variants=arguments.variants)
    )
    table.round(3).to_csv(arguments.out.with_suffix(".csv"), index=False)
    print(write_text(arguments.out.with_suffix(".md"), page(table)))


def is_correlated(pair: Pair) -> bool:
    """Return whether neighbouring pixels of a pair's noisy image share noise."""
    return pair.name.startswith("fmd_widefield")


def images_of(pair: Pair) -> Iterator[tuple[str, Plane, Plane]]:
    """Yield name, noisy and clean grey values of a pair, and of averages of captures like its own."""
    noisy = np.asarray(pair.noisy.read(), np.float64)
    found = match(noisy, pair.clean.read(), shifted=True, rescaled=pair.rescaled)
    clean = np.asarray(found.reference, np.float64)
    yield pair.name, noisy, clean
    if pair.name.startswith("fmd_") and pair.level == "raw":
        for captures in (4, 16):
            share = np.sqrt((1 / captures - 1 / CAPTURES) / (1 - 1 / CAPTURES))
            yield f"{pair.name}, average of {captures}", rounded(clean + share * (noisy - clean)), clean


def rounded(plane: Plane) -> Plane:
    return np.clip(np.floor(plane + 0.5), 0, None)


def jpeg(plane: Plane) -> Plane:
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(np.clip(rounded(plane), 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=85)
    return np.asarray(Image.open(buffer), np.float64)


def doubled(plane: Plane) -> Plane:
    from PIL import Image

    image = Image.fromarray(plane.astype(np.float32))
    return np.asarray(image.resize((2 * image.width, 2 * image.height), Image.Resampling.BICUBIC), np.float64)


def halved(plane: Plane) -> Plane:
    rows, columns = (side // 2 for side in plane.shape)
    return plane[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2).mean(axis=(1, 3))


def _same(plane: Plane) -> Plane:
    return plane


def _quarter(down: int, right: int) -> Callable[[Plane], tuple[Make, Make]]:
    def cut(plane: Plane) -> Plane:
        rows, columns = (side // 2 for side in plane.shape)
        return plane[down * rows : (down + 1) * rows, right * columns : (right + 1) * columns]

    return lambda noisy: (cut, _same)


def _stretched(noisy: Plane, low: float, high: float, white: float) -> Make:
    start, end = np.quantile(noisy, (low, high))
    return lambda plane: white / max(end - start, 1.0) * (plane - start)


VARIANTS: dict[str, Callable[[Plane], tuple[Make, Make]]] = {
    "plain": lambda noisy: (_same, _same),
    "transposed": lambda noisy: (np.transpose, _same),
    **{f"quarter {1 + number}": _quarter(*divmod(number, 2)) for number in range(4)},
    "200 x 300": lambda noisy: (lambda plane: plane[100:300, 90:390], _same),
    "200 x 300, other corner": lambda noisy: (lambda plane: plane[-230:-30, -310:-10], _same),
    "gain 3, offset 100": lambda noisy: (lambda plane: 3 * plane + 100, _same),
    "gain .37, offset -5": lambda noisy: (lambda plane: 0.37 * plane - 5, _same),
    "gain .5, rounded": lambda noisy: (lambda plane: 0.5 * plane + 10, rounded),
    "16 bit, x 257": lambda noisy: (lambda plane: 257 * plane, _same),
    "16 bit, stretched": lambda noisy: (_stretched(noisy, 0, 1, 65535), rounded),
    "8 bit, stretched": lambda noisy: (_stretched(noisy, 0.001, 0.999, 255), lambda p: np.minimum(rounded(p), 255)),
    "JPEG 85": lambda noisy: (_same, jpeg),
    "doubled": lambda noisy: (doubled, rounded),
    "halved": lambda noisy: (halved, rounded),
}
"""By name: of a noisy image, what is made of noisy and clean image, and how the noisy one is stored."""


def variants_of(noisy: Plane, clean: Plane, names: list[str]) -> Iterator[tuple[str, Plane, Plane]]:
    """Yield name, noisy and clean grey values of variants of an image."""
    for name in names:
        make, store = VARIANTS[name](noisy)
        yield name, store(make(noisy)), make(clean)


def rows_of(
    image: str, noisy: Plane, clean: Plane, *, correlated: bool, variants: list[str]
) -> Iterator[dict[str, object]]:
    """Yield what is found in the variants of an image, a row each."""
    for variant, pixels, true in variants_of(noisy, clean, variants):
        low, span = pixels.min(), np.ptp(pixels)
        started = time.perf_counter()
        plane = NoisyPlane(((pixels - low) / span).astype(np.float32))
        noise = plane.noise()
        kind, certainty = plane.kind(), plane.certainty
        seconds = time.perf_counter() - started
        evidence = plane.evidence
        either = variant == "halved" and correlated
        yield {
            "image": image,
            "variant": variant,
            "truth": "either" if either else "correlated" if correlated else "white",
            "kind": kind or "unknown",
            "certainty": certainty,
            "model": noise.kind,
            "sampling": plane.sampling,
            "compressed": plane.compressed,
            "spacing_px": noise.spacing_px,
            "sigma_ratio": None if noise.sigma is None else noise.sigma * span / float((pixels - true).std()),
            **{name: None if evidence is None else getattr(evidence, name) for name in EVIDENCE},
            "seconds": seconds,
        }


def is_wrong(row: Mapping[str, object]) -> bool:
    """Return whether a row names the other kind of noise; unknown is not wrong."""
    return row["kind"] not in (row["truth"], "unknown") and row["truth"] != "either"


def page(table: pd.DataFrame) -> str:
    """Return the results as Markdown: a row a variant, and every wrong answer."""
    table = table.assign(wrong=[is_wrong(row) for row in table.to_dict("records")])
    rows = []
    for variant, part in table.groupby("variant", sort=False):
        white, shared = (part[part["truth"] == truth] for truth in ("white", "correlated"))
        rows.append(
            [
                str(variant), str(len(part)), f"{white['wrong'].sum()} of {len(white)}",
                f"{shared['wrong'].sum()} of {len(shared)}", str((part["kind"] == "unknown").sum()),
                str((part["model"] == "unknown").sum()), markdown.number(part["certainty"].quantile(0.1), 2),
                *(markdown.number(part["sigma_ratio"].quantile(q), 2) for q in (0.1, 0.5, 0.9)),
                markdown.number(part["seconds"].median(), 2),
            ]
        )  # fmt: skip
    header = [
        "variant", "images", "white taken for correlated", "correlated for white", "not told", "without model",
        "certainty, lowest tenth", "sigma / truth, 10 %", "median", "90 %", "seconds",
    ]  # fmt: skip
    wrong = table[table["wrong"]]
    said = "".join(f"- {row.image}, {row.variant}: {row.kind}\n" for row in wrong.itertuples()) or "None.\n"
    return (
        "# The kind of noise in real images and their variants\n\n"
        f"`python benchmarks/noise_kinds.py --data data`, {provenance_line()}\n\n"
        + markdown.table(header, rows)
        + "\nSigma is compared with the standard deviation of noisy minus clean image, which also holds shifts and "
        "changes of brightness between captures. *Without model*: clipped, or below the steps of the grey values.\n\n"
        "## Wrong\n\n" + said
    )


if __name__ == "__main__":
    main()
