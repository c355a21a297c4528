"""ZoneCounter: the native node that counts objects in zones."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from .. import _check, _native
from .._errors import OptionTypeError
from .._graph.contract import Contract
from .._graph.node import NativeNode
from .._interpreter import log
from .._results.circles import Circles
from .._results.corners import Anchor, checked_corners
from .._results.detections import Detections
from .crossing import Point
from .line_counter import checked_size
from .zones import Zones


class ZoneCounter(NativeNode["Circles | Detections", Zones]):
    """Counts tracks in zones, entering and leaving, and measures how long they stay. Native.

    The value is a mapping of ZoneCounts by name. Zones may overlap. As with LineCounter, dropped frames do
    not change the counts. An object that went through a zone between two positions is counted as entered and
    left. Each source has its own counts.

    Times are the samples' pts, so dropped frames change a visit by at most one frame interval at each end. An
    object that is unseen for up to `max_gap` is assumed to stay, but that time only counts once it is seen
    inside again. In a crowd, trackers swap ids: the mean duration of visits is then reliable, a single one
    may not be. ``BoxTracker(max_gap=3)`` keeps ids for longer.

    Args:
        zones: The corners of each zone by its name, 1 to 1000 zones, each with 3 to 1000 corners (x, y) in
            pixels, in order around the zone: ``json.load(file)`` of an object of lists of pairs, for example.
        anchor: As for LineCounter.
        margin: As for LineCounter.
        max_gap: Seconds for which an object may be unseen and still count as inside, more than 0. After that,
            the next sample ends its visit as "lost".
        loiter_after: Seconds of a visit after which an object counts as loitering: one number, or one per
            class name, such as ``{"person": 15, "car": 120}`` (for a class without a name: its number as a
            string). None: never.
        relative: Whether the corners are fractions of the frame's width and height, 0 to 1.

    Attributes:
        zones: May be set while the node runs: applies from the next sample. Zones that keep their name keep
            their counts; new zones start at 0. Moving a zone is not a crossing: an object that is then inside
            counts as appeared, and the visit of one that is then outside ends as "lost". Invalid zones raise
            an exception and change nothing.

    Raises:
        OptionError: A number is out of range, a zone's edges cross, it has no area, or its corners look like
            fractions without `relative`. The message names the zone.
        OptionTypeError: An option is of the wrong type.

    Example:
        >>> import freshframe as ff
        >>> pipeline = ff.Pipeline()
        >>> tracked = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open("demo:circles?frames=30")))
        >>> zones = ff.ZoneCounter({"left": [(0, 0), (640, 0), (640, 720), (0, 720)]})
        >>> counts = pipeline.reader(pipeline.add(zones, tracked))
        >>> with pipeline:
        ...     inside = [len(sample.value["left"].visible) for sample in counts]
    """

    def _freshframe_contract(self) -> Contract:
        return Contract(types=(Circles | Detections, Zones))

    def __init__(
        self,
        zones: Mapping[str, Sequence[Point]],
        *,
        anchor: Anchor = "center",
        margin: float | None = None,
        max_gap: float = 1.0,
        loiter_after: float | Mapping[str, float] | None = None,
        relative: bool = False,
    ) -> None:
        named = _named(zones)
        self._rules = _rules(anchor, margin, max_gap, loiter_after, relative)
        self._handle = _native.make_zone_counter(named, self._rules)
        self._zones = named
        self._updating = threading.Lock()

    @property
    def zones(self) -> Mapping[str, Sequence[Point]]:
        """The corners of each zone. New ones apply from the next sample."""
        return {name: tuple(corners) for name, corners in self._zones}

    @zones.setter
    def zones(self, value: Mapping[str, Sequence[Point]]) -> None:
        named = _named(value)
        _native.set_zones(self._handle, named, self._rules)
        self._zones = named

    def update(
        self, tracks: Circles | Detections, *, pts: float, size: tuple[int, int] | None = None
    ) -> Zones:
        """Adds the tracks of one more frame; returns the counts. See LineCounter.update()."""
        seconds = _check.number("pts", pts)
        with self._updating:
            counts: Zones = _native.update_zone_counter(self._handle, tracks, seconds, checked_size(size))
        if size is not None:
            log.drain()  # without a pipeline there is no thread that writes the engine's log
        return counts


def _rules(
    anchor: Any, margin: Any, max_gap: Any, loiter_after: float | Mapping[str, float] | None, relative: Any
) -> _native.ZoneRules:
    by_class = isinstance(loiter_after, Mapping)
    return _native.make_zone_rules(
        _check.text("anchor", anchor),
        None if margin is None else _check.number("margin", margin),
        _check.number("max_gap", max_gap),
        None if loiter_after is None or by_class else _check.number("loiter_after", loiter_after),
        _read_loiter_after(loiter_after) if by_class else {},
        _check.flag("relative", relative),
    )


def _read_loiter_after(given: Any) -> dict[str, float]:
    what = "loiter_after"
    return {_check.text(f"a class of {what}", name): _check.number(what, s) for name, s in given.items()}


def _named(zones: Any) -> list[tuple[str, list[Point]]]:
    if not isinstance(zones, Mapping):
        raise OptionTypeError(
            f"zones must map names to corners, such as {{'till': [(0, 0), (90, 0), (90, 90)]}}, got "
            f"{_check.show(zones)}"
        )
    return [(_check.text("a zone's name", name), checked_corners(corners)) for name, corners in zones.items()]
