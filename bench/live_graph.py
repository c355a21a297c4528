"""Measures changes of a running graph: how long they take, and how they affect the rest of it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import hashlib
import itertools
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
    """Returns the batch unchanged."""
    return list(values)


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Returns the duration of the call in milliseconds, and its result."""
    began = time.perf_counter()
    value = call()
    return (time.perf_counter() - began) * MS, value


def balanced(pipeline: ff.Pipeline) -> bool:
    """Returns True if every sample is counted."""
    stats = pipeline.stats()
    removed = stats.removed
    return removed.passed_in == removed.delivered + removed.dropped and all(
        edge.passed_in == edge.delivered + edge.dropped + edge.waiting for edge in stats.edges
    )


def changes(count: int) -> dict[str, float]:
    """Measures add() of a source, add() of a native node downstream, and remove() of both."""
    pipeline = ff.Pipeline(keep_running=True)
    times: dict[str, list[float]] = {"add_source": [], "add_node": [], "remove": []}
    with pipeline:
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
    """Returns how many of 65 samples pass through two batches. One of the two cameras ends early."""
    pipeline = ff.Pipeline()
    cameras = [pipeline.add(Ticking(count, 50), name=f"cam{count}") for count in (60, 5)]
    first = pipeline.add(same, cameras, name="first", batch=ff.Batch(2, max_wait=0.3))
    second = pipeline.add(same, first, name="second", batch=ff.Batch(2, max_wait=0.3))
    reader = pipeline.reader(second, queue=ff.Queue(100))
    with pipeline:
        return sum(1 for _ in reader)


def beside_a_camera_that_is_away(seconds: float) -> tuple[int, int]:
    """Returns the number of samples of two cameras, and how many a batch got despite a silent third one."""
    count = int(30 * seconds)
    pipeline = ff.Pipeline()
    cameras = [
        pipeline.add(Ticking(n, 30, stays=n == 0), name=f"cam{i}") for i, n in enumerate((count, count, 0))
    ]
    batch = pipeline.add(same, cameras, name="batch", batch=ff.Batch(3, max_wait=0.1))
    reader = pipeline.reader(batch, queue=ff.Queue(4 * count))
    with pipeline:
        time.sleep(seconds + 1)
        got = 0
        while reader.poll() is not None:
            got += 1
    return 2 * count, got


class Burn:
    """Computes without the GIL."""

    def __init__(self) -> None:
        """Measures the speed of this machine."""
        some = bytes(1 << 22)
        self._per_second = len(some) / min(timed(lambda: hashlib.sha256(some))[0] / MS for _ in range(5))

    def __call__(self, seconds: float) -> None:
        """Computes for this many seconds of CPU time."""
        hashlib.sha256(bytes(int(seconds * self._per_second)))


class Beside:
    """Disturbs a 60 Hz branch ten times per second: by nothing, by changes, or by as much computing."""

    def __init__(self, pipeline: ff.Pipeline) -> None:
        """Starts with no disturbance."""
        self.kind = "alone"
        self.seconds = 0.0  # CPU time of a change
        self._pipeline = pipeline
        self._people = pipeline.add(same, [], name="people", batch=ff.Batch(4, max_wait=0.02))
        self._burn = Burn()
        self._done = threading.Event()

    def run(self) -> None:
        """Runs on a separate thread until end()."""
        number = 0
        while not self._done.is_set():
            number += 1
            {"changes": self._change, "busy": self._compute}.get(self.kind, self._rest)(number)

    def _rest(self, _number: int) -> None:
        self._done.wait(0.05)

    def _change(self, number: int) -> None:
        camera = self._pipeline.add(ff.open(SMALL), name=f"cam{number}")
        self._pipeline.connect(self._people, camera)
        self._done.wait(0.05)
        self._pipeline.remove(camera)
        self._done.wait(0.05)

    def _compute(self, _number: int) -> None:
        thread = threading.Thread(target=self._burn, args=(self.seconds,))
        thread.start()
        thread.join()
        self._done.wait(0.1)

    def end(self) -> None:
        """Ends the thread."""
        self._done.set()


