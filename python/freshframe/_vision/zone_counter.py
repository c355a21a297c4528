"""The native node that counts objects in zones."""

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
    """Counts tracks that are in zones, that go in and that go out, and measures how long they stay. Native.

    The value is a mapping of ZoneCounts by name, and Annotate draws all zones with their names. Zones may
    overlap. As with LineCounter, dropped frames do not change the count. An object that went through a zone
    between two positions is counted as entered and left. Each source has its own counts.

    Times are the samples' pts, so frames that were dropped change a visit by at most the interval of the
    frames that came, at each end. An object that is not seen for up to `max_gap` is still there, but this
    time counts only when it is seen inside again. In a crowd a tracker's ids change their owners: there the
    mean of the visits holds, and a single one may not. ``BoxTracker(max_gap=3)`` keeps ids for longer.

    Args:
        zones: The corners of each zone by its name, 1 to 1000 zones, each with 3 to 1000 corners (x, y) in
            pixels, in order around the zone: ``json.load(file)`` of an object of lists of pairs, for example.
        anchor: As of LineCounter.
        margin: As of LineCounter.
        max_gap: Seconds for which an object may be unseen and still count as inside, more than 0. After them
            its visit has ended as "lost", with the next sample.
        loiter_after: Seconds of a visit after which an object loiters: a number, or one for each name of a
            class, such as ``{"person": 15, "car": 120}`` (a class without a name has its number as name).
            None means no object loiters.
        relative: As of LineCounter: whether the corners are shares of the picture, 0 to 1.

    Attributes:
        zones: They may be set while the node works: the next sample has the new zones. The counts of zones
            whose names stay go on, and new zones begin with 0. By a move nothing enters or leaves: an object
            that it puts inside has appeared, and the visit of an object that it puts outside has ended as
            "lost". Impossible zones raise, and change nothing.

    Raises:
        OptionError: A number is out of range, or a zone's edges cross, it has no area, or its corners are
            shares of the picture, as of LineCounter. The message names the zone.
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
        """Checks the options. All counts are 0."""
        named = _named(zones)
        self._rules = _rules(anchor, margin, max_gap, loiter_after, relative)
        self._handle = _native.make_zone_counter(named, self._rules)
        self._zones = named
        self._updating = threading.Lock()

    @property
    def zones(self) -> Mapping[str, Sequence[Point]]:
        """The corners of each zone. New ones hold from the next sample on."""
        return {name: tuple(corners) for name, corners in self._zones}

    @zones.setter
    def zones(self, value: Mapping[str, Sequence[Point]]) -> None:
        named = _named(value)
        _native.set_zones(self._handle, named, self._rules)
        self._zones = named

    def update(
        self, tracks: Circles | Detections, *, pts: float, size: tuple[int, int] | None = None
    ) -> Zones:
        """Does the work of LineCounter.update()."""
        seconds = _check.number("pts", pts)
        with self._updating:
            counts: Zones = _native.update_zone_counter(self._handle, tracks, seconds, checked_size(size))
        if size is not None:
            log.drain()  # the engine's log has no thread without a pipeline
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
