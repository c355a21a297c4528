"""The picture of frozen-game: one strip per case, with a line for each frame of the game."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import freshframe as ff

from .letters import write

_WIDTH, _LEFT, _TOP = 1280, 20, 20
_STRIP, _BAR, _FOOT = 110, 60, 75  # heights
_PAPER, _INK, _GOOD, _BAD = (255, 255, 255), (40, 40, 40), (60, 140, 40), (70, 70, 225)  # BGR


@dataclass(frozen=True, slots=True)
class Strip:
    """One case: when each frame of the game began, in seconds from the first one."""

    name: str
    starts: Sequence[float]


def draw_timelines(strips: Sequence[Strip], seconds: float, refresh: float, path: Path) -> None:
    """Writes the picture, PNG or JPEG by its name.

    Args:
        strips: From top to bottom.
        seconds: How much of each is shown.
        refresh: Seconds between two frames of a game that misses none.
        path: Where it goes.

    Raises:
        FreshframeError: It cannot be written.
    GIL: released while the file is written.
    """
    height = _TOP + _STRIP * len(strips) + _FOOT
    picture = np.full((height, _WIDTH, 3), _PAPER, np.uint8)
    scale = (_WIDTH - 2 * _LEFT) / seconds
    for number, strip in enumerate(strips):
        top = _TOP + number * _STRIP
        shown = [start for start in strip.starts if start < seconds]
        lost = round(seconds / refresh) - len(shown)
        write(picture, f"{strip.name}: {len(shown)} frames, {max(0, lost)} missed", _LEFT, top, _INK)
        bars = picture[top + 22 : top + 22 + _BAR]
        for start, end in zip(shown, [*shown[1:], seconds], strict=True):
            left, right = (int(_LEFT + scale * at) for at in (start, end))
            if end - start > 1.5 * refresh:  # the screen still shows the old frame
                due = int(_LEFT + scale * (start + refresh))
                bars[_BAR // 3 : _BAR, due:right] = _BAD
            bars[:, left : left + 3] = _GOOD
    foot = _TOP + _STRIP * len(strips)
    picture[foot, _LEFT : _WIDTH - _LEFT] = _INK
    for tenth in range(int(seconds * 10) + 1):
        at = int(_LEFT + scale * tenth / 10)
        picture[foot : foot + (10 if tenth % 5 == 0 else 5), at : at + 2] = _INK
        if tenth % 5 == 0:
            start = min(max(_LEFT, at - 18), _WIDTH - _LEFT - 60)
            write(picture, f"{tenth / 10:g} s", start, foot + 16, _INK)
    write(picture, "green: a frame of the game   red: the screen stands still", _LEFT, foot + 45, _INK)
    ff.write_picture(ff.Frame.from_array(picture, "bgr"), path)
