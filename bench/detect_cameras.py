"""One model for eight cameras: results per second and their age, and how a Python thread fares beside them.

Eight cameras of 10 frames per second ask for more than two cores can compute. `batch` is one detector with a
batch, `single` a detector for each camera with one thread, and `round robin` one Python thread that takes the
newest frame of each camera in turn and computes it with ONNX Runtime: the way of Roboflow's InferencePipeline
with several sources, without its package of 7 GB.

`heartbeat` is a Python thread that sleeps for a millisecond again and again: how late it wakes beside a
detector of this process, against the same detector in another process.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _measure import RESULTS, Result, Row, median, quantile, spread, take_turns
from detect import decoded, letterboxed, network

import freshframe as ff

CAMERAS, FPS = 8, 10.0
WIDTH, HEIGHT = 640, 360
PARTS = ("640", "320", "heartbeat")  # side of the input
FAIR = 0.8  # goal: of its share, for the camera with the fewest results
BEAT = 0.001  # seconds
LATE = 1.2  # goal: of the lateness beside another process


@dataclass
class Run:
    """What one way has done."""

    per_second: float
    age_p99_ms: float
    least_share: float


def frames() -> list[ff.Frame]:
    """A picture for each camera."""
    rng = np.random.default_rng(4)
    coarse = rng.integers(0, 256, (CAMERAS, HEIGHT // 4 * 3 // 2, WIDTH // 4), np.uint8)
    return [ff.Frame.from_array(np.kron(one, np.ones((4, 4), np.uint8)), format="i420") for one in coarse]


def summary(ages: list[float], counts: Counter[str], seconds: float) -> Run:
    """Of the results of all cameras."""
    total = max(1, sum(counts.values()))
    least = min(counts[f"cam{n}"] for n in range(CAMERAS)) * CAMERAS / total
    return Run(total / seconds, 1e3 * quantile(ages, 0.99) if ages else 0.0, least)


class Tally(ff.Node[ff.Detections, None]):
    """Counts results and keeps their ages."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.ages: list[float] = []
        self.counts: Counter[str] = Counter()

    def process(self, sample: ff.Sample[ff.Detections]) -> None:
        """As the class says."""
        self.ages.append(time.monotonic() - sample.captured)
        self.counts[sample.source] += 1


def by_pipeline(model: Path, seconds: float, in_batches: bool) -> Run:
    """One detector with a batch, or one for each camera."""
    pipeline = ff.Pipeline()
    cameras = [
        pipeline.add(ff.testing.MockCamera(frame, fps=FPS), name=f"cam{n}")
        for n, frame in enumerate(frames())
    ]
    if in_batches:
        found = [pipeline.add(ff.OnnxDetector(model, threads=2), cameras, batch=ff.Batch(CAMERAS))]
    else:
        found = [pipeline.add(ff.OnnxDetector(model, threads=1), camera) for camera in cameras]
    tally = Tally()
    pipeline.add(tally, found, queue=ff.Queue(64))
    with pipeline:
        time.sleep(seconds / 2)  # the first batch loads the model again
        tally.ages.clear()
        tally.counts.clear()
        begin = time.monotonic()
        time.sleep(seconds)
        return summary(list(tally.ages), Counter(tally.counts), time.monotonic() - begin)


def by_round_robin(model: Path, side: int, seconds: float) -> Run:
    """One Python thread, the newest frame of each camera in turn, ONNX Runtime with two threads."""
    import cv2  # noqa: PLC0415
    import onnxruntime  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    pipeline = ff.Pipeline()
    readers = [
        pipeline.reader(pipeline.add(ff.testing.MockCamera(frame, fps=FPS), name=f"cam{n}"))
        for n, frame in enumerate(frames())
    ]
    ages: list[float] = []
    counts: Counter[str] = Counter()
    with pipeline:
        begin = time.monotonic()
        while (now := time.monotonic()) < begin + 1.5 * seconds:
            for reader in readers:
                sample = reader.poll()
                if sample is None:
                    continue
                picture = cv2.cvtColor(np.array(sample.value.array), cv2.COLOR_YUV2BGR_I420)
                output = session.run(None, {"images": letterboxed(np.asarray(picture, np.uint8), side)})[0]
                decoded(output, 0.99)
                if now > begin + seconds / 2:
                    ages.append(time.monotonic() - sample.captured)
                    counts[sample.source] += 1
        return summary(ages, counts, time.monotonic() - begin - seconds / 2)


