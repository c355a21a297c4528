"""A 60 Hz game beside captures that hold and that release the GIL, and beside freshframe."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

import freshframe as ff
from freshframe import _lab, _native

from ..game import RATE, Diary, play, repeated_beside
from ..outcome import watched
from ..quantile import quantile
from .machine import Machine
from .measure import Bench, take_turns
from .table import Record, Result, Table, ms

_BOUNDS = (0.015, 0.018, 0.025, 0.035, 0.050, 0.070, 0.100)  # seconds; the second column is a game on time
_HEADING = "share of frames, by ms"
_BARS = " ▁▂▃▄▅▆▇█"


def histogram(series: Mapping[str, Sequence[float]]) -> list[str]:
    """One line per series: the share of its intervals in each range, as bars and per cent."""
    words = [f"<{_BOUNDS[0] * 1e3:.0f}"]
    words += [f"{low * 1e3:.0f}-{high * 1e3:.0f}" for low, high in itertools.pairwise(_BOUNDS)]
    words.append(f">{_BOUNDS[-1] * 1e3:.0f}")
    width = max(map(len, (_HEADING, *series)))
    lines = [f"{_HEADING:<{width}}  " + "".join(f"{word:>9}" for word in words)]
    for name, values in series.items():
        counts = [0] * len(words)
        for value in values:
            counts[bisect_right(_BOUNDS, value)] += 1
        lines.append(f"{name:<{width}}  " + "".join(_cell(count, len(values)) for count in counts))
    return lines


def _cell(count: int, whole: int) -> str:
    if not count:
        return f"{'.':>9}"
    share = count / whole
    bar = _BARS[max(1, round(share * (len(_BARS) - 1)))]
    return f"{bar * 3 + f'{share:4.0%}':>9}"


Canvas = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

_WIDTH, _MARGIN = 1280, 48
_HEAD, _STRIP, _FOOT = 104, 118, 58  # heights
_BAR = 64
_LARGE, _NORMAL, _SMALL = 26.0, 18.0, 14.0  # letters
_GROUND, _PANEL, _INK, _FAINT = (30, 24, 22), (44, 36, 33), (238, 232, 228), (150, 140, 132)  # BGR
_GOOD, _BAD = (120, 205, 110), (84, 84, 236)


@dataclass(frozen=True, slots=True)
class Strip:
    """One case: when each frame of the game began, in seconds from the first one."""

    name: str
    starts: Sequence[float]


def draw_timelines(strips: Sequence[Strip], seconds: float, refresh: float, path: Path) -> None:
    """Writes the picture, PNG or JPEG by the suffix of its name.

    Args:
        strips: The cases, from top to bottom.
        seconds: Length of the shown part of each case.
        refresh: Seconds between two frames of a game that misses none.
        path: The file.

    Raises:
        FreshframeError: The file cannot be written.
    GIL: released while the file is written.
    """
    height = _HEAD + _STRIP * len(strips) + _FOOT
    picture = np.full((height, _WIDTH, 3), _GROUND, np.uint8)
    _draw_head(picture, refresh)
    for number, strip in enumerate(strips):
        _draw_strip(picture, strip, _HEAD + number * _STRIP, seconds, refresh)
    _draw_axis(picture, _HEAD + _STRIP * len(strips), seconds)
    ff.Frame.from_array(picture, "bgr").write(path)


def _draw_head(picture: Canvas, refresh: float) -> None:
    _write(picture, f"A game that draws every {1e3 * refresh:.1f} ms", _MARGIN, 24, _LARGE, _INK)
    x = _MARGIN
    for colour, text in ((_GOOD, "a frame of the game"), (_BAD, "the screen does not change")):
        _fill(picture, x, x + 12, 65, 77, colour)
        x = _write(picture, text, x + 22, 64, _SMALL, _FAINT) + 36


def _draw_strip(picture: Canvas, strip: Strip, top: int, seconds: float, refresh: float) -> None:
    scale = (_WIDTH - 2 * _MARGIN) / seconds
    shown = [start for start in strip.starts if start < seconds]
    lost = max(0, round(seconds / refresh) - len(shown))
    _write(picture, strip.name, _MARGIN, top, _NORMAL, _INK)
    counted = f"{len(shown)} frames, {lost} missed"
    width = _native.text_mask(counted, _NORMAL).shape[1]
    _write(
        picture, counted, _WIDTH - _MARGIN - width, top, _NORMAL, _BAD if lost > len(shown) / 20 else _GOOD
    )
    bar = top + 32
    _fill(picture, _MARGIN, _WIDTH - _MARGIN, bar, bar + _BAR, _PANEL)
    for start, end in zip(shown, [*shown[1:], seconds], strict=True):
        left = _MARGIN + scale * start
        if end - start > 1.5 * refresh:  # the screen still shows the old frame
            due = _MARGIN + scale * (start + refresh)
            _fill(picture, due, _MARGIN + scale * end, bar + 8, bar + _BAR - 8, _BAD)
        _fill(picture, left, left + 2.5, bar, bar + _BAR, _GOOD)


def _draw_axis(picture: Canvas, top: int, seconds: float) -> None:
    scale = (_WIDTH - 2 * _MARGIN) / seconds
    _fill(picture, _MARGIN, _WIDTH - _MARGIN, top, top + 1, _FAINT)
    for tenth in range(int(seconds * 10 + 1e-9) + 1):
        at = _MARGIN + scale * tenth / 10
        _fill(picture, at - 0.5, at + 0.5, top, top + (9 if tenth % 5 == 0 else 5), _FAINT)
        if tenth % 5 == 0:
            text = f"{tenth / 10:g} s"
            width = _native.text_mask(text, _SMALL).shape[1]
            place = min(max(_MARGIN, int(at) - width // 2), _WIDTH - _MARGIN - width)
            _write(picture, text, place, top + 16, _SMALL, _FAINT)


def _write(picture: Canvas, text: str, x: int, y: int, height: float, colour: Colour) -> int:
    """Draws a line of text and returns its right edge. A text that does not fit is cut off."""
    mask = _native.text_mask(text, height)
    target = picture[y : y + mask.shape[0], x : x + mask.shape[1]]
    _mix(target, mask[: target.shape[0], : target.shape[1], None] / 255.0, colour)
    return x + int(mask.shape[1])


def _fill(picture: Canvas, left: float, right: float, top: int, bottom: int, colour: Colour) -> None:
    """Fills a box. Columns that it covers in part get a mixed colour."""
    right = min(right, float(_WIDTH - _MARGIN))
    columns = np.arange(int(left), int(np.ceil(right)))
    covered = np.clip(np.minimum(columns + 1, right) - np.maximum(columns, left), 0, 1)
    _mix(picture[top:bottom, int(left) : int(np.ceil(right))], covered[None, :, None], colour)


def _mix(target: Canvas, share: npt.NDArray[np.float64], colour: Colour) -> None:
    target[...] = np.rint(target * (1 - share) + np.array(colour) * share).astype(np.uint8)


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
    # The camera delivers them this fast.
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
    with watched(pipeline), pipeline:
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
