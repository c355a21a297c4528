"""What a program at a limit is, and what several of them need."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Callable

import freshframe as ff

Find = Callable[[str], None]
Program = Callable[[float, Find], int]  # runs for so many seconds, returns how often its rule was tried


def mean_of(frame: ff.Frame) -> float:
    """Of some of its pixels: what a node does that takes the frames."""
    return float(frame.luma[::16, ::16].mean())


def same(number: int) -> int:
    """The number."""
    return number
