"""Compares the results that a published image shows with the truth of the built-in scene."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import math

import freshframe as ff
from freshframe._cli.demo.shapes import compare

VISIBLE = 0.7  # share of a circle's outline that must be visible for it to count


def agrees(url: str, sample: ff.Sample[ff.Detections] | ff.Sample[ff.Circles]) -> bool:
    """Returns True if each visible object of the frame is found, under its own name, and nothing else is."""
    if isinstance(sample.value, ff.Circles):
        return circles_agree(ff.demo.circles(url, sample.seq), sample.value)
    result = compare(url, [sample])
    return result.found == result.shapes and result.wrong == 0


def circles_agree(truth: list[ff.demo.DemoCircle], found: ff.Circles) -> bool:
    """Returns True if each visible circle is found, and each found circle is a true one."""
    left = list(truth)
    for x, y, r in found.xyr.tolist():
        match = next((one for one in left if math.hypot(one.x - x, one.y - y) < one.r / 4), None)
        if match is None or abs(match.r - r) > match.r / 4:
            return False
        left.remove(match)
    return all(one.visible < VISIBLE for one in left)
