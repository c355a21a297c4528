"""Snapshot: a frame that a Look returns, with its timestamps."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._native import Frame, Packet  # noqa: F401  (in strings)
    from .video_info import UtcFrom


@dataclass(frozen=True, repr=False)
class Snapshot:
    """A current or past frame, with its timestamps.

    Attributes:
        source: Name of the source.
        frozen_for: Seconds for which the source had been frozen at the time of the request; 0 if it was not.
        frame: The frame.
        seq: Same as Sample.seq; with packets, the number of the packet.
        pts: Same as Sample.pts.
        captured: Same as Sample.captured, in seconds of ``time.monotonic()``.
        utc: Same as Sample.utc.
        utc_error: Same as Sample.utc_error.
        utc_from: Same as Sample.utc_from.
        damaged: Whether the frame lost data in transit.
        gap: Seconds between this frame and the next one returned (or now), if frames of the stream are
            missing in between; 0 if there is no gap.
    """

    source: str
    frozen_for: float
    frame: Frame
    seq: int
    pts: float
    captured: float
    utc: float | None
    utc_error: float
    utc_from: UtcFrom
    damaged: bool
    gap: float

    @property
    def age(self) -> float:
        """Seconds since ``captured``."""
        return time.monotonic() - self.captured

    def __repr__(self) -> str:
        size = f"{self.frame.width}x{self.frame.height}"
        return f"Snapshot(source={self.source!r}, seq={self.seq}, pts={self.pts:.3f}, {size})"

    def _repr_jpeg_(self) -> bytes:
        """Shows the frame in notebooks. GIL: released."""
        return self.frame._repr_jpeg_()