def cameras(model: Path, side: int, seconds: float, rounds: int) -> Row:
    """The three ways in turns."""
    kinds: dict[str, Callable[[], Run]] = {
        "batch": partial(by_pipeline, model, seconds, True),
        "single": partial(by_pipeline, model, seconds, False),
        "single again": partial(by_pipeline, model, seconds, False),
        "round robin": partial(by_round_robin, model, side, seconds),
    }
    runs = take_turns(kinds, rounds)
    figures: dict[str, Any] = {}
    rate: dict[str, float] = {}
    for name, kind in runs.items():
        key = name.replace(" ", "_")
        rate[name] = median([run.per_second for run in kind])
        figures[f"{key}_per_s"] = rate[name]
        figures[f"{key}_age_p99_ms"] = median([run.age_p99_ms for run in kind])
        figures[f"{key}_least_share"] = min(run.least_share for run in kind)
    best = max(rate["single"], rate["single again"], rate["round robin"])
    again = spread(
        [run.per_second for run in runs["single"]], [run.per_second for run in runs["single again"]]
    )
    fair = figures["batch_least_share"] >= FAIR
    return Row(
        f"8 cameras at 10 fps, {side}: batch against the best other",
        figures,
        rate["batch"] / best,
        1.0,
        at_least=True,
        spread=again,
        unclear="" if fair else "a camera got less than 0.8 of its share",
    )


def lateness(seconds: float) -> list[float]:
    """Of a thread that sleeps for BEAT, in seconds."""
    late: list[float] = []

    def beat() -> None:
        end = time.monotonic() + seconds
        while (before := time.monotonic()) < end:
            time.sleep(BEAT)
            late.append(time.monotonic() - before - BEAT)

    thread = threading.Thread(target=beat)
    thread.start()
    thread.join()
    return late


def endless(model: Path) -> ff.Pipeline:
    """A detector with one thread that never rests."""
    pipeline = ff.Pipeline()
    pipeline.add(ff.OnnxDetector(model, threads=1), pipeline.add(ff.testing.MockCamera(frames()[0], fps=200)))
    return pipeline


def beside_this(model: Path, seconds: float) -> float:
    """The 99th percentile of the lateness beside a detector of this process, in seconds."""
    with endless(model):
        time.sleep(seconds / 4)
        return quantile(lateness(seconds), 0.99)


def beside_another(model: Path, seconds: float) -> float:
    """The same beside a detector of another process."""
    program = "import sys; sys.path.insert(0, sys.argv[2]); import detect_cameras; detect_cameras.load()"
    here = str(Path(__file__).parent)
    with subprocess.Popen(
        [sys.executable, "-c", program, str(model), here], stdin=subprocess.PIPE
    ) as process:
        time.sleep(1 + seconds / 4)
        p99 = quantile(lateness(seconds), 0.99)
        process.communicate(b"\n")
    return p99


def load() -> None:
    """The other process: computes until a line comes."""
    with endless(Path(sys.argv[1])):
        sys.stdin.readline()


def heartbeat(model: Path, seconds: float, rounds: int) -> Row:
    """Both in turns."""
    kinds = {
        "here": partial(beside_this, model, seconds),
        "elsewhere": partial(beside_another, model, seconds),
        "elsewhere again": partial(beside_another, model, seconds),
    }
    runs = take_turns(kinds, rounds)
    p99 = {name: median(values) for name, values in runs.items()}
    figures = {f"{name.replace(' ', '_')}_p99_ms": 1e3 * value for name, value in p99.items()}
    return Row(
        "heartbeat: late beside a detector of this process against one of another",
        figures,
        p99["here"] / median([p99["elsewhere"], p99["elsewhere again"]]),
        LATE,
        spread=spread(runs["elsewhere"], runs["elsewhere again"]),
    )


def main() -> None:
    """Command line."""
    import onnxruntime  # noqa: PLC0415

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=PARTS, action="append", help="default: all")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--milliseconds", type=int, default=3000, help="of a run; default: %(default)s")
    parser.add_argument("--folder", type=Path, default=RESULTS, help="default: %(default)s")
    parser.add_argument("--built-from", default="", help="the commit of the package, where it is another one")
    parser.add_argument("--dry", action="store_true", help="write no result")
    options = parser.parse_args()
    seconds = options.milliseconds / 1e3
    for part in options.part or PARTS:
        settings: dict[str, Any] = {"rounds": options.rounds, "milliseconds": options.milliseconds}
        settings |= {"cameras": CAMERAS, "fps": FPS}
        if options.built_from:
            settings["built_from"] = options.built_from
        result = Result(
            f"detect_cameras_{part}",
            f"one model for eight cameras, and a Python thread beside a detector: {part}",
            settings,
            {"onnxruntime": onnxruntime.__version__},
        )
        with tempfile.TemporaryDirectory() as folder:
            side = 320 if part == "heartbeat" else int(part)
            model = network(Path(folder, f"network{side}.onnx"), side)
            if part == "heartbeat":
                result.add(heartbeat(model, seconds, options.rounds))
            else:
                result.add(cameras(model, side, seconds, options.rounds))
        result.keep(None if options.dry else options.folder / f"{result.name}.json")


if __name__ == "__main__":
    main()
