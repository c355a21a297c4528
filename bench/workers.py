"""Nodes in worker processes: the round trip of a picture, what is left of the GIL, two cores, the start.

Round trips are of one 1280x720 grey picture whose worker reads one pixel. "process=True" is from the sending
of the request to the checked reply, as the node's own histogram has it (buckets 6 % wide). A bare ping-pong
of two Python processes over the same kind of socket, without any picture and with a poll() before each read,
is the reference; it is measured twice per round. multiprocessing's ways carry the picture. Pinned: all
threads of this process on one processor, the other process on a second one or on the same. "CPU" is processor
time per sample of the thread that drives the workers, beside that of the ping-pong's end.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import multiprocessing as mp
import os
import queue
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any

import cloudpickle  # noqa: F401  (what a worker imports, a pool's must import too)
import numpy as np
from _measure import Result, Row, arguments, median, quantile, spread, take_turns

import freshframe as ff

SHAPE = (720, 1280)
TRIPS = 500
BURN = 0.1
COMPUTE = 0.03
KILL_SECONDS = 12
HEARTBEATS = 1500
PICTURE = np.zeros(SHAPE, np.uint8)


class Push(ff.Source[Any]):
    """Emits what is put into its queue; None ends it."""

    live = False

    def __init__(self) -> None:
        """Has nothing yet."""
        self.items: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def read(self, stop: ff.StopToken) -> Iterator[tuple[Any, float]]:
        """Yields them."""
        while not stop.stopped:
            try:
                item = self.items.get(timeout=0.05)
            except queue.Empty:
                continue
            if item is None:
                return
            yield item, 0.0


def one_pixel(frame: ff.Frame) -> float:
    """The least that looks at a picture."""
    return float(frame.luma[360, 640])


def burn(seconds: float) -> None:
    """Bytecode for so long."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(200))


def burn_long(value: Any) -> int:
    """A node that keeps the GIL."""
    burn(BURN)
    return 1


def compute(value: Any) -> int:
    """A node that computes."""
    burn(COMPUTE)
    return 1


# ---- round trips, each in us: (p50, p99)


def quantiles(times: list[float]) -> tuple[float, float]:
    """In us."""
    return 1e6 * quantile(times, 0.5), 1e6 * quantile(times, 0.99)


def timed(trip: Callable[[], object]) -> tuple[float, float]:
    """Many trips, after a few that warm up."""
    for _ in range(20):
        trip()
    times = []
    for _ in range(TRIPS):
        begin = time.perf_counter()
        trip()
        times.append(time.perf_counter() - begin)
    return quantiles(times)


def tasks(pid: int) -> list[int]:
    """The threads of a process."""
    return [int(entry.name) for entry in Path(f"/proc/{pid}/task").iterdir()]


def pin(pid: int, cpu: int | None) -> None:
    """All threads of a process on one processor; None: on any."""
    cpus = range(os.cpu_count() or 1) if cpu is None else [cpu]
    for task in tasks(pid):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(task, cpus)


def cpu_of(name: str) -> float:
    """Seconds of processor time of this process's threads of that name."""
    total = 0
    for task in tasks(os.getpid()):
        if Path(f"/proc/self/task/{task}/comm").read_text().strip() == name:
            total += int(Path(f"/proc/self/task/{task}/schedstat").read_text().split()[0])
    return total / 1e9


def freshframe_trip(cpus: tuple[int, int] | None = None) -> tuple[float, float, float]:
    """Through a pipeline: p50, p99, CPU."""
    pipeline = ff.Pipeline()
    source = Push()
    port = pipeline.add(one_pixel, pipeline.add(source), process=True, name="node")
    reader = pipeline.reader(port)
    with pipeline:
        frame = ff.Frame.from_array(PICTURE, "gray")
        if cpus:
            pin(os.getpid(), cpus[0])
            pin(pipeline.stats().nodes["node"].workers[0].pid, cpus[1])
        before = cpu_of("node")
        for _ in range(TRIPS):
            source.items.put(frame)
            reader.get()
        used = cpu_of("node") - before
        node = pipeline.stats().nodes["node"]
    pin(os.getpid(), None)
    return 1e6 * node.p50, 1e6 * node.p99, 1e6 * used / TRIPS


PING = """
import os, select
poll = select.poll()
poll.register(3, select.POLLIN)
while True:
    poll.poll()
    data = os.read(3, 4096)
    if not data: break
    os.write(3, data)
"""


