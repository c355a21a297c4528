"""Finished segments of a recording, and the callback for them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from .. import _native
from .._interpreter.log import logger

if TYPE_CHECKING:
    from .video_info import UtcFrom


@dataclass(frozen=True, slots=True)
class Segment:
    """A finished segment of a recording.

    Attributes:
        path: Absolute path of the file.
        first_pts: The pts of its first frame, in seconds. An event of the same source at ``sample.pts`` is
            ``sample.pts - segment.first_pts`` seconds after the start of the file.
        last_pts: The pts of its last frame, in seconds.
        first_utc: Unix time of its first frame, as ``sample.utc``; None if unknown.
        last_utc: Unix time of its last frame; None if unknown.
        utc_from: The clock of ``first_utc``, as ``sample.utc_from``.
        size_bytes: Size of the file.
        frames: Number of frames.
        damaged: Number of frames with ``sample.damaged`` set, which lost data in transit or were predicted
            from such a frame.
        gaps: Pairs ``(pts, pts)`` of successive frames that are more than a second and more than three times
            the usual interval apart.
    """

    path: str
    first_pts: float
    last_pts: float
    first_utc: float | None
    last_utc: float | None
    utc_from: UtcFrom
    size_bytes: int
    frames: int
    damaged: int
    gaps: tuple[tuple[float, float], ...]


def report_segments(handle: _native.NodeHandle, path: str, on_segment: Callable[[Segment], object]) -> None:
    """Calls ``on_segment`` until the recorder is closed. Runs on its own thread."""
    while (facts := _native.next_segment(handle)) is not None:
        _report(Segment(*cast("Any", facts)), path, on_segment)


def _report(segment: Segment, path: str, on_segment: Callable[[Segment], object]) -> None:
    try:
        on_segment(segment)
    except Exception:
        logger.exception("on_segment of %r failed for %r", path, segment.path)
