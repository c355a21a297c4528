"""Types for annotations: a frame's arrays and formats, and the properties that probe() finds."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from ._shortcuts.probe import Measured, Probe

__all__ = ["Measured", "PixelFormat", "Plane", "Probe"]

PixelFormat = Literal["gray", "nv12", "i420", "i422", "i444", "bgr", "rgb"]
"""Layouts of a frame's samples, 8 bits each."""

Plane = npt.NDArray[np.uint8]
"""One component array of a frame: (h, w), or (h, w, channels); read-only."""
