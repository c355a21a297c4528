"""The finished segments of a recording: which stay on the disk, and who is notified of them."""

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
        path: Of the file, from the root on.
        first_pts: The pts of its first frame, in seconds. An event of the same source at ``sample.pts`` is
            ``sample.pts - segment.first_pts`` seconds after the start of the file.
        last_pts: Of its last frame.
        first_utc: Unix time of its first frame, as ``sample.utc``; None means unknown.
        last_utc: Unix time of its last frame; None means unknown.
        utc_from: The clock of ``first_utc``, as ``sample.utc_from``.
        size_bytes: The length of the file.
        frames: How many it has.
        damaged: How many of them have the mark ``sample.damaged``: a part of them, or of one before, was
            lost.
        gaps: A tuple of ``(pts, pts)``: between these two successive frames is more than a second, and more
            than three times the usual distance.
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
    """The body of a thread: calls ``on_segment`` until the recorder is closed."""
    while (facts := _native.next_segment(handle)) is not None:
        _report(Segment(*cast("Any", facts)), path, on_segment)


def _report(segment: Segment, path: str, on_segment: Callable[[Segment], object]) -> None:
    try:
        on_segment(segment)
    except Exception:
        logger.exception("on_segment of %r failed for %r", path, segment.path)
