"""The truth of the built-in moving scene, ``demo:circles``."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from dataclasses import dataclass

from . import _check, _native

__all__ = ["DemoCircle", "demo_truth"]


@dataclass(frozen=True, slots=True)
class DemoCircle:
    """One circle of the demo scene's truth.

    Attributes:
        id: Number of the ball, from 0.
        x: Pixels; the centre of the top left pixel is 0.
        y: Pixels.
        r: Pixels.
        visible: Share of the rim that nothing hides and the picture holds, 0 to 1.
    """

    id: int
    x: float
    y: float
    r: float
    visible: float


def demo_truth(url: str, seq: int) -> list[DemoCircle]:
    """The truth of frame ``seq`` of a ``demo:circles?...`` URL.

    Raises:
        OptionError: Any other URL, or a negative seq.
    """
    return [
        DemoCircle(*circle)
        for circle in _native.demo_truth(_check.text("url", url), _check.integer("seq", seq))
    ]
