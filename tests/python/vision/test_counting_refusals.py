"""LineCounter and ZoneCounter: rejected options, and geometry outside of the image."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import pytest
from rigs.counting import LINE, ZONE, at

import freshframe as ff

any_line: Any = ff.LineCounter


def any_zone(corners: Any, **options: Any) -> ff.ZoneCounter:
    return ff.ZoneCounter({"till": corners}, **options)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: any_line((1, 2), (1, 2)),
            ff.OptionError,
            r"a line of at least one pixel, got one from \(1, 2\)",
        ),
        (
            lambda: any_line((1, 2), (math.nan, 2)),
            ff.OptionError,
            "end .* must be a finite number, got nan",
        ),
        (
            lambda: any_line((0, 0), (1e9, 0)),
            ff.OptionError,
            r"within 1e\+06 pixels .* got \(1e\+09, 0\)",
        ),
        (
            lambda: any_line((1, 2, 3), (0, 0)),
            ff.OptionTypeError,
            r"start \(x, y\) must be two numbers",
        ),
        (lambda: any_line(5, (0, 0)), ff.OptionTypeError, r"start \(x, y\) must be two numbers, got 5"),
        (lambda: any_line(*LINE, anchor="top"), ff.OptionError, "'center' or 'bottom', got 'top'"),
        (lambda: any_line(*LINE, margin=-1), ff.OptionError, r"margin from 0 to .* pixels, got -1"),
        (lambda: any_zone([(0, 0), (9, 9)]), ff.OptionError, "3 to 1000 corners, got 2"),
        (
            lambda: any_zone([(0, 0), (9, 9), (18, 18)]),
            ff.OptionError,
            "must have an area of at least one pixel",
        ),
        (
            lambda: any_zone([(0, 0), (90, 90), (90, 0), (0, 90)]),  # its halves cancel out
            ff.OptionError,
            "but the edges from corner 0 and from corner 2 cross",
        ),
        (
            lambda: any_zone([(0, 0), (90, 90), (90, 0), (0, 80)]),
            ff.OptionError,
            "in order around the zone, but the edges from corner 0 and from corner 2 cross",
        ),
        (lambda: any_zone(7), ff.OptionTypeError, r"corners must be a sequence of \(x, y\)"),
        (lambda: any_zone("abc"), ff.OptionTypeError, r"corners must be a sequence of \(x, y\)"),
        (
            lambda: any_zone([1, 2, 3]),
            ff.OptionTypeError,
            r"a corner \(x, y\) must be two numbers, got 1",
        ),
        (lambda: any_zone([(0, 0)] * 1001), ff.OptionError, "at most 1000 corners, got 1001"),
        (lambda: any_zone(ZONE, max_gap=0), ff.OptionError, "max_gap of more than 0 .*, got 0"),
    ],
)
def test_geometry_that_cannot_be_is_named(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_things_without_ids_are_refused_with_what_to_do() -> None:
    found = ff.Detections([[0, 0, 9, 9]], [0.9], [0])
    with pytest.raises(ff.FreshframeError, match=r"LineCounter counts tracks, .* add a BoxTracker"):
        ff.LineCounter(*LINE).update(found, pts=0)
    with pytest.raises(
        ff.OptionTypeError, match=r"ZoneCounter takes Circles or Detections .* got an int: create them"
    ):
        ff.ZoneCounter({"till": ZONE}).update(5, pts=0)  # type: ignore[arg-type]
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?pace=0&frames=1"), name="camera")
    with pytest.raises(
        ff.GraphError, match="'LineCounter' takes Circles or Detections, but its parent 'camera' returns"
    ):
        pipeline.add(ff.LineCounter(*LINE), camera)  # type: ignore[misc]
    counter = ff.ZoneCounter({"till": ZONE})
    pipeline.add(counter, pipeline.add(ff.CircleTracker(), camera))
    with pytest.raises(ff.StateError, match=r"ZoneCounter is a node of a pipeline.*create another one"):
        counter.update(at((1, 1)), pts=0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ff.LineCounter((0.0, 0.5), (1.0, 0.5)),
        lambda: ff.ZoneCounter({"till": [(0.1, 0.1), (0.9, 0.1), (0.9, 0.9)]}),
        lambda: ff.ZoneCounter({"till": [(0, 0), (1, 0), (1, 1), (0, 1)]}),
    ],
)
def test_shares_of_the_picture_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ff.OptionError, match="needs coordinates in pixels, got fractions of the frame"):
        make()


@pytest.mark.parametrize(
    ("counter", "logged"),
    [
        (ff.LineCounter((700, 10), (900, 10)), True),
        (ff.LineCounter((600, 10), (900, 10)), False),
        (ff.ZoneCounter({"till": [(-90, 0), (-10, 0), (-10, 90)]}), True),
        (ff.ZoneCounter({"till": [(-90, 0), (10, 0), (10, 90)]}), False),
        (ff.ZoneCounter({"out": [(-90, 0), (-10, 0), (-10, 90)], "in": [(0, 0), (90, 0), (90, 90)]}), True),
    ],
)
def test_a_line_or_zone_outside_of_the_picture_is_logged_once(
    counter: Any, logged: bool, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?size=640x360&frames=3&pace=0"))
    pipeline.add(counter, pipeline.add(ff.CircleTracker(), camera), name="door")
    pipeline.run()
    said = [line for line in caplog.messages if "outside the frame of 640x360 pixels" in line]
    assert len(said) == logged
    assert all(
        re.match("'door' counts nothing: (its line|the zone '(out|till)') lies", line) for line in said
    )
