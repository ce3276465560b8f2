"""Label images and masks, whose values number objects: denoising them gives values that mean nothing."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from autodip_ij.images.image import Image

_log = logging.getLogger(__name__)

_NAME = re.compile(
    r"(?<![a-z])(labels?(?![-_ ]?free)|label[-_ ]?(map|image)s?|masks?|cp_masks|segmentations?|segmented|seg)(?![a-z])"
)
_SIDE = 512  # of the part that is looked at
_FLAT = 0.95


def warn_of_labels(image: Image) -> None:
    """Say in one line where an image looks like a label image or a mask; it is read all the same.

    Parameters
    ----------
    image
        Whose middle plane is looked at, if it holds integers.
    """
    if image.dtype.kind not in "bui" or image.rgb:
        return
    shape = image.shape
    crop = tuple(slice(max(0, (side - _SIDE) // 2), max(0, (side - _SIDE) // 2) + _SIDE) for side in shape[3:])
    data = image.data[shape[0] // 2, shape[1] // 2, shape[2] // 2][crop]
    if is_labelled(np.asarray(data.compute(scheduler="threads"))):
        _log.warning(
            "%s: looks like a label image or mask (flat areas with hard borders); denoising makes no sense of numbers "
            "of objects: give the image itself",
            image.source.name if image.source else image.name,
        )
    elif image.source is not None and _NAME.search(image.source.name.lower()):
        _log.warning(
            "%s: is named like a label image or mask; denoising is meant for the image itself", image.source.name
        )


def is_labelled(plane: npt.NDArray[Any]) -> bool:
    """Return whether a plane (Y, X) of integers is made of flat areas, on zero, without any transition between them.

    Saturated structures are flat too, but blurred at their borders; counts of single photons stand alone.

    Examples
    --------
    >>> plane = np.zeros((20, 20), int)
    >>> plane[3:9, 3:9], plane[11:18, 4:15] = 1, 2
    >>> is_labelled(plane), is_labelled(np.arange(400).reshape(20, 20)), is_labelled(plane * 0)
    (True, False, False)
    """
    inside = plane != 0
    share = float(inside.mean())
    if min(plane.shape) < 3 or not 0.01 < share < 0.99:
        return False
    middle = plane[1:-1, 1:-1]
    neighbours = (plane[:-2, 1:-1], plane[2:, 1:-1], plane[1:-1, :-2], plane[1:-1, 2:])
    same = sum((middle == other).astype(np.uint8) for other in neighbours)
    object_pixels = middle != 0
    border = object_pixels & np.any([other == 0 for other in neighbours], axis=0)
    if not border.any():
        return False
    return float((same[border] >= 2).mean()) > _FLAT - 0.15 and float((same[object_pixels] >= 2).mean()) > _FLAT
