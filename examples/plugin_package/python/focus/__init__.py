"""How sharp a picture is, as a native node."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from importlib import resources

import freshframe as ff

__all__ = ["sharpness"]


def sharpness(*, step: int = 1) -> ff.native.Plugin:
    """A node of frames that gives the variance of the Laplacian of the luma: small for a blurred picture.

    Args:
        step: Distance of the pixels that are looked at, in a row and in a column; at least 1.

    Raises:
        OptionError: ``step`` is out of range.
        OptionTypeError: ``step`` is no int.
    """
    library = resources.files(__name__) / "libfocus.so"  # beside this file
    node: ff.native.Plugin = ff.native.node(str(library), "sharpness", step=step)
    return node
