"""A 60 Hz loop in Python that pulls `latest()` from a native tracker, beside the same loop without any video.

A frame is due at every refresh of a 60 Hz screen. One that is not finished by the next refresh is missed,
and so is every refresh that passes until it is. Each frame "draws" for 2 ms of pure Python. The goal is
bound to its condition: no missed frame where the loop alone misses none.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from _measure import Result, Row, arguments, median, quantile, spread, take_turns

import freshframe as ff

SCENE = "demo:circles?fps=60&size=1280x720&balls=4&seed=1"
RATE = 60.0
DRAWING = 0.002  # seconds per frame
WARM_UP = 0.5  # seconds until the tracker's first results count


@dataclass
class Game:
    """The figures of one run; times in ms."""

    frames: list[float] = field(default_factory=list)  # from the start of a frame to its end
    late: list[float] = field(default_factory=list)  # start of a frame after its refresh
    missed: int = 0
    ages: list[float] = field(default_factory=list)  # of the pulled samples
    fresh: int = 0  # frames with a new sample


def play(seconds: float, pull: Callable[[], ff.Sample[ff.Circles] | None]) -> Game:
    """Plays for so long."""
    game = Game()
    last: object = None
    began = time.perf_counter()
    refresh, refreshes = 0, round(seconds * RATE)
    while refresh < refreshes:
        due = began + refresh / RATE
        time.sleep(max(0.0, due - time.perf_counter()))
        start = time.perf_counter()
        sample = pull()
        if sample is not None:
            game.ages.append(1e3 * sample.age)
            game.fresh += sample is not last
            last = sample
            sample.value.xyr.sum()
        while time.perf_counter() < start + DRAWING:
            pass
        now = time.perf_counter()
        game.late.append(1e3 * (start - due))
        game.frames.append(1e3 * (now - start))
        finished = min(int((now - began) * RATE), refreshes - 1)
        game.missed += max(0, finished - refresh)
        refresh = max(refresh, finished) + 1
    return game


def alone(seconds: float) -> Game:
    """The loop without a pipeline."""
    return play(seconds, lambda: None)


def tracking(seconds: float) -> Game:
    """The loop beside a native tracker."""
    pipeline = ff.Pipeline()
    scene = pipeline.add(ff.open(SCENE))
    reader = pipeline.reader(pipeline.add(ff.CircleTracker(), scene), frames=False)
    with pipeline:
        time.sleep(WARM_UP)
        return play(seconds, reader.latest)


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "game_loop", rounds=5, seconds=6)
    games = take_turns(
        {
            "alone": lambda: alone(options.seconds),
            "alone again": lambda: alone(options.seconds),
            "tracking": lambda: tracking(options.seconds),
        },
        options.rounds,
    )
    result = Result("game_loop", "a 60 Hz loop", {"rounds": options.rounds, "seconds": options.seconds})
    missed = {name: [game.missed for game in runs] for name, runs in games.items()}
    p50 = {name: [median(game.frames) for game in runs] for name, runs in games.items()}
    quiet = [
        n for n, pair in enumerate(zip(missed["alone"], missed["alone again"], strict=True)) if sum(pair) == 0
    ]
    for name, runs in games.items():
        frames = [time for game in runs for time in game.frames]
        late = [time for game in runs for time in game.late]
        ages = [age for game in runs for age in game.ages]
        figures = {
            "missed_per_run": missed[name],
            "frames": len(frames),
            "frame_p50_ms": quantile(frames, 0.5),
            "frame_p99_ms": quantile(frames, 0.99),
            "frame_max_ms": max(frames),
            "late_p50_ms": quantile(late, 0.5),
            "late_p99_ms": quantile(late, 0.99),
        }
        if ages:
            figures |= {"age_p50_ms": quantile(ages, 0.5), "age_p99_ms": quantile(ages, 0.99)}
            figures |= {
                "new_samples": sum(game.fresh for game in runs),
                "rounds_without_a_miss_alone": len(quiet),
            }
        noise = spread(p50["alone"], p50["alone again"])
        if name != "tracking":
            result.add(Row(name, figures, spread=noise))
            continue
        result.add(
            Row(
                "tracking: frames missed where the loop alone missed none",
                figures,
                float(sum(missed[name][n] for n in quiet)),
                0.0,
                spread=noise,
                unclear="" if quiet else "the loop alone missed frames in every round",
            )
        )
    result.keep(options.out)


if __name__ == "__main__":
    main()
