"""The cost of the calls of a game loop: `latest()`, `.value`, `.frame`, `.luma`.

A call that can be repeated is timed in a loop, from which the empty loop is taken off. One that is
different the first time is timed by itself, from which the time of two clock readings is taken off; there
p50 counts. Beside them stand a call of an empty Python function and the reading of a plain attribute.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from _measure import Result, Row, arguments, median, quantile, spread, take_turns

import freshframe as ff

SCENE = "demo:circles?fps=60&size=1280x720&balls=4&seed=1"
CALLS = 20_000
FIRST_CALLS = 200
PICTURES = 60  # held at once, 1.4 MB each


@dataclass(frozen=True)
class Kind:
    """Something to call, and the most microseconds that it may take."""

    run: Callable[[], list[float]]  # microseconds per call
    goal: float | None = None


class Plain:
    """Has an attribute."""

    def __init__(self) -> None:
        """One attribute."""
        self.value = 1


def nothing() -> None:
    """The cheapest call."""


def repeated(call: Callable[[Any], object], subject: Any) -> list[float]:
    """Microseconds per call: one figure, from many calls."""

    def loop(body: Callable[[Any], object]) -> float:
        turns = range(CALLS)
        began = time.perf_counter_ns()
        for _ in turns:
            body(subject)
        return (time.perf_counter_ns() - began) / CALLS / 1e3

    return [loop(call) - min(loop(_empty) for _ in range(3))]


def _empty(_: Any) -> object:
    return None


def clock_us() -> float:
    """Microseconds between two readings of the clock."""
    clock = time.perf_counter_ns
    times = []
    for _ in range(1000):
        began = clock()
        ended = clock()
        times.append((ended - began) / 1e3)
    return median(times)


def singly(call: Callable[[Any], object], subjects: list[Any]) -> list[float]:
    """Microseconds of one call on each subject."""
    clock = time.perf_counter_ns
    overhead = clock_us()
    times = []
    for subject in subjects:
        began = clock()
        call(subject)
        ended = clock()
        times.append((ended - began) / 1e3 - overhead)
    return times


def circles() -> list[ff.Sample[ff.Circles]]:
    """Samples whose values Python has not read yet."""
    pipeline = ff.Pipeline()
    scene = pipeline.add(ff.open(f"{SCENE}&pace=0&frames={FIRST_CALLS}"))
    reader = pipeline.reader(pipeline.add(ff.CircleTracker(), scene), frames=False)
    with pipeline:
        return list(reader)


def pictures() -> list[ff.Frame]:
    """Frames that Python has not read yet."""
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.open(f"{SCENE}&pace=0&frames={PICTURES}")))
    with pipeline:
        return [sample.value for sample in reader]


class Latest:
    """A reader below a camera."""

    def __init__(self, fps: float) -> None:
        """``fps`` of a camera that shows one picture."""
        self.pipeline = ff.Pipeline()
        picture = pictures()[0].copy("bgr")
        self.reader = self.pipeline.reader(self.pipeline.add(ff.testing.MockCamera(picture, fps=fps)))

    def __enter__(self) -> ff.Reader[ff.Frame]:
        """Starts the camera and waits for its first picture."""
        self.pipeline.start()
        while self.reader.latest() is None:
            time.sleep(0.001)
        return self.reader

    def __exit__(self, *_: object) -> None:
        """Stops the camera."""
        self.pipeline.stop()


def nothing_new() -> list[float]:
    """`latest()` while the camera is silent."""
    with Latest(fps=0.1) as reader:
        return repeated(lambda r: r.latest(), reader)


def new_sample(rest: float) -> list[float]:
    """`latest()` when it returns something new. ``rest``: seconds of sleep before each call, 0: it polls."""
    clock = time.perf_counter_ns
    overhead = clock_us()
    times: list[float] = []
    with Latest(fps=1000) as reader:
        last = reader.latest()
        deadline = time.monotonic() + 30
        while len(times) < FIRST_CALLS and time.monotonic() < deadline:
            if rest > 0:
                time.sleep(rest)
            began = clock()
            sample = reader.latest()
            ended = clock()
            if sample is not last:
                times.append((ended - began) / 1e3 - overhead)
                last = sample
    return times


def kinds() -> dict[str, Kind]:
    """The measured calls, in the order of the table."""
    plain = Plain()
    seen = circles()[-1]
    assert len(seen.value.xyr) > 0
    picture = pictures()[0]
    return {
        "call of an empty Python function": Kind(lambda: repeated(lambda f: f(), nothing)),
        "the same again": Kind(lambda: repeated(lambda f: f(), nothing)),
        "plain attribute": Kind(lambda: repeated(lambda p: p.value, plain)),
        "latest(), nothing new": Kind(nothing_new, 1.0),
        "latest(), new sample": Kind(lambda: new_sample(0), 1.0),
        "latest(), new sample after 5 ms of sleep": Kind(lambda: new_sample(0.005)),
        "first .value of Circles": Kind(lambda: singly(lambda s: s.value, circles()), 5.0),
        ".value again": Kind(lambda: repeated(lambda s: s.value, seen), 0.1),
        "first frame.luma": Kind(lambda: singly(lambda f: f.luma, pictures()), 2.0),
        "frame.luma again": Kind(lambda: repeated(lambda f: f.luma, picture), 2.0),
        "sample.age": Kind(lambda: repeated(lambda s: s.age, seen)),
    }


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "python_calls", rounds=9)
    measured = kinds()
    gc.disable()
    times = take_turns({name: kind.run for name, kind in measured.items()}, options.rounds)
    gc.enable()
    result = Result(
        "python_calls", "one call, µs", {"rounds": options.rounds, "calls": CALLS, "first_calls": FIRST_CALLS}
    )
    medians = {name: [median(run) for run in runs] for name, runs in times.items()}
    noise = spread(*(medians[name] for name in list(measured)[:2]))
    for name, kind in measured.items():
        p50 = median(medians[name])
        single = len(times[name][0]) > 1
        more = {"p99_us": median([quantile(run, 0.99) for run in times[name]])} if single else {}
        result.add(
            Row(
                name,
                {"p50_us": p50, **more, "best_run_us": min(medians[name])},
                None if kind.goal is None else p50,
                kind.goal,
                spread=noise,
            )
        )
    result.keep(options.out)


if __name__ == "__main__":
    main()
