"""A graph that changes while it runs: what a change takes, and what the others notice of it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from _measure import ROOT, Result, Row, arguments, quantile

import freshframe as ff

sys.path.insert(0, str(ROOT / "tests" / "python"))

from rigs.ticking import Ticking

SMALL = "demo:circles?fps=30&size=160x120&balls=1"
MS = 1e3


def same(values: list[Any]) -> list[Any]:
    """A batch as it is."""
    return list(values)


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Milliseconds, and what the call returned."""
    began = time.perf_counter()
    value = call()
    return (time.perf_counter() - began) * MS, value


def balanced(pipeline: ff.Pipeline) -> bool:
    """Whether every sample is counted."""
    stats = pipeline.stats()
    removed = stats.removed
    return removed.passed_in == removed.delivered + removed.dropped and all(
        edge.passed_in == edge.delivered + edge.dropped + edge.waiting for edge in stats.edges
    )


def changes(count: int) -> dict[str, float]:
    """add() of a source, add() of a native node below it, remove() of both."""
    pipeline = ff.Pipeline(keep_running=True)
    times: dict[str, list[float]] = {"add_source": [], "add_node": [], "remove": []}
    with pipeline.start():
        for i in range(count):
            spent, camera = timed(partial(pipeline.add, ff.open(SMALL), name=f"cam{i}"))
            times["add_source"].append(spent)
            spent, _ = timed(partial(pipeline.add, ff.CircleDetector(max_circles=1), camera))
            times["add_node"].append(spent)
            spent, _ = timed(partial(pipeline.remove, camera))
            times["remove"].append(spent)
    return {
        f"{name}_{label}_ms": quantile(sorted(values), share)
        for name, values in times.items()
        for label, share in (("p50", 0.5), ("p99", 0.99))
    }


def batch_below_a_merge() -> int:
    """Results of 65 samples of two cameras through two batches, of which one camera ends early."""
    pipeline = ff.Pipeline()
    cameras = [pipeline.add(Ticking(count, 50), name=f"cam{count}") for count in (60, 5)]
    first = pipeline.add(same, cameras, name="first", batch=ff.Batch(2, max_wait=0.3))
    second = pipeline.add(same, first, name="second", batch=ff.Batch(2, max_wait=0.3))
    reader = pipeline.reader(second, queue=ff.Queue(100))
    with pipeline.start():
        return sum(1 for _ in reader)


def beside_a_camera_that_is_away(seconds: float) -> tuple[int, int]:
    """Samples that two cameras at 30 Hz have sent beside one that is silent, and those that one batch got."""
    count = int(30 * seconds)
    pipeline = ff.Pipeline()
    cameras = [
        pipeline.add(Ticking(n, 30, stays=n == 0), name=f"cam{i}") for i, n in enumerate((count, count, 0))
    ]
    batch = pipeline.add(same, cameras, name="batch", batch=ff.Batch(3, max_wait=0.1))
    reader = pipeline.reader(batch, queue=ff.Queue(4 * count))
    with pipeline.start():
        time.sleep(seconds + 1)
        got = 0
        while reader.poll() is not None:
            got += 1
    return 2 * count, got


def ages_beside_changes(seconds: float, rounds: int) -> tuple[list[float], list[float], list[float]]:
    """p99 of the age at 60 Hz, in ms: alone, alone again, while ten cameras a second come and go."""
    pipeline = ff.Pipeline(keep_running=True)
    step = pipeline.add(lambda value: value, pipeline.add(Ticking(10**9, 60), name="cam"), name="step")
    reader = pipeline.reader(step, queue=ff.Queue(8))
    people = pipeline.add(same, [], name="people", batch=ff.Batch(4, max_wait=0.02))
    results: tuple[list[float], list[float], list[float]] = ([], [], [])
    stop, go = threading.Event(), threading.Event()

    def churn() -> None:
        number = 0
        while not stop.is_set():
            if not go.wait(0.05):
                continue
            number += 1
            camera = pipeline.add(ff.open(SMALL), name=f"cam{number}")
            pipeline.connect(camera, people)
            stop.wait(0.05)
            pipeline.remove(camera)
            stop.wait(0.05)

    with pipeline.start():
        thread = threading.Thread(target=churn)
        thread.start()
        for _ in range(rounds):
            for phase, ages in enumerate(results):
                go.set() if phase == 2 else go.clear()
                time.sleep(0.2)
                while reader.poll() is not None:
                    pass
                end, seen = time.monotonic() + seconds, []
                while time.monotonic() < end:
                    captured = reader.get().captured
                    seen.append((time.monotonic() - captured) * MS)
                ages.append(quantile(sorted(seen), 0.99))
        stop.set()
        go.set()
        thread.join()
    return results


