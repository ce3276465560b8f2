"""Time series: in which order frames are fitted, and the networks that go from one frame to the next.

The paper's warm start: the fitted network of a frame starts the next one, which then takes 30 iterations at a learning
rate of 0.001; forward, or forward and then back to the first frame. (The published code compares a YAML boolean with a
text, so that it fits every frame from scratch.)
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator

import numpy as np
import numpy.typing as npt

WARM_ITERATIONS = 30
WARM_LEARNING_RATE = 0.001
BACK_AND_FORTH = "back-and-forth"
INDEPENDENT = "independent"

Weights = npt.NDArray[np.float32]


class WarmStart:
    """The fitted networks of the last frame, by what was fitted: a tile (its place in the frame and size) and a seed.

    Where memory runs out and a frame is cut into smaller tiles, their keys are new and they start from random weights.

    Examples
    --------
    >>> warm = WarmStart()
    >>> warm.start_of("tile 0") is None
    True
    >>> warm.keep("tile 0", np.ones(3, np.float32))
    >>> warm.start_of("tile 0")
    array([1., 1., 1.], dtype=float32)
    """

    def __init__(self) -> None:
        self._weights: dict[Hashable, Weights] = {}

    def start_of(self, key: Hashable) -> Weights | None:
        """Return where the fit called `key` starts; None for random weights."""
        return self._weights.get(key)

    def keep(self, key: Hashable, weights: Weights | None) -> None:
        """Keep the network of the fit called `key` for the next frame.

        Raises
        ------
        ValueError
            If the fit did not keep its weights.
        """
        if weights is None:
            raise ValueError("a fit of a warm series has to keep its weights")
        self._weights[key] = weights


def frame_order(frames: int, series: str) -> Iterator[int]:
    """Yield the frames in the order of their fits; the last fit of a frame counts.

    Examples
    --------
    >>> list(frame_order(3, "warm")), list(frame_order(3, "back-and-forth"))
    ([0, 1, 2], [0, 1, 2, 1, 0])
    """
    yield from range(frames)
    if series == BACK_AND_FORTH:
        yield from range(frames - 2, -1, -1)


def iterations_of(frames: int, series: str, iterations: int) -> int:
    """Return the iterations of a series of `frames`, one fit a frame, whose first frame takes `iterations`.

    Examples
    --------
    >>> iterations_of(3, "independent", 100), iterations_of(3, "warm", 100), iterations_of(3, "back-and-forth", 100)
    (300, 160, 220)
    """
    if series == INDEPENDENT:
        return frames * iterations
    return iterations + WARM_ITERATIONS * (len(list(frame_order(frames, series))) - 1)
