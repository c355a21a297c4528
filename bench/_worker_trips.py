"""Round trips of a picture: through a worker process, over a bare socket, by multiprocessing's ways."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import multiprocessing as mp
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any

import numpy as np
from _measure import Result, Row, median, quantile, spread, take_turns
from _worker_nodes import Push, one_pixel

import freshframe as ff

SHAPE = (720, 1280)
TRIPS = 500
PICTURE = np.zeros(SHAPE, np.uint8)


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
            result.add(
                Row(
                    f"{name}: us above bare",
                    figures,
                    p50["ours"] - p50["bare"],
                    6.0,
                    spread=noise,
                    scale=p50["bare"],
                )
            )
        figures = {"cpu_us": cpu["ours"], "bare_cpu_us": cpu["bare"]}
        name = f"CPU per sample pinned to {where}, process=True: us above bare"
        result.add(Row(name, figures, cpu["ours"] - cpu["bare"], 10.0, spread=noise, scale=cpu["bare"]))
