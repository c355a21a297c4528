"""`freshframe demo --frozen-game`: a game alongside captures that hold or release the GIL, and freshframe."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ctypes
import itertools
import json
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import freshframe as ff
from freshframe import _native

from ..game import RATE, Diary, play, repeated_beside
from ..messages import Messages
from ..outcome import ExitCode, watched
from .report import spread

_BOUNDS = (
    0.015,
    0.018,
    0.025,
    0.035,
    0.050,
    0.070,
    0.100,
)  # seconds; a game that misses no refresh is in the second column
_HEADING = "share of frames, by ms"
_BARS = " ▁▂▃▄▅▆▇█"


def histogram(series: Mapping[str, Sequence[float]]) -> list[str]:
    """Returns one line per series: the share of its intervals in each range, as bars and percentages."""
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
_HEAD, _STRIP, _FOOT = 104, 118, 58  # heights in pixels
_BAR = 64
_LARGE, _NORMAL, _SMALL = 26.0, 18.0, 14.0  # font sizes
_GROUND, _PANEL, _INK, _FAINT = (30, 24, 22), (44, 36, 33), (238, 232, 228), (150, 140, 132)  # BGR
_GOOD, _BAD = (120, 205, 110), (84, 84, 236)


@dataclass(frozen=True, slots=True)
class Strip:
    """One case: the start time of each frame of the game, in seconds since the first."""

    name: str
    starts: Sequence[float]


def draw_timelines(strips: Sequence[Strip], seconds: float, refresh: float, path: Path) -> None:
    """Writes the timelines as an image, PNG or JPEG by the suffix of its name.

    Args:
        strips: The cases, from top to bottom.
        seconds: Length of the shown part of each case.
        refresh: Refresh interval of the screen in seconds.
        path: Path of the image.

    Raises:
        FreshframeError: The file cannot be written.
    GIL: released while the file is written.
    """
    height = _HEAD + _STRIP * len(strips) + _FOOT
    canvas = np.full((height, _WIDTH, 3), _GROUND, np.uint8)
    _draw_head(canvas, refresh)
    for number, strip in enumerate(strips):
        _draw_strip(canvas, strip, _HEAD + number * _STRIP, seconds, refresh)
    _draw_axis(canvas, _HEAD + _STRIP * len(strips), seconds)
    ff.Frame.from_array(canvas, "bgr").write(path)


def _draw_head(canvas: Canvas, refresh: float) -> None:
    _write(canvas, f"A game that draws every {1e3 * refresh:.1f} ms", _MARGIN, 24, _LARGE, _INK)
    x = _MARGIN
    for colour, text in ((_GOOD, "a frame of the game"), (_BAD, "the screen does not change")):
        _fill(canvas, x, x + 12, 65, 77, colour)
        x = _write(canvas, text, x + 22, 64, _SMALL, _FAINT) + 36


def _draw_strip(canvas: Canvas, strip: Strip, top: int, seconds: float, refresh: float) -> None:
    scale = (_WIDTH - 2 * _MARGIN) / seconds
    shown = [start for start in strip.starts if start < seconds]
    lost = max(0, round(seconds / refresh) - len(shown))
    _write(canvas, strip.name, _MARGIN, top, _NORMAL, _INK)
    counted = f"{len(shown)} frames, {lost} missed"
    width = _native.text_mask(counted, _NORMAL).shape[1]
    _write(canvas, counted, _WIDTH - _MARGIN - width, top, _NORMAL, _BAD if lost > len(shown) / 20 else _GOOD)
    bar = top + 32
    _fill(canvas, _MARGIN, _WIDTH - _MARGIN, bar, bar + _BAR, _PANEL)
    for start, end in zip(shown, [*shown[1:], seconds], strict=True):
        left = _MARGIN + scale * start
        if end - start > 1.5 * refresh:  # the screen still shows the old frame
            due = _MARGIN + scale * (start + refresh)
            _fill(canvas, due, _MARGIN + scale * end, bar + 8, bar + _BAR - 8, _BAD)
        _fill(canvas, left, left + 2.5, bar, bar + _BAR, _GOOD)


def _draw_axis(canvas: Canvas, top: int, seconds: float) -> None:
    scale = (_WIDTH - 2 * _MARGIN) / seconds
    _fill(canvas, _MARGIN, _WIDTH - _MARGIN, top, top + 1, _FAINT)
    for tenth in range(int(seconds * 10 + 1e-9) + 1):
        at = _MARGIN + scale * tenth / 10
        _fill(canvas, at - 0.5, at + 0.5, top, top + (9 if tenth % 5 == 0 else 5), _FAINT)
        if tenth % 5 == 0:
            text = f"{tenth / 10:g} s"
            width = _native.text_mask(text, _SMALL).shape[1]
            place = min(max(_MARGIN, int(at) - width // 2), _WIDTH - _MARGIN - width)
            _write(canvas, text, place, top + 16, _SMALL, _FAINT)


def _write(canvas: Canvas, text: str, x: int, y: int, height: float, colour: Colour) -> int:
    """Draws one line of text and returns its right edge. Text that does not fit is cut off."""
    mask = _native.text_mask(text, height)
    target = canvas[y : y + mask.shape[0], x : x + mask.shape[1]]
    _mix(target, mask[: target.shape[0], : target.shape[1], None] / 255.0, colour)
    return x + int(mask.shape[1])


def _fill(canvas: Canvas, left: float, right: float, top: int, bottom: int, colour: Colour) -> None:
    """Fills a rectangle. Columns that are partly covered get a blended colour."""
    right = min(right, float(_WIDTH - _MARGIN))
    columns = np.arange(int(left), int(np.ceil(right)))
    covered = np.clip(np.minimum(columns + 1, right) - np.maximum(columns, left), 0, 1)
    _mix(canvas[top:bottom, int(left) : int(np.ceil(right))], covered[None, :, None], colour)


def _mix(target: Canvas, share: npt.NDArray[np.float64], colour: Colour) -> None:
    target[...] = np.rint(target * (1 - share) + np.array(colour) * share).astype(np.uint8)


CAPTURE = 0.030  # seconds until the camera has a frame
DRAWING = 0.002  # time that Python code takes per frame of the game, in seconds
SHOWING = 0.0005  # seconds to show a frame; pygame.display.flip() releases the GIL
SCENE = "demo:circles?fps=60&size=640x480&balls=4&seed=1"
_WARM_UP = 0.3  # seconds until the tracker's first results count
_WAITING = 30  # milliseconds: waitKey(30), the usual wait of an OpenCV loop
_LONGEST = 5.0  # maximum duration of each case in seconds
_KINDS = (
    "alone",
    "capture holds the GIL",
    f"the same, then waitKey({_WAITING})",
    "capture lets it go",
    "freshframe",
)


_SLEEP_HOLDING = ctypes.PyDLL(None).usleep  # PyDLL keeps the GIL during the call
_SLEEP_RELEASING = ctypes.CDLL(None).usleep


def run(options: Any, messages: Messages, folder: Path) -> ExitCode:
    """Runs the game alongside each kind of capture. Prints the result; writes timelines to ``folder``."""
    seconds = min(options.seconds / len(_KINDS), _LONGEST)
    messages.say(
        f"a game that draws {RATE:g} times a second, {seconds:g} s beside each of {len(_KINDS)} programs ..."
    )
    alone, held, key, released, fresh = _KINDS
    games = {
        alone: play(seconds, lambda: None, _draw),
        held: _beside_capture(seconds, lambda: _SLEEP_HOLDING(int(CAPTURE * 1e6))),
        key: _beside_capture(seconds, _capture_and_wait_for_key),
        released: _beside_capture(seconds, lambda: _SLEEP_RELEASING(int(CAPTURE * 1e6))),
        fresh: _beside_freshframe(seconds),
    }
    path = folder / "freshframe-frozen-game.png"
    draw_timelines(
        [Strip(name, _since_first(games[name])) for name in (held, released, fresh)],
        min(seconds, 1.5),
        1 / RATE,
        path,
    )
    rows = [_row(name, game) for name, game in games.items()]
    if options.json:
        print(json.dumps({"rows": rows, "picture": str(path), "text": _meaning(rows)}, allow_nan=False))
        return ExitCode.OK
    print("\n".join(_table(rows)))
    print("\n".join(histogram({name: games[name].frame_times for name in (held, released, fresh)})))
    print(f"{_meaning(rows)}\nThe timelines are drawn in {path}")
    return ExitCode.OK


def _draw(diary: Diary) -> None:
    """Does what a game does in a frame: runs some Python code, then shows the image without the GIL."""
    end = time.perf_counter() + DRAWING
    while time.perf_counter() < end:
        pass
    _SLEEP_RELEASING(int(SHOWING * 1e6))


def _beside_capture(seconds: float, step: Callable[[], object]) -> Diary:
    with repeated_beside("capture", step):
        return play(seconds, lambda: None, _draw)


def _capture_and_wait_for_key() -> None:
    """Does what OpenCV's usual loop does: a read() that holds the GIL, then waitKey(), which releases it."""
    _SLEEP_HOLDING(int(CAPTURE * 1e6))
    _SLEEP_RELEASING(_WAITING * 1000)


