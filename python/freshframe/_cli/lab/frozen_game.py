"""A 60 Hz game beside a capture that holds the GIL, beside one that releases it, and beside freshframe."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import freshframe as ff
from freshframe import _lab

from ..game import RATE, Diary, play, repeated_beside
from ..outcome import watched
from ..quantile import quantile
from .histogram import histogram
from .machine import Machine
from .measure import Bench, take_turns
from .table import Record, Result, Table, ms
from .timeline import Strip, draw_timelines

CAPTURE = 0.030  # seconds that the camera needs for a frame
DRAWING = 0.002  # seconds of Python per frame of the game
SHOWING = 0.0005  # seconds to show a frame; pygame.display.flip() releases the GIL
SCENE = "demo:circles?fps=60&size=640x480&balls=4&seed=1"
_WARM_UP = 0.3  # seconds until the tracker's first results count
_WAITING = 30  # milliseconds: waitKey(30), which shows about as many pictures per second
_KINDS = (
    "alone",
    "capture holds the GIL",
    f"the same, then waitKey({_WAITING})",
    "capture lets it go",
    "freshframe",
)


def run(bench: Bench, machine: Machine) -> Result:
    """Plays the game beside each kind of capture."""
    seconds, rounds = (1.0, 1) if bench.quick else (2.5, 2)
    alone, held, key, released, fresh = _KINDS
    games = take_turns(
        {
            alone: lambda: play(seconds, lambda: None, _draw),
            held: lambda: _beside_capture(seconds, release=False),
            key: lambda: _beside_capture_and_key(seconds),
            released: lambda: _beside_capture(seconds, release=True),
            fresh: lambda: _beside_freshframe(seconds),
        },
        rounds,
    )
    intervals = {name: [t for game in games[name] for t in game.frame_times] for name in _KINDS}
    missed = {name: sum(game.missed for game in games[name]) for name in _KINDS}
    frames = {name: sum(len(game.starts) + game.missed for game in games[name]) for name in _KINDS}
    notes = []
    if bench.picture is not None:
        strips = [Strip(name, _since_first(games[name][0])) for name in (held, released, fresh)]
        draw_timelines(strips, min(seconds, 1.5), 1 / RATE, bench.picture)
        notes.append(f"the three timelines are drawn in {bench.picture}")
    return Result(
        "frozen-game",
        [_table(intervals, missed, frames)],
        _meaning(intervals, missed, frames, machine),
        drawing=histogram({name: intervals[name] for name in (held, released, fresh)}),
        notes=notes,
    )


def _draw(diary: Diary) -> None:
    """The work of a game in a frame: some Python, then a call that shows the picture and releases the GIL."""
    end = time.perf_counter() + DRAWING
    while time.perf_counter() < end:
        pass
    _lab.wait(SHOWING, True)


def _beside_capture(seconds: float, *, release: bool) -> Diary:
    # As fast as the camera delivers them.
    with repeated_beside("lab-capture", lambda: _lab.wait(CAPTURE, release)):
        return play(seconds, lambda: None, _draw)


def _beside_capture_and_key(seconds: float) -> Diary:
    """OpenCV's usual loop: a read() that holds the GIL, then waitKey(), which releases it."""

    def step() -> None:
        _lab.wait(CAPTURE, False)
        _lab.wait(_WAITING / 1e3, True)

    with repeated_beside("lab-capture", step):
        return play(seconds, lambda: None, _draw)


def _beside_freshframe(seconds: float) -> Diary:
    pipeline = ff.Pipeline("lab")
    scene = pipeline.add(ff.open(SCENE), name="scene")
    reader = pipeline.reader(pipeline.add(ff.CircleTracker(), scene, name="tracker"), frames=False)
    with watched(pipeline), pipeline.start():
        time.sleep(_WARM_UP)
        return play(seconds, reader.latest, _draw)


def _since_first(game: Diary) -> list[float]:
    return [start - game.starts[0] for start in game.starts]


def _table(intervals: dict[str, list[float]], missed: dict[str, int], frames: dict[str, int]) -> Table:
    cells: list[list[str]] = []
    records: list[Record] = []
    for name, found in intervals.items():
        spread = {"p50": quantile(found, 0.5), "p99": quantile(found, 0.99), "max": max(found, default=0.0)}
        cells.append([name, *map(ms, spread.values()), f"{missed[name]} of {frames[name]}"])
        records.append({"beside": name, **spread, "missed": missed[name], "frames": frames[name]})
    return Table(
        "intervals",
        f"A game that draws every {1e3 / RATE:.1f} ms: from one frame to the next, ms",
        ("beside", "p50", "p99", "longest", "missed"),
        cells,
        records,
    )


def _meaning(
    intervals: Mapping[str, Sequence[float]], missed: dict[str, int], frames: dict[str, int], machine: Machine
) -> str:
    alone, held, _, released, fresh = _KINDS
    share = {name: missed[name] / max(1, frames[name]) for name in _KINDS}
    longest = {name: quantile(intervals[name], 0.99) for name in _KINDS}
    if share[held] < 0.2:
        return (
            f"Not as expected: beside a capture that holds the GIL for {CAPTURE * 1e3:g} ms per frame the "
            f"game missed only {share[held]:.0%} of its frames."
        )
    frozen = (
        f"A capture that holds the GIL for {CAPTURE * 1e3:g} ms per frame makes the game miss "
        f"{share[held]:.0%} of its frames; beside one that releases the GIL it misses {share[released]:.0%}"
    )
    if share[fresh] <= share[alone] + 0.02:
        return (
            f"{frozen}, and beside freshframe, which also tracks circles in 60 frames per second, "
            f"{share[fresh]:.0%} (p99 of a frame {ms(longest[fresh])} ms)."
        )
    return (
        f"{frozen}; beside freshframe, which also tracks circles in 60 frames per second, it misses "
        f"{share[fresh]:.0%} (alone {share[alone]:.0%}) because scene, tracker and game share "
        f"{'1 core' if machine.cores == 1 else f'{machine.usable:g} cores'} with the other programs of this "
        "machine."
    )
