"""Draws the picture of frozen-game: one strip per case, with a line for each frame of the game."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

import freshframe as ff
from freshframe import _native

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
    ff.write_picture(ff.Frame.from_array(picture, "bgr"), path)


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
