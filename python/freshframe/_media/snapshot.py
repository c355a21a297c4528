"""A picture of the last seconds, with its stamp."""

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
    """One picture of the past, with the time at which it was taken.

    Attributes:
        source: Its name.
        frozen_for: Seconds for which its source has shown one picture, at the question; 0: it is not frozen.
        frame: The picture.
        seq: As Sample.seq: of packets, their own numbers.
        pts: As Sample.pts.
        captured: As Sample.captured, in seconds of ``time.monotonic()``.
        utc: As Sample.utc.
        utc_error: As Sample.utc_error.
        utc_from: As Sample.utc_from.
        damaged: A part of it was lost on its way here.
        gap: Seconds between it and the next picture of the answer, or now, in which the Look got no picture
            although the stream's rate says that there should have been some; 0 means none.
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
        """The source, the number, the time and the size."""
        size = f"{self.frame.width}x{self.frame.height}"
        return f"Snapshot(source={self.source!r}, seq={self.seq}, pts={self.pts:.3f}, {size})"

    def _repr_jpeg_(self) -> bytes:
        """The picture for notebooks. GIL: released."""
        return self.frame._repr_jpeg_()
