"""Writers: one module per file type; shared here, the planes in the order they are written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from autodip_ij.images.image import Image


def planes(image: Image, dtype: np.dtype[Any], order: str) -> Iterator[npt.NDArray[Any]]:
    """Yield every plane (Y, X) in `dtype`, read on demand.

    Parameters
    ----------
    image
        What to write.
    dtype
        Rounded and clipped to, never rescaled.
    order
        Axes from slowest to fastest: ``TCZ``, or ``TZC`` as in ImageJ.
    """
    from autodip_ij.images.window import cast

    lengths = [image.shape["TCZ".index(axis)] for axis in order]
    for position in np.ndindex(*lengths):
        index = dict(zip(order, position, strict=True))
        yield np.ascontiguousarray(cast(image.plane(index["T"], index["C"], index["Z"]), dtype))
