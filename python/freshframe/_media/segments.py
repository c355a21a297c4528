"""The finished segments of a recording: which stay on the disk, and who is told of them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast

from .. import _check, _native
from .._errors import OptionError, OptionTypeError
from .._interpreter.log import logger


@dataclass(frozen=True, slots=True)
class Keep:
    """Which finished segments of a VideoFile stay on the disk: ``VideoFile(..., keep=Keep(...))``.

    Before a limit is passed the oldest segment is deleted, one at a time, on a native thread of its own. Only
    files whose names the recorder's own pattern could make are deleted: regular files of this user, never
    through a link below the pattern's first part, and never the open one. A segment ``NAME`` stays as long
    as a file ``NAME.keep`` is beside it, and counts.

    Args:
        days: The oldest segment is at most so much older than the newest one, by the times of their last
            changes. The clock's own time does not count, and when the clock is set by more than a minute,
            nothing is deleted by age for a day.
        bytes: Of all segments of the pattern, with the open one, as they take them on the disk.
        free_bytes: So many stay free on the disk.

    Raises:
        OptionError: No limit is given, or one is out of range.
        OptionTypeError: One is not a number.

    Example:
        >>> import freshframe as ff
        >>> recorder = ff.VideoFile("door_%05d.mp4", segment=60, keep=ff.Keep(days=7, bytes=200e9))
    """

    days: float | None = None
    bytes: float | None = None
    free_bytes: float | None = None

    def __post_init__(self) -> None:
        """Refuses invalid values."""
        if self.days is None and self.bytes is None and self.free_bytes is None:
            raise OptionError("Keep needs a limit: days, bytes or free_bytes")
        if self.days is not None and not _check.number("days of Keep", self.days) > 0:
            raise OptionError(f"days of Keep must be above 0, got {_check.shown(self.days)}")
        for name, given in (("bytes", self.bytes), ("free_bytes", self.free_bytes)):
            if given is not None and not 1 <= _check.number(f"{name} of Keep", given) < 1 << 63:
                raise OptionError(f"{name} of Keep must be at least 1, got {_check.shown(given)}")


@dataclass(frozen=True, slots=True)
class Segment:
    """A finished segment of a recording.

    Attributes:
        path: Of the file, from the root on.
        pts: Of its first frame, in seconds. An event of the same source at ``sample.pts`` is
            ``sample.pts - segment.pts`` seconds behind the begin of the file.
        last_pts: Of its last frame.
        first_utc: Unix time of its first frame, as ``sample.utc``; None: unknown.
        last_utc: Unix time of its last frame; None: unknown.
        utc_from: The clock of ``first_utc``, as ``sample.utc_from``.
        bytes: The length of the file.
        frames: How many it has.
        damaged: How many of them have the mark ``sample.damaged``: a part of them, or of one before, was
            lost.
        gaps: A tuple of ``(pts, pts)``: between these two successive frames is more than a second, and more
            than three times the usual distance.
    """

    path: str
    pts: float
    last_pts: float
    first_utc: float | None
    last_utc: float | None
    utc_from: Literal["none", "arrival", "file", "device", "camera"]
    bytes: int
    frames: int
    damaged: int
    gaps: tuple[tuple[float, float], ...]


def limits(keep: object) -> tuple[float | None, int | None, int | None]:
    """The engine's form of a Keep."""
    if not isinstance(keep, Keep):
        raise OptionTypeError(
            f"keep of a video file must be a Keep, such as freshframe.Keep(days=7), or None; "
            f"got {_check.shown(keep)}"
        )
    return (
        None if keep.days is None else float(keep.days),
        None if keep.bytes is None else int(keep.bytes),
        None if keep.free_bytes is None else int(keep.free_bytes),
    )


def report_segments(handle: _native.NodeHandle, path: str, on_segment: Callable[[Segment], object]) -> None:
    """The body of a thread: calls ``on_segment`` until the recorder is closed."""
    while (facts := _native.next_segment(handle)) is not None:
        _report(Segment(*cast("Any", facts)), path, on_segment)


def _report(segment: Segment, path: str, on_segment: Callable[[Segment], object]) -> None:
    try:
        on_segment(segment)
    except Exception:
        logger.exception("on_segment of %r failed for %r", path, segment.path)
