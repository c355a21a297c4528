"""A native node that measures how sharp an image is."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from importlib import resources

import freshframe as ff

__all__ = ["sharpness"]


def sharpness(*, step: int = 1) -> ff.native.Plugin:
    """Returns a node that computes the variance of the luma's Laplacian, which is small for a blurred image.

    Args:
        step: Distance between the sampled pixels, in both directions; at least 1.

    Raises:
        OptionError: ``step`` is out of range.
        OptionTypeError: ``step`` is not an int.
    """
    library = resources.files(__name__) / "libfocus.so"  # beside this file
    node: ff.native.Plugin = ff.native.node(str(library), "sharpness", step=step)
    return node
