"""Measures the cost of reading the newest result, `latest().value.xyr`, once per frame of a 60 Hz game.

Between two reads the loop sleeps, and decoding and tracking evict its data from the CPU caches, so the cost
is higher than in a tight loop. It is compared with reading an attribute that a Python thread sets: a tuple
with an array. Both are read in each frame, alternately, while the native tracker runs.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from _measure import Result, Row, arguments, median, quantile, spread

import freshframe as ff

SCENES = {
    "VGA, 30 fps": "demo:circles?fps=30&size=640x480&balls=4&seed=1",
    "720p, 60 fps": "demo:circles?fps=60&size=1280x720&balls=4&seed=1",
}
RATE = 60.0
GOAL_US = 10.0
WARM_UP = 0.5  # seconds until the tracker's first results count


class Attribute:
    """Publishes the newest result in an attribute, as a plain Python thread would."""

    def __init__(self, hertz: float) -> None:
        """Starts the thread."""
        self.newest: tuple[int, Any] = (-1, np.zeros((4, 3), np.float32))
        self._hertz = hertz
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        number = 0
        while not self._ended.wait(1 / self._hertz):
            number += 1
            self.newest = (number, np.full((4, 3), number, np.float32))

    def end(self) -> None:
        """Ends the thread."""
        self._ended.set()
        self._thread.join()


def play(scene: str, seconds: float) -> dict[str, list[float]]:
    """Returns the microseconds of each read, by kind."""
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(scene))), frames=False)
    thread = Attribute(60.0)

    def result() -> object:
        sample = reader.latest()
        return None if sample is None else sample.value.xyr

    def attribute() -> object:
        return thread.newest[1]

    looks: list[tuple[str, Callable[[], object]]] = [
        ("result", result),
        ("attribute", attribute),
        ("attribute again", attribute),
    ]
    times: dict[str, list[float]] = {name: [] for name, _ in looks}
    clock = time.perf_counter_ns
    with pipeline:
        time.sleep(WARM_UP)
        began = time.perf_counter()
        for refresh in range(round(seconds * RATE)):
            time.sleep(max(0.0, began + refresh / RATE - time.perf_counter()))
            name, look = looks[refresh % len(looks)]
            start = clock()
            look()
            times[name].append((clock() - start) / 1e3)
    thread.end()
    return times


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "pick_up", rounds=5, seconds=6)
    outcome = Result(
        "pick_up", "a look at the newest result", {"rounds": options.rounds, "seconds": options.seconds}
    )
    for name, scene in SCENES.items():
        runs = [play(scene, options.seconds) for _ in range(options.rounds)]
        times = {kind: [time for run in runs for time in run[kind]] for kind in runs[0]}
        p50s = {kind: [median(run[kind]) for run in runs] for kind in runs[0]}
        figures = {f"{q}_us": quantile(times["result"], p) for q, p in (("p50", 0.5), ("p99", 0.99))}
        plain = times["attribute"] + times["attribute again"]
        figures |= {f"attribute_{q}_us": quantile(plain, p) for q, p in (("p50", 0.5), ("p99", 0.99))}
        outcome.add(
            Row(
                f"{name}: latest().value.xyr",
                {**figures, "best_run_us": min(p50s["result"]), "looks": len(times["result"])},
                figures["p50_us"],
                GOAL_US,
                spread=spread(p50s["attribute"], p50s["attribute again"]),
            )
        )
    outcome.keep(options.out)


if __name__ == "__main__":
    main()