def bare_trip(cpus: tuple[int, int] | None = None) -> tuple[float, float, float]:
    """Two Python processes that send each other 64 bytes: p50, p99, CPU."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    code = f"import os; os.dup2({theirs.fileno()}, 3)\n{PING}"
    child = subprocess.Popen([sys.executable, "-c", code], pass_fds=[theirs.fileno()])
    theirs.close()
    number = ours.fileno()
    poll = select.poll()
    poll.register(number, select.POLLIN)

    def trip() -> None:
        os.write(number, b"x" * 64)
        poll.poll()
        os.read(number, 4096)

    trip()
    if cpus:
        pin(os.getpid(), cpus[0])
        pin(child.pid, cpus[1])
    before = time.thread_time()
    p50, p99 = timed(trip)
    used = time.thread_time() - before
    pin(os.getpid(), None)
    ours.close()
    child.wait()
    return p50, p99, 1e6 * used / (TRIPS + 20)


def answer_queue(take: Any, give: Any) -> None:
    """The other side of two queues."""
    while (picture := take.get()) is not None:
        give.put(float(picture[360, 640]))


def queue_trip() -> tuple[float, float]:
    """multiprocessing.Queue, there and back."""
    context = mp.get_context("spawn")
    give, take = context.Queue(), context.Queue()
    child = context.Process(target=answer_queue, args=(give, take))
    child.start()

    def trip() -> None:
        give.put(PICTURE)
        take.get()

    result = timed(trip)
    give.put(None)
    child.join()
    return result


def answer_shared(name: str, pipe: Any) -> None:
    """The other side of shared memory and a pipe."""
    memory = shared_memory.SharedMemory(name=name)
    picture = np.ndarray(SHAPE, np.uint8, memory.buf)
    while pipe.recv() is not None:
        pipe.send(float(picture[360, 640]))
    del picture
    memory.close()


def shared_trip() -> tuple[float, float]:
    """shared_memory with one copy, and a Pipe."""
    context = mp.get_context("spawn")
    memory = shared_memory.SharedMemory(create=True, size=PICTURE.nbytes)
    ours, theirs = context.Pipe()
    child = context.Process(target=answer_shared, args=(memory.name, theirs))
    child.start()

    def trip() -> None:
        np.copyto(np.ndarray(SHAPE, np.uint8, memory.buf), PICTURE)
        ours.send(1)
        ours.recv()

    result = timed(trip)
    ours.send(None)
    child.join()
    memory.close()
    memory.unlink()
    return result


# ---- the GIL


def fill(source: Push) -> None:
    """More than the node can burn."""
    for _ in range(1000):
        source.items.put(1)


def heartbeat(process: bool | None) -> float:
    """p99 in ms of how late a 1 ms heartbeat is beside a node that burns; None: beside another program."""
    pipeline = ff.Pipeline()
    source = Push()
    other = None
    if process is None:
        code = "while True: sum(range(200))\n"
        other = subprocess.Popen([sys.executable, "-c", code])
    else:
        pipeline.add(burn_long, pipeline.add(source), process=process, queue=ff.Queue(1, "block"))
        pipeline.start()
        threading.Thread(target=fill, args=(source,), daemon=True).start()
        time.sleep(0.3)
    late = []
    for _ in range(HEARTBEATS):
        begin = time.perf_counter()
        time.sleep(0.001)
        late.append(1e3 * (time.perf_counter() - begin - 0.001))
    if other is not None:
        other.kill()
        other.wait()
    pipeline.stop()
    return quantile(late, 0.99)


# ---- cores and the start


def throughput(workers: int) -> float:
    """Samples per second of a node that computes 30 ms."""
    pipeline = ff.Pipeline()
    source = Push()
    port = pipeline.add(compute, pipeline.add(source), process=ff.Process(workers=workers))
    reader = pipeline.reader(port)
    for _ in range(60):
        source.items.put(1)
    source.items.put(None)
    with pipeline:
        begin = time.perf_counter()
        count = sum(1 for _ in reader)
        return count / (time.perf_counter() - begin)


class Ticks(ff.Source[Any]):
    """A frame every 10 ms."""

    live = True

    def read(self, stop: ff.StopToken) -> Iterator[tuple[Any, float]]:
        """Yields them."""
        frame = ff.Frame.from_array(PICTURE, "gray")
        number = 0
        while not stop.wait(0.01):
            yield frame, number / 100
            number += 1


def age_beside_kills(kills: bool) -> tuple[float, int]:
    """p99 in ms of the age of another branch's samples, and how many samples are not accounted for."""
    pipeline = ff.Pipeline()
    camera = pipeline.add(Ticks())
    pipeline.add(one_pixel, camera, process=ff.Process(restarts=1000), name="node")
    reader = pipeline.reader(camera)
    ages = []
    with pipeline:
        end = time.monotonic() + KILL_SECONDS
        next_kill = time.monotonic() + 1
        while time.monotonic() < end:
            sample = reader.get()
            ages.append(1e3 * (time.monotonic() - sample.captured))
            if kills and time.monotonic() >= next_kill:
                next_kill += 1
                for worker in pipeline.stats().nodes["node"].workers:
                    if worker.pid:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(worker.pid, signal.SIGKILL)
    stats = pipeline.stats()
    node = stats.nodes["node"]
    [edge] = [edge for edge in stats.edges if edge.child == "node"]
    return quantile(ages, 0.99), edge.delivered - node.processed - node.dropped


def start_freshframe() -> float:
    """Seconds until four workers have answered first."""
    begin = time.perf_counter()
    pipeline = ff.Pipeline()
    source = Push()
    reader = pipeline.reader(pipeline.add(compute, pipeline.add(source), process=ff.Process(workers=4)))
    with pipeline:
        source.items.put(1)
        reader.get()
        return time.perf_counter() - begin


