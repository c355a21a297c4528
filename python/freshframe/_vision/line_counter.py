"""LineCounter: the native node that counts objects crossing a line."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from typing import Any

from .. import _check, _native
from .._errors import OptionTypeError
from .._graph.contract import Contract
from .._graph.node import NativeNode
from .._interpreter import log
from .._results.circles import Circles
from .._results.corners import Anchor
from .._results.detections import Detections
from .crossing import Point
from .line_counts import LineCounts


class LineCounter(NativeNode["Circles | Detections", LineCounts]):
    """Counts tracks that cross a line, per direction. Native.

    An object has crossed when it was seen on one side of the line and then on the other, and the straight
    path between these positions goes through the line. Dropped frames therefore do not change the counts, and
    an object that stays on the line is not counted repeatedly. Needs a BoxTracker or CircleTracker upstream.
    Each source has its own counts.

    Args:
        start: (x, y) in pixels: one end of the line. Forward is to the right when looking from here towards
            ``end``: downwards for a line from left to right.
        end: (x, y) in pixels: the other end.
        anchor: The point of an object that must cross: its "center", or the middle of its lower edge,
            "bottom".
        margin: Pixels. An object counts as being on a side only if its anchor is farther from the line than
            this. None: a twentieth of the object's size, at least one pixel.
        relative: Whether ``start`` and ``end`` are fractions of the frame's width and height, 0 to 1, instead
            of pixels. Results are in pixels.

    Attributes:
        line: (start, end). May be set while the node runs: applies from the next sample, and the counts
            continue. Moving the line is not a crossing: an object's side is where it is seen next. An invalid
            line raises an exception and changes nothing.

    Raises:
        OptionError: A number is out of range, the length of the line is 0, or its ends look like fractions of
            the frame without `relative`: all within 0 to 1 and not all integers. A line outside the frame is
            logged.
        OptionTypeError: An option is of the wrong type.

    Example:
        >>> import freshframe as ff
        >>> pipeline = ff.Pipeline()
        >>> tracked = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open("demo:circles?frames=30")))
        >>> counts = pipeline.reader(pipeline.add(ff.LineCounter((640, 0), (640, 720)), tracked))
        >>> with pipeline:
        ...     crossed = [(sample.value.forward, sample.value.backward) for sample in counts]
    """

    def _freshframe_contract(self) -> Contract:
        return Contract(types=(Circles | Detections, LineCounts))

    def __init__(
        self,
        start: Point,
        end: Point,
        *,
        anchor: Anchor = "center",
        margin: float | None = None,
        relative: bool = False,
    ) -> None:
        ends = _check.pair("start (x, y)", start), _check.pair("end (x, y)", end)
        self._handle = _native.make_line_counter(
            *ends,
            _check.text("anchor", anchor),
            None if margin is None else _check.number("margin", margin),
            _check.flag("relative", relative),
        )
        self._line = ends
        self._updating = threading.Lock()

    @property
    def line(self) -> tuple[Point, Point]:
        """The line as (start, end). A new value applies from the next sample."""
        return self._line

    @line.setter
    def line(self, value: tuple[Point, Point]) -> None:
        try:
            start, end = value
            _ = len(start), len(end)
        except (TypeError, ValueError):
            raise OptionTypeError(
                f"line must be its two ends, such as ((0, 120), (320, 120)), got {_check.show(value)}"
            ) from None
        ends = _check.pair("start (x, y)", start), _check.pair("end (x, y)", end)
        _native.set_line(self._handle, *ends)
        self._line = ends

    def update(
        self, tracks: Circles | Detections, *, pts: float, size: tuple[int, int] | None = None
    ) -> LineCounts:
        """Adds the tracks of one more frame and returns the counts, without a pipeline.

        Args:
            tracks: A tracker's result.
            pts: Timestamp in seconds, ascending; after a step back all objects are new, and the counts
                continue.
            size: Width and height of the frame; required with `relative`.

        Raises:
            StateError: This counter was added to a pipeline.
            OptionTypeError: ``tracks`` has the wrong type, or pts is not a number.
            FreshframeError: The tracks have no ids, or `relative` needs a size.
        """
        seconds = _check.number("pts", pts)
        with self._updating:
            sides = checked_size(size)
            counts: LineCounts = _native.update_line_counter(self._handle, tracks, seconds, sides)
        if size is not None:
            log.drain()  # without a pipeline there is no thread that writes the engine's log
        return counts


def checked_size(given: Any) -> tuple[int, int]:
    """Returns the checked width and height of a frame, or (0, 0) if not given."""
    return (0, 0) if given is None else _check.size("size", given)
