"""probe(): properties and frame timing of a source, without a pipeline."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
import os
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

from .. import _check
from .._errors import EndOfStreamError, OptionError, ReadTimeoutError, SourceError, SourceTimeoutError
from .._media.open import open_once
from .._media.video_info import Format, VideoInfo
from .._pipeline.pipeline import Pipeline

if TYPE_CHECKING:
    from .._look.stats import SourceStats, Stats
    from .._media.video_source import VideoSource
    from .._native import Frame, Reader, Sample

_FIRST_SECONDS = 10.0  # timeout for the first frame of a live source
_LOOK_SECONDS = 0.1  # seconds between checks whether the source has failed


@dataclass(frozen=True, slots=True)
class Measured:
    """Measurements of a source that was read for some time.

    Attributes:
        frames: Number of frames read.
        duration: Seconds that the reading took.
        first: Seconds from the start to the first frame.
        interval: Median seconds between the pts of successive frames; None with fewer than two frames.
        deviation: Standard deviation of those intervals, seconds.
        longest: The longest of them, seconds.
        dropped: Frames that were dropped or could not be decoded.
        drops: Dropped frames by cause.
    """

    frames: int
    duration: float
    first: float
    interval: float | None
    deviation: float | None
    longest: float | None
    dropped: int
    drops: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Probe(VideoInfo):
    """The properties of a source: of its video, and of its first frame.

    Attributes:
        url: The URL with its password masked.
        live: Whether the source cannot wait, like a camera.
        format: ``Frame.format`` of the first frame.
        color_range: ``Frame.color_range`` of the first frame.
        color_space: ``Frame.color_space`` of the first frame.
        measured: Measurements of the frames that were read.
        source: State, outages and other counters of a live source's connection.
    """

    url: str
    live: bool
    format: Format
    color_range: Literal["limited", "full"]
    color_space: str
    measured: Measured
    source: SourceStats | None


def probe(
    url: int | str | os.PathLike[str],
    /,
    *,
    fps: float | None = None,
    seconds: float = 0.0,
    rendition: str | int = "best",
    stream: int | None = None,
    options: Mapping[str, str] | None = None,
) -> Probe:
    """Opens a source, reads its first frame and returns the source's properties.

    Args:
        url: As for open().
        fps: As for open().
        seconds: Time to read after the first frame, for ``measured``.
        rendition: As for open().
        stream: As for open().
        options: As for open().

    Raises:
        SourceError: The source cannot be opened, or delivers no frame. Live sources are not retried.
        SourceTimeoutError: A live source delivered no frame within 10 s.
        OptionError: The URL or an option is invalid.
    GIL: released while waiting.
    """
    if _check.number("seconds", seconds) < 0:
        raise OptionError(f"seconds must be 0 or more, got {_check.show(seconds)}")
    return Probing(open_once(url, fps=fps, rendition=rendition, stream=stream, options=options)).run(seconds)


class Probing:
    """A single probe, with access to its pipeline."""

    def __init__(self, source: VideoSource) -> None:
        """Adds the source; nothing is opened yet."""
        self.source = source
        self.pipeline = Pipeline("probe")
        self._reader: Reader[Frame] = self.pipeline.reader(self.pipeline.add(source, name="source"))

    def run(self, seconds: float) -> Probe:
        """Opens, reads and closes the source."""
        began = time.monotonic()
        with self.pipeline:
            first = self._first()
            waited = time.monotonic() - began
            stamps = self._stamps(first, seconds)
            elapsed = time.monotonic() - began - waited
            info = self.source.info
            stats = self.pipeline.stats()
        frame = first.value
        return Probe(
            url=self.source.url,
            live=self.source.live,
            format=frame.format,
            color_range=frame.color_range,
            color_space=frame.color_space,
            measured=_measured(stats, stamps, waited, elapsed),
            source=stats.nodes["source"].source,
            **{each.name: getattr(info, each.name) for each in fields(info)},
        )

    def _first(self) -> Sample[Frame]:
        """Returns the first frame. Raises as soon as a live source fails, instead of letting it reconnect."""
        deadline = time.monotonic() + _FIRST_SECONDS
        while time.monotonic() < deadline:
            if sample := self._next(_LOOK_SECONDS):
                return sample
            connection = self.pipeline.stats().nodes["source"].source
            if connection is not None and connection.last_error:
                raise SourceError(connection.last_error)
            if self._reader.ended:
                raise SourceError(f"'{self.source.url}' ended before its first frame")
        raise SourceTimeoutError(f"'{self.source.url}' sent no frame within {_FIRST_SECONDS:g} s")

    def _stamps(self, first: Sample[Frame], seconds: float) -> list[float]:
        """Returns the pts of all frames within `seconds`, including the first."""
        stamps = [first.pts]
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and (sample := self._next(left)):
            stamps.append(sample.pts)
        return stamps

    def _next(self, seconds: float) -> Sample[Frame] | None:
        try:
            return self._reader.get(timeout=seconds)
        except (EndOfStreamError, ReadTimeoutError):
            return None


def _measured(stats: Stats, stamps: list[float], waited: float, elapsed: float) -> Measured:
    drops: dict[str, int] = {}
    for counted in [
        *(node.drops.items() for node in stats.nodes.values()),
        *(edge.drops.items() for edge in stats.edges),
    ]:
        for cause, count in counted:
            drops[cause] = drops.get(cause, 0) + count
    intervals = [later - earlier for earlier, later in itertools.pairwise(stamps)]
    return Measured(
        frames=len(stamps),
        duration=elapsed,
        first=waited,
        interval=statistics.median(intervals) if intervals else None,
        deviation=statistics.pstdev(intervals) if intervals else None,
        longest=max(intervals, default=None),
        dropped=sum(drops.values()),
        drops=drops,
    )
