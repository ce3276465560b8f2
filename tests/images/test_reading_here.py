"""Pixels are read by the process that wants them."""

from __future__ import annotations

import dask
import numpy as np

from autodip_ij.images import Image


def test_pixels_are_read_here_whatever_scheduler_dask_is_set_to() -> None:
    """A worker of a cluster that handed its reading to the cluster would wait for itself."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the read was handed to another scheduler")

    image = Image.from_array(np.arange(12.0).reshape(3, 4))
    with dask.config.set(scheduler=refuse):
        np.testing.assert_array_equal(image.plane(0, 0, 0), np.asarray(image))
