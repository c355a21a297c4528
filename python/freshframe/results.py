"""Results of nodes: NumPy columns in frozen dataclasses."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

PixelFormat = Literal["gray", "nv12", "i420", "i422", "i444", "bgr", "rgb"]
"""Layouts of a frame's samples, 8 bits each."""

Plane = npt.NDArray[np.uint8]
"""One component array of a frame: (h, w), or (h, w, channels); read-only."""


@dataclass(frozen=True, slots=True, eq=False)
class Circles:
    """The circles of one frame. Compares by identity.

    Attributes:
        xyr: (n, 3) float32, pixels: centre x, centre y, radius; the centre of the top left pixel is (0, 0).
        score: (n,) float32 in [0, 1].
        tracker_id: (n,) int64, stable over frames, from 1; None before a tracker, as are all that follow.
        velocity: (n, 2) float32, pixels per second: x to the right, y downwards.
        age: (n,) float32, seconds since the circle was first seen.
        confidence: (n,) float32 in [0, 1]: the mean of the scores that the circle had so far, of which the
            latest count most; steadier than ``score``.
    """

    xyr: npt.NDArray[np.float32]
    score: npt.NDArray[np.float32]
    tracker_id: npt.NDArray[np.int64] | None = None
    velocity: npt.NDArray[np.float32] | None = None
    age: npt.NDArray[np.float32] | None = None
    confidence: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        """Number of circles."""
        return len(self.xyr)


@dataclass(frozen=True, slots=True)
class DemoCircle:
    """One circle of the demo scene's truth.

    Attributes:
        id: Number of the ball, from 0.
        x: Pixels; the centre of the top left pixel is 0.
        y: Pixels.
        r: Pixels.
        visible: Share of the rim that nothing hides and the picture holds, 0 to 1.
    """

    id: int
    x: float
    y: float
    r: float
    visible: float