def start_pool() -> float:
    """The same of multiprocessing's pool, whose workers import this file."""
    begin = time.perf_counter()
    with mp.get_context("spawn").Pool(4) as pool:
        pool.map(compute, [1] * 4, chunksize=1)
        return time.perf_counter() - begin


def trip_rows(result: Result, rounds: int) -> None:
    """Round trips."""
    kinds: dict[str, Callable[[], tuple[float, ...]]] = {
        "bare": bare_trip,
        "process=True": freshframe_trip,
        "shared_memory + Pipe": shared_trip,
        "multiprocessing.Queue": queue_trip,
        "bare again": bare_trip,
    }
    runs = take_turns(kinds, rounds)
    p50 = {kind: median([run[0] for run in found]) for kind, found in runs.items()}
    p99 = {kind: median([run[1] for run in found]) for kind, found in runs.items()}
    noise = spread([run[0] for run in runs["bare"]], [run[0] for run in runs["bare again"]])
    ours = p50["process=True"]
    for kind in kinds:
        figures = {"p50_us": p50[kind], "p99_us": p99[kind]}
        result.add(Row(f"round trip, {kind}: times process=True", figures, p50[kind] / ours, spread=noise))


def pinned_rows(result: Result, rounds: int) -> None:
    """Round trips between two processors, and on one."""
    for where, cpus, goal in [("two processors", (0, 1), 1.25), ("one processor", (0, 0), None)]:
        runs = take_turns(
            {
                "bare": partial(bare_trip, cpus),
                "ours": partial(freshframe_trip, cpus),
                "again": partial(bare_trip, cpus),
            },
            rounds,
        )
        p50 = {kind: median([run[0] for run in found]) for kind, found in runs.items()}
        cpu = {kind: median([run[2] for run in found]) for kind, found in runs.items()}
        noise = spread([run[0] for run in runs["bare"]], [run[0] for run in runs["again"]])
        figures = {"p50_us": p50["ours"], "bare_p50_us": p50["bare"]}
        name = f"round trip pinned to {where}, process=True"
        if goal:
            result.add(Row(f"{name}: times bare", figures, p50["ours"] / p50["bare"], goal, spread=noise))
        else:
            result.add(Row(f"{name}: us above bare", figures, p50["ours"] - p50["bare"], 6.0, spread=noise))
        figures = {"cpu_us": cpu["ours"], "bare_cpu_us": cpu["bare"]}
        name = f"CPU per sample pinned to {where}, process=True: us above bare"
        result.add(Row(name, figures, cpu["ours"] - cpu["bare"], 10.0, spread=noise))


def kill_rows(result: Result, rounds: int) -> None:
    """A worker that is killed every second, beside another branch."""
    runs = take_turns(
        {
            "calm": lambda: age_beside_kills(False),
            "kills": lambda: age_beside_kills(True),
            "again": lambda: age_beside_kills(False),
        },
        rounds,
    )
    age = {kind: median([run[0] for run in found]) for kind, found in runs.items()}
    lost = max(run[1] for found in runs.values() for run in found)
    figures = {f"{kind}_p99_ms": value for kind, value in age.items()}
    noise = spread([run[0] for run in runs["calm"]], [run[0] for run in runs["again"]])
    name = "age in another branch while a worker is killed every second: times without kills"
    result.add(Row(name, figures, age["kills"] / age["calm"], 1.2, spread=noise))
    result.add(Row("samples that are not accounted for after the kills", {"samples": lost}, lost, 0))


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "workers", rounds=3)
    result = Result("workers", "nodes in worker processes", {"rounds": options.rounds, "trips": TRIPS})
    trip_rows(result, options.rounds)
    pinned_rows(result, options.rounds)
    kill_rows(result, 1)
    beats = take_turns(
        {
            "thread": lambda: heartbeat(False),
            "process": lambda: heartbeat(True),
            "program": lambda: heartbeat(None),
        },
        options.rounds,
    )
    late = {kind: median(found) for kind, found in beats.items()}
    figures = {f"{kind}_p99_ms": value for kind, value in late.items()}
    limit = 1.2 * late["program"] + 0.2
    result.add(
        Row(
            "1 ms heartbeat beside a node that burns 100 ms: p99, process=True",
            figures,
            late["process"],
            limit,
        )
    )
    rates = take_turns({"one": lambda: throughput(1), "two": lambda: throughput(2)}, options.rounds)
    one, two = median(rates["one"]), median(rates["two"])
    result.add(
        Row(
            "30 ms of Python on two cores: 2 workers against 1",
            {"one_per_s": one, "two_per_s": two},
            two / one,
            1.8,
            True,
        )
    )
    starts = take_turns({"freshframe": start_freshframe, "pool": start_pool}, options.rounds)
    ours, pool = median(starts["freshframe"]), median(starts["pool"])
    result.add(Row("start of 4 workers against Pool(4)", {"s": ours, "pool_s": pool}, ours / pool, 1.0))
    result.keep(options.out)


if __name__ == "__main__":
    main()
