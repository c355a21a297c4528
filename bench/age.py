"""Measures the age of results while a neighbour computes for 100 ms in pure Python per frame.

An H.264 file of 1280x720 at 60 fps is played in real time. The age of a frame starts when its packet is due,
so it includes decoding. The native branch is tracker -> annotate: "decoded" is the age when the tracker takes
a frame, "tracked" the age when Annotate takes its circles. Both are from the edges' histograms, whose buckets
are 6 % wide. The Python branch computes for 100 ms per sample and records the age of each sample at its first
line, in some runs with LATEST and in others with NEXT. These alternate with runs without it (idle).
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from _measure import Result, Row, arguments, median, quantile, spread, take_turns
from _media import Clip, made

import freshframe as ff

CLIP = Clip("scene", 1280, 720, megabits=6)
HALF_A_FRAME_MS = 500 / 60
BURNING = 0.1  # seconds per sample, plus up to a frame: exactly six frames would synchronise with the camera
GOLDEN = 0.618034
P50_RATIO = 1.1
P99_MORE_MS = 1.0
NEXT_RATIO = 1.5
LUCK = 4 / 5  # fraction of the runs that must reach a goal of the native branch


class Burns(ff.Node[ff.Frame, None]):
    """Computes for 100 ms in pure Python per sample, so it always competes for the GIL."""

    def __init__(self) -> None:
        """No ages are recorded yet."""
        self.ages: list[float] = []

    def process(self, sample: ff.Sample[ff.Frame]) -> None:
        """Records the age in ms, then computes until the time is over."""
        self.ages.append(1e3 * sample.age)
        end = time.perf_counter() + BURNING + len(self.ages) * GOLDEN % 1 / CLIP.rate
        while time.perf_counter() < end:
            sum(range(200))


@dataclass
class Run:
    """Ages of one run in ms."""

    p50: dict[str, float]  # by stage of the native branch
    p99: dict[str, float]
    python: list[float]
    native_lost: int


def play(path: str, seconds: float, queue: ff.Queue | None) -> Run:
    """Plays for `seconds`. `queue`: the queue of the Python branch; None for no such branch."""
    pipeline = ff.Pipeline()
    video = pipeline.add(ff.open(path, realtime=True, loop=True), name="video")
    tracked = pipeline.add(ff.CircleTracker(), video, name="tracker")
    pipeline.add(ff.Annotate(), tracked, name="annotate")
    burns = Burns()
    if queue is not None:
        pipeline.add(burns, video, name="burns", queue=queue)
    with pipeline:
        time.sleep(seconds)
        stats = pipeline.stats()
    edges = {edge.child: edge for edge in stats.edges}
    stages = {"decoded": edges["tracker"], "tracked": edges["annotate"]}
    return Run(
        {stage: 1e3 * edge.age_p50 for stage, edge in stages.items()},
        {stage: 1e3 * edge.age_p99 for stage, edge in stages.items()},
        burns.ages,
        sum(edge.dropped for edge in stages.values()) + stats.nodes["video"].dropped,
    )


def burst_decode_ms(path: str) -> float:
    """Returns the milliseconds per frame of one thread that decodes without pauses."""
    began = time.perf_counter()
    with ff.stream(ff.open(path, decoder_threads=1)) as stream:
        frames = sum(1 for _ in stream)
    return 1e3 * (time.perf_counter() - began) / frames


def native_rows(result: Result, runs: dict[str, list[Run]], kind: str, stage: str) -> None:
    """Adds two rows: median and 99th percentile of a stage next to a busy neighbour."""
    idle = [
        (first.p50[stage] + again.p50[stage]) / 2
        for first, again in zip(runs["idle"], runs["idle again"], strict=True)
    ]
    idle_p99 = [
        (first.p99[stage] + again.p99[stage]) / 2
        for first, again in zip(runs["idle"], runs["idle again"], strict=True)
    ]
    busy = [run.p50[stage] for run in runs[kind]]
    busy_p99 = [run.p99[stage] for run in runs[kind]]
    # The means, because with buckets of 6 % the medians of runs differ by a whole bucket or not at all.
    first, again = (
        [statistics.fmean(run.p50[stage] for run in runs[name])] for name in ("idle", "idle again")
    )
    noise = spread(first, again)
    ratios = [b / i for b, i in zip(busy, idle, strict=True)]
    more = [b - i for b, i in zip(busy_p99, idle_p99, strict=True)]
    lost = [run.native_lost for run in runs[kind]]
    for name, reached, figures in (
        (
            f"p50 at most {P50_RATIO} x idle",
            [r <= P50_RATIO for r in ratios],
            {"p50_ms": median(busy), "idle_p50_ms": median(idle), "ratio": median(ratios), "lost": lost},
        ),
        (
            f"p99 at most idle + {P99_MORE_MS:g} ms",
            [m <= P99_MORE_MS for m in more],
            {"p99_ms": median(busy_p99), "idle_p99_ms": median(idle_p99), "more_ms": median(more)},
        ),
    ):
        share = sum(reached) / len(reached)
        result.add(
            Row(f"{stage}, beside {kind}: share of runs with {name}", figures, share, LUCK, True, noise)
        )


def python_rows(result: Result, runs: dict[str, list[Run]], burst: list[float]) -> None:
    """Adds rows that compare the Python branch with the decode time, and LATEST with NEXT."""
    decode = median([run.p50["decoded"] for run in runs["NEXT"]])
    ages: dict[str, list[float]] = {
        kind: [age for run in runs[kind] for age in run.python] for kind in ("NEXT", "LATEST")
    }
    p50 = {kind: quantile(values, 0.5) for kind, values in ages.items()}
    figures: dict[str, Any] = {
        kind: {"p50_ms": p50[kind], "p99_ms": quantile(values, 0.99), "samples": len(values)}
        for kind, values in ages.items()
    }
    decoding = {"decoded_p50_ms": decode, "burst_decode_ms": median(burst)}
    noise = spread(*([run.p50["decoded"] for run in runs[name]] for name in ("idle", "idle again")))
    result.add(
        Row(
            "Python branch, NEXT: p50 against a native consumer's (decoding)",
            figures["NEXT"] | decoding,
            p50["NEXT"] / decode,
            NEXT_RATIO,
            spread=noise,
        )
    )
    result.add(
        Row(
            "Python branch, LATEST: ms more than NEXT, at most half a frame",
            figures["LATEST"],
            p50["LATEST"] - p50["NEXT"],
            HALF_A_FRAME_MS,
            spread=noise,
            scale=p50["NEXT"],
        )
    )


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "age", rounds=5, seconds=8)
    path = made(CLIP)
    queues = {"idle": None, "LATEST": ff.LATEST, "NEXT": ff.NEXT, "idle again": None}
    burst = [burst_decode_ms(path) for _ in range(3)]
    runs = take_turns(
        {name: partial(play, path, options.seconds, queue) for name, queue in queues.items()}, options.rounds
    )
    result = Result(
        "age",
        "age at 60 fps, 1280x720, H.264",
        {"rounds": options.rounds, "seconds": options.seconds, "clip": CLIP.path.name},
    )
    for kind in ("LATEST", "NEXT"):
        for stage in ("decoded", "tracked"):
            native_rows(result, runs, kind, stage)
    python_rows(result, runs, burst)
    result.keep(options.out)


if __name__ == "__main__":
    main()