PHASES = ("alone", "again", "changes", "busy")


def ages_beside_changes(seconds: float, rounds: int) -> tuple[dict[str, float], float]:
    """Returns p99 of the age at 60 Hz (median of rounds), and the CPU time of a change, both in ms.

    The ages are measured alone, alone again, while ten cameras per second are added and removed, and while a
    thread computes ten times per second for as much CPU time as a change takes.
    """
    pipeline = ff.Pipeline(keep_running=True)
    step = pipeline.add(lambda value: value, pipeline.add(Ticking(10**9, 60), name="cam"), name="step")
    reader = pipeline.reader(step, queue=ff.Queue(8))
    beside = Beside(pipeline)
    ages: dict[str, list[float]] = {phase: [] for phase in PHASES}
    spent = dict.fromkeys(PHASES, 0.0)

    def measure(phase: str) -> None:
        beside.kind = phase
        time.sleep(0.2)
        while reader.poll() is not None:
            pass
        began, end, seen = time.process_time(), time.monotonic() + seconds, []
        while time.monotonic() < end:
            captured = reader.get().captured
            seen.append((time.monotonic() - captured) * MS)
        spent[phase] = (time.process_time() - began) / seconds
        ages[phase].append(quantile(sorted(seen), 0.99))

    with pipeline:
        thread = threading.Thread(target=beside.run)
        thread.start()
        for _ in range(rounds):
            for phase in PHASES:
                measure(phase)
                if phase == "changes":
                    beside.seconds = max(0.0, spent["changes"] - spent["again"]) / 10
        beside.end()
        thread.join()
    return {phase: sorted(each)[len(each) // 2] for phase, each in ages.items()}, beside.seconds * MS


def add_ages(result: Result, seconds: float) -> None:
    """Adds the rows of another branch during changes."""
    ages, change = ages_beside_changes(seconds, 5)
    figures = {f"{phase}_ms": age for phase, age in ages.items()} | {"processor_ms_per_change": change}
    apart = max(ages["alone"], ages["again"]) / min(ages["alone"], ages["again"]) - 1
    row = "age p99 of another branch, ten changes a second"
    result.add(Row(row, figures, ages["changes"] / ages["alone"], 1.1, spread=apart))
    row = "... over that beside a thread that computes as long, without changes"
    result.add(Row(row, {}, ages["changes"] / ages["busy"], 1.1, spread=apart))


def many_cameras(count: int) -> dict[str, Any]:
    """Adds `count` cameras to a batch and removes them, four at a time. Returns the time and what is left."""

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
            pipeline.connect(people, camera)
            end = time.monotonic() + 10
            while name not in heard and time.monotonic() < end:
                time.sleep(0.005)
            if name not in heard:
                starved.append(name)
            pipeline.remove(camera)

    with pipeline:
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


class CannotOpen(ff.Node[Any, Any]):
    """A node whose open() always fails."""

    def open(self) -> None:
        """Fails."""
        raise OSError("no such model")

    def process(self, sample: ff.Sample[Any]) -> Any:
        """Never called."""
        return sample.value


class Slow(ff.Node[int, int]):
    """A detector that takes 20 ms."""

    def process(self, sample: ff.Sample[int]) -> int:
        """Sleeps."""
        time.sleep(0.02)
        return sample.value


class Paced(Ticking):
    """A file at a camera's frame rate. Its edges lose nothing."""

    live = False


def replaced(source: ff.Source[int], swaps: int, *, join: bool = False) -> dict[str, float]:
    """Replaces a 30 Hz detector ten times per second, every tenth time by one that cannot be opened."""
    pipeline = ff.Pipeline()
    camera = pipeline.add(source, name="cam")
    step = pipeline.add(Slow(), camera, name="step")
    below = pipeline.add(lambda _, b: b, [camera, step], join=ff.Join(max_wait=1)) if join else step
    reader = pipeline.reader(below, queue=ff.Queue(8, when_full="block"))
    values, ages, times = [], [], []

    def consume() -> None:
        for sample in reader:
            values.append(sample.value)
            ages.append((time.monotonic() - sample.captured) * MS)

    with pipeline:
        consumer = threading.Thread(target=consume)
        consumer.start()
        for number in range(swaps):
            time.sleep(0.1)
            if number % 10 == 9:
                with contextlib.suppress(OSError):
                    pipeline.replace(step, CannotOpen())
            else:
                times.append(timed(partial(pipeline.replace, step, Slow()))[0])
        consumer.join()
        sent = pipeline.stats().nodes["cam"].processed
    return {
        "sent": sent,
        "lost": sent - len(values),
        "out_of_order": sum(a >= b for a, b in itertools.pairwise(values)),
        "age_p99_ms": quantile(sorted(ages), 0.99),
        "replace_p99_ms": quantile(sorted(times), 0.99) if times else 0.0,
    }


def replaced_camera(swaps: int) -> dict[str, float]:
    """Replaces a 30 Hz camera ten times per second, every tenth time by one that cannot be opened."""
    pipeline = ff.Pipeline()
    url = SMALL + "&seed="
    camera = pipeline.add(ff.open(url + "1"), name="cam")
    reader = pipeline.reader(camera, queue=ff.Queue(8))
    done = threading.Event()
    seqs, gaps, times = [], [], []

    def consume() -> None:
        before = 0.0
        while not done.is_set():
            with contextlib.suppress(ff.ReadTimeoutError):
                sample = reader.get(timeout=0.1)
                if before:
                    gaps.append((sample.captured - before) * MS)
                before = sample.captured
                seqs.append(sample.seq)

    with pipeline:
        consumer = threading.Thread(target=consume)
        consumer.start()
        for number in range(swaps):
            time.sleep(0.1)
            if number % 10 == 9:
                with contextlib.suppress(ff.FreshframeError):
                    pipeline.replace(camera, ff.open("rtsp://127.0.0.1:1/none", reconnect=False))
            else:
                times.append(timed(partial(pipeline.replace, camera, ff.open(url + str(number))))[0])
        done.set()
        consumer.join()
    return {
        "frames": len(seqs),
        "lost": sum(b - a - 1 for a, b in itertools.pairwise(seqs)),
        "out_of_order": sum(a >= b for a, b in itertools.pairwise(seqs)),
        "gap_p99_ms": quantile(sorted(gaps), 0.99),
        "replace_p99_ms": quantile(sorted(times), 0.99),
    }


def add_replacements(result: Result) -> None:
    """Adds the rows of replace()."""
    swaps = 100
    count = 30 * (swaps // 10 + 5)
    alone = replaced(Paced(count, 30), 0)
    shown = replaced(Paced(count, 30), swaps)
    result.add(
        Row(
            "replace() of a 20 ms detector, lossless: lost, out of order",
            shown,
            shown["lost"] + shown["out_of_order"],
            0,
        )
    )
    more = shown["age_p99_ms"] - alone["age_p99_ms"]
    result.add(Row("... age p99 more than without, ms", {"alone_ms": alone["age_p99_ms"], **shown}, more, 20))
    shown = replaced(Ticking(count, 30), swaps)
    result.add(Row("... LATEST: lost per replacement", shown, shown["lost"] / swaps, 1))
    shown = replaced(Paced(count, 30), swaps, join=True)
    result.add(Row("... above a join: lost, out of order", shown, shown["lost"] + shown["out_of_order"], 0))
    shown = replaced_camera(swaps)
    result.add(
        Row("replace() of a camera: lost, out of order", shown, shown["lost"] + shown["out_of_order"], 0)
    )


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
    add_ages(result, options.seconds)
    add_replacements(result)
    many = many_cameras(1000)
    result.add(Row("1,000 cameras, seconds", many, many["seconds"], 60))
    wrong = many["starved"] + many["unbalanced"] + max(0, many["more_threads"]) + max(0, many["more_fds"])
    result.add(Row("1,000 cameras, starved, uncounted or left", many, wrong, 0))
    result.keep(options.out)


if __name__ == "__main__":
    main()
