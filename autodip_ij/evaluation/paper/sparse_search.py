"""Parameters of the sparse method for Table II: grid-searched, as the paper did, for every kind of image.

What the search went over the paper does not say. Here it goes over up to two of the images that a set, microscope,
structure and noise level are measured on, with their clean counterparts, and takes the least mean squared error: the
method gets better parameters than anyone without clean images could find, so that its column is an upper mark.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autodip_ij.batch.jobs import Job, JobStore, run_jobs
from autodip_ij.evaluation.datasets.model import Pair, safe_name
from autodip_ij.evaluation.scoring.comparison import Options, central, matched_pair

_JOB = "autodip_ij.evaluation.sparse_search.search_one"  # as in the fingerprints of stored results

SPARSE = "sparse-hessian"
SIDE = 256
"""Of the central squares that are searched on, px."""
IMAGES = 2
"""Images of each kind that are searched on."""


def searched(pairs: Sequence[Pair], folder: Path, options: Options, **running: Any) -> dict[str, str]:
    """Return, by the name of a pair, the method text with the parameters found for its kind of image.

    Parameters
    ----------
    pairs
        Test images with their clean counterparts.
    folder
        Where the results of finished searches are, below ``searches``.
    options
        How every pair is treated.
    **running
        As in `autodip_ij.batch.jobs.run_jobs`.
    """
    kinds: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        kinds[safe_name(pair.dataset, pair.subset, pair.level)].append(pair)
    jobs = [
        Job(kind, search_one, {"pairs": _spread(of_kind), "options": options}, name=_JOB)
        for kind, of_kind in kinds.items()
    ]
    store = JobStore(folder / "searches")
    run_jobs(jobs, store.folder, message="searches of the sparse method's parameters", **running)
    results: Mapping[str, Any] = store.results()
    return {
        pair.name: f"{SPARSE}:" + ",".join(f"{key}={value:g}" for key, value in results[kind].items())
        for kind, of_kind in kinds.items()
        if kind in results
        for pair in of_kind
    }


def search_one(pairs: Sequence[Pair], options: Options) -> dict[str, float]:
    """Return fidelity and sparsity with the least mean squared error over some pairs; the function workers run."""
    from autodip_ij.classical.sparse_hessian import search_parameters
    from autodip_ij.images.window import measure_window

    errors: dict[tuple[float, float], float] = defaultdict(float)
    for pair in pairs:
        noisy, clean = (central(recipe.read(), options.crop) for recipe in (pair.noisy, pair.clean))
        matched = matched_pair(pair, noisy, clean, options)
        window = measure_window(noisy)
        if window.constant:
            continue
        span = float(window.high) - float(window.low)
        image = central(matched.inner(window.normalise(noisy)), SIDE)
        reference = central(matched.inner(((matched.reference - window.low) / span).astype(np.float32)), SIDE)
        for trial in search_parameters(image, reference=reference, device=options.device):
            errors[trial.parameters.fidelity or 0.0, trial.parameters.sparsity] += trial.score
    if not errors:
        return {}
    fidelity, sparsity = min(errors, key=lambda key: errors[key])
    return {"fidelity": fidelity, "sparsity": sparsity}


def _spread(pairs: Sequence[Pair]) -> list[Pair]:
    """Return up to `IMAGES` pairs, evenly spread over what there is."""
    count = min(IMAGES, len(pairs))
    return [pairs[(2 * k + 1) * len(pairs) // (2 * count)] for k in range(count)]
