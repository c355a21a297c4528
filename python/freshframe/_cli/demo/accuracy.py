"""Compares tracked circles with the demo scene's truth."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

import freshframe as ff

_VISIBLE = 0.5  # share of the rim that must be visible for a ball to count as findable
_NEAR = 0.5  # of the radius: a circle whose centre is farther off is another one


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The accuracy of the tracker in the frames that were compared."""

    frames: int
    balls: int  # that could be found, over all frames
    found: int
    centre_error_px: float | None  # median
    id_switches: int

    @property
    def found_share(self) -> float | None:
        """Share of the balls that could be found."""
        return self.found / self.balls if self.balls else None


def compare(url: str, samples: Iterable[ff.Sample[ff.Circles]]) -> Accuracy:
    """Matches each sample's circles with the truth of its frame, nearest first."""
    frames = balls = switches = 0
    errors: list[float] = []
    identity: dict[int, int] = {}  # the tracker's last id for each ball
    for sample in samples:
        frames += 1
        circles = sample.value
        ids = [None] * len(circles.xyr) if circles.tracker_id is None else circles.tracker_id.tolist()
        truth = [ball for ball in ff.demo.demo_truth(url, sample.seq) if ball.visible >= _VISIBLE]
        balls += len(truth)
        pairs = sorted(
            (math.hypot(x - ball.x, y - ball.y), index, ball.id)
            for ball in truth
            for index, (x, y, _) in enumerate(circles.xyr.tolist())
            if math.hypot(x - ball.x, y - ball.y) <= _NEAR * ball.r
        )
        taken: set[int] = set()
        matched: set[int] = set()
        for distance, index, ball_id in pairs:
            if index in taken or ball_id in matched:
                continue
            taken.add(index)
            matched.add(ball_id)
            errors.append(distance)
            track = ids[index]
            if track is not None:
                switches += identity.get(ball_id, track) != track
                identity[ball_id] = track
    return Accuracy(frames, balls, len(errors), statistics.median(errors) if errors else None, switches)