def _beside_freshframe(seconds: float) -> Diary:
    pipeline = ff.Pipeline("frozen-game")
    scene = pipeline.add(ff.open(SCENE), name="scene")
    reader = pipeline.reader(pipeline.add(ff.CircleTracker(), scene, name="tracker"), frames=False)
    with watched(pipeline), pipeline:
        time.sleep(_WARM_UP)
        return play(seconds, reader.latest, _draw)


def _since_first(game: Diary) -> list[float]:
    return [start - game.starts[0] for start in game.starts]


def _row(name: str, game: Diary) -> dict[str, Any]:
    return {
        "beside": name,
        **spread(game.frame_times),
        "missed": game.missed,
        "frames": len(game.starts) + game.missed,
    }


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [
        f"A game that draws every {1e3 / RATE:.1f} ms: from one frame to the next, ms",
        f"{'beside':<34}{'p50':>8}{'p99':>8}{'longest':>9}{'missed':>14}",
    ]
    for row in rows:
        times = "".join(
            f"{row[key] * 1e3:>{width}.1f}" for key, width in (("p50", 8), ("p99", 8), ("max", 9))
        )
        missed = f"{row['missed']} of {row['frames']}"
        lines.append(f"{row['beside']:<34}{times}{missed:>14}")
    return lines


def _meaning(rows: Sequence[Mapping[str, Any]]) -> str:
    share = {row["beside"]: row["missed"] / row["frames"] for row in rows}
    _, held, _, released, fresh = _KINDS
    return (
        f"A capture that holds the GIL for {CAPTURE * 1e3:g} ms per frame makes the game miss "
        f"{share[held]:.0%} of its frames. Beside a capture that releases the GIL it misses "
        f"{share[released]:.0%}, and beside freshframe, which also tracks circles at 60 frames per second, "
        f"{share[fresh]:.0%}."
    )