def many_cameras(count: int) -> dict[str, Any]:
    """`count` cameras come and go, four at a time, into one batch; threads and descriptors afterwards."""

    def entries(folder: str) -> int:
        return len(os.listdir(f"/proc/self/{folder}"))

    pipeline = ff.Pipeline(keep_running=True)
    people = pipeline.add(same, [], name="people", batch=ff.Batch(8, max_wait=0.01))
    reader = pipeline.reader(people, queue=ff.Queue(1000))
    starved: list[str] = []
    heard: set[str] = set()
    done = threading.Event()

    def consume() -> None:
        while not done.is_set():
            sample = reader.poll()
            if sample is None:
                done.wait(0.002)
            else:
                heard.add(sample.source)

    def service(numbers: range) -> None:
        for number in numbers:
            name = f"cam{number}"
            camera = pipeline.add(ff.open(SMALL), name=name)
            pipeline.connect(camera, people)
            end = time.monotonic() + 10
            while name not in heard and time.monotonic() < end:
                time.sleep(0.005)
            if name not in heard:
                starved.append(name)
            pipeline.remove(camera)

    with pipeline.start():
        consumer = threading.Thread(target=consume)
        consumer.start()
        pipeline.remove(pipeline.add(ff.open(SMALL), name="warm"))
        before = (entries("task"), entries("fd"))
        began = time.monotonic()
        services = [threading.Thread(target=service, args=(range(i, count, 4),)) for i in range(4)]
        for each in services:
            each.start()
        for each in services:
            each.join()
        elapsed = time.monotonic() - began
        pipeline.remove(pipeline.add(ff.open(SMALL), name="warm again"))
        time.sleep(0.5)
        after = (entries("task"), entries("fd"))
        is_balanced = balanced(pipeline)
        done.set()
        consumer.join()
    return {
        "seconds": elapsed,
        "starved": len(starved),
        "unbalanced": int(not is_balanced),
        "more_threads": after[0] - before[0],
        "more_fds": after[1] - before[1],
    }


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "live_graph", seconds=4)
    result = Result("live_graph", "changes of a running graph", {"seconds": options.seconds})
    shown = changes(200)
    result.add(Row("add() of a source", shown, shown["add_source_p50_ms"], 5))
    result.add(Row("remove() of a source and a node", {}, shown["remove_p50_ms"], 10))
    got = batch_below_a_merge()
    result.add(Row("a batch below a merge, a camera ends", {"of": 65, "got": got}, got, 65, at_least=True))
    sent, got = beside_a_camera_that_is_away(5)
    lost = (sent - got) / sent
    result.add(Row("a batch, one of three cameras is away", {"sent": sent, "got": got}, lost, 0.01))
    alone, again, beside = ages_beside_changes(options.seconds, 3)
    middle = [sorted(each)[len(each) // 2] for each in (alone, again, beside)]
    figures = {"alone_ms": middle[0], "again_ms": middle[1], "beside_ms": middle[2]}
    ratio = middle[2] / middle[0]
    apart = max(middle[:2]) / min(middle[:2]) - 1
    result.add(Row("age p99 of another branch, ten changes a second", figures, ratio, 1.1, spread=apart))
    many = many_cameras(1000)
    result.add(Row("1,000 cameras, seconds", many, many["seconds"], 60))
    wrong = many["starved"] + many["unbalanced"] + max(0, many["more_threads"]) + max(0, many["more_fds"])
    result.add(Row("1,000 cameras, starved, uncounted or left", many, wrong, 0))
    result.keep(options.out)


if __name__ == "__main__":
    main()
