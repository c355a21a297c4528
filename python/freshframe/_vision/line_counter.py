"""The native node that counts objects that cross a line."""

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
    """Counts tracks that cross a line, in each direction. Native.

    An object has crossed when it was seen on one side of the line and then on the other, and the straight
    path between these positions goes through the line. So dropped frames do not change the count, and an
    object that stays on the line is not counted again and again. Put a BoxTracker or a CircleTracker before
    it. Each source has its own counts.

    Args:
        start: (x, y) in pixels: one end of the line. Forward is to the right, as seen from here towards
            ``end``: downwards for a line drawn from left to right.
        end: (x, y) in pixels: the other end.
        anchor: The point of an object that crosses: its "center", or the middle of its lower edge, "bottom".
        margin: Pixels. An object is on a side only when its anchor is farther from the line than this. None
            means a twentieth of the object's size, at least one pixel.
        relative: Whether ``start`` and ``end`` are shares of the picture's width and height, 0 to 1, instead
            of pixels. The counts have them in pixels.

    Attributes:
        line: (start, end). It may be set while the node works: the next sample has the new line, and the
            counts go on. The move itself is no crossing: an object is on the side on which it is seen next.
            An impossible line raises, and changes nothing.

    Raises:
        OptionError: A number is out of range, the length of the line is 0, or its ends are shares of the
            picture without `relative`: all within 0 to 1 and not all whole numbers. A line outside of the
            picture is logged.
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
        """Checks the options. All counts are 0."""
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
        """The line's start and end. New ones hold from the next sample on."""
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
        """The counts with the tracks of one more picture, for programs without a pipeline.

        Args:
            tracks: A tracker's result.
            pts: Seconds, ascending; after a step back all objects are new, and the counts continue.
            size: Width and height of the picture, which `relative` needs.

        Raises:
            StateError: This counter was added to a pipeline.
            OptionTypeError: ``tracks`` are of another type, or pts is not a number.
            FreshframeError: The tracks have no ids, or the size is not known.
        """
        seconds = _check.number("pts", pts)
        with self._updating:
            sides = checked_size(size)
            counts: LineCounts = _native.update_line_counter(self._handle, tracks, seconds, sides)
        if size is not None:
            log.drain()  # the engine's log has no thread without a pipeline
        return counts


def checked_size(given: Any) -> tuple[int, int]:
    """Returns a picture's width and height, or (0, 0) if they are not given."""
    return (0, 0) if given is None else _check.size("size", given)
