"""Results of nodes: NumPy columns in frozen dataclasses."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

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


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The things found in one frame, as boxes. Column names are supervision's. Compares by identity.

    Attributes:
        xyxy: (n, 4) float32, pixels: left, top, right, bottom; (0, 0) is the outer corner of the top left
            pixel (half a pixel more than the coordinates of Circles), right and bottom are exclusive.
        confidence: (n,) float32 in [0, 1].
        class_id: (n,) int32.
        tracker_id: (n,) int64, stable over frames, from 1; None before a tracker.
        data: Further columns by name, arrays whose first axis is n. A Tracker adds ``velocity``: (n, 2)
            float32 in pixels per second, ``age``: (n,) float32 in seconds, and ``track_confidence``: (n,)
            float32 in [0, 1].
    """

    xyxy: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    class_id: npt.NDArray[np.int32]
    tracker_id: npt.NDArray[np.int64] | None = None
    data: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of boxes."""
        return len(self.xyxy)

    def __getitem__(self, index: npt.NDArray[Any] | slice | list[int] | list[bool]) -> Detections:
        """The boxes that a mask, a slice or an array of indices selects, with all their columns."""
        chosen: Any = index if isinstance(index, slice) else np.asarray(index)
        if not isinstance(chosen, slice) and chosen.ndim != 1:
            raise TypeError(f"Detections take a slice, a mask or a list of indices, got {index!r}")
        if not isinstance(chosen, slice) and chosen.size == 0:
            chosen = chosen.astype(np.intp)
        return Detections(
            self.xyxy[chosen],
            self.confidence[chosen],
            self.class_id[chosen],
            None if self.tracker_id is None else self.tracker_id[chosen],
            {name: column[chosen] for name, column in self.data.items()},
        )

    def to_supervision(self) -> Any:
        """The same as supervision's Detections.

        Raises:
            ImportError: supervision is not installed.
        """
        import supervision  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415  (optional)

        return supervision.Detections(
            xyxy=self.xyxy,
            confidence=self.confidence,
            class_id=self.class_id.astype(int),
            tracker_id=None if self.tracker_id is None else self.tracker_id.astype(int),
            data=dict(self.data),
        )

    @classmethod
    def from_supervision(cls, detections: Any) -> Detections:
        """Of supervision's Detections; a missing confidence counts as 1, a missing class as 0."""
        n = len(detections.xyxy)
        given = detections
        return cls(
            np.asarray(given.xyxy, np.float32).reshape(n, 4),
            np.ones(n, np.float32) if given.confidence is None else np.asarray(given.confidence, np.float32),
            np.zeros(n, np.int32) if given.class_id is None else np.asarray(given.class_id, np.int32),
            None if given.tracker_id is None else np.asarray(given.tracker_id, np.int64),
            {name: np.asarray(column) for name, column in given.data.items()},
        )


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
