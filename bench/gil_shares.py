"""`gil_hold` and `gil_wait` of nodes beside what another thread sees of the GIL.

A heartbeat sleeps for 2 ms at a time and needs the GIL when it wakes up. It wakes late when the GIL is held:
the share of the time in its late beats is the share in which the node held the GIL. For the waits another
thread holds the GIL for 15 of every 20 ms, and the node itself measures by how much its sleeps are too long.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ctypes
import hashlib
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from _measure import Result, Row, arguments, median

import freshframe as ff

SECONDS = 5.0
LATE = 0.002  # seconds
ALLOWED = 0.1  # difference of the shares


class Ticks(ff.Source[int]):
    """More than any node here can take."""

    def read(self) -> Iterator[tuple[int, float]]:
        """A number every 5 ms."""
        number = 0
        while not self.stop_token.wait(0.005):
            yield number, number * 0.005
            number += 1


def bytecode() -> None:
    """About 50 ms of the interpreter's own work."""
    number = 0
    for step in range(1_500_000):
        number += step


def calls() -> dict[str, Callable[[], object]]:
    """What the nodes do, by name."""
    noise = os.urandom(2_000_000)
    numbers = np.frombuffer(noise, np.uint8).astype(np.float64)
    usleep = ctypes.PyDLL(None).usleep  # keeps the GIL
    return {
        "zlib.compress": lambda: zlib.compress(noise, 6),
        "hashlib.pbkdf2_hmac": lambda: hashlib.pbkdf2_hmac("sha256", b"x", b"y", 200_000),
        "numpy.sort": lambda: np.sort(numbers),
        "usleep through PyDLL": lambda: usleep(50_000),
        "bytecode": bytecode,
        "time.sleep": lambda: time.sleep(0.05),
    }


def heartbeat(seconds: float) -> float:
    """The share of the time in beats that ended late."""
    late, until = 0.0, time.monotonic() + seconds
    began = now = time.monotonic()
    while now < until:
        before = now
        time.sleep(0.002)
        now = time.monotonic()
        if now > before + 0.002 + LATE:
            late += now - before
    return late / (now - began)


def hold(call: Callable[[], object]) -> tuple[float, float]:
    """Shares of the time in which a node held the GIL: by stats(), by the heartbeat."""
    pipeline = ff.Pipeline(stall_timeout=None)
    pipeline.add(lambda value: call(), pipeline.add(Ticks()), name="node", queue=ff.Queue(4))
    with pipeline:
        time.sleep(1)
        before = pipeline.stats()
        true = heartbeat(SECONDS)
        after = pipeline.stats()
    span = after.uptime - before.uptime
    return (after.nodes["node"].gil_hold - before.nodes["node"].gil_hold) / span, true


def wait() -> tuple[float, float]:
    """Shares of the time in which a node waited for the GIL within its calls."""
    usleep, ended, waited = ctypes.PyDLL(None).usleep, threading.Event(), 0.0

    def hogs() -> None:
        while not ended.is_set():
            usleep(15_000)
            time.sleep(0.005)

    def sleeps(value: int) -> None:
        nonlocal waited
        for _ in range(20):
            began = time.monotonic()
            time.sleep(0.005)
            waited += time.monotonic() - began - 0.005

    pipeline = ff.Pipeline(stall_timeout=None)
    pipeline.add(sleeps, pipeline.add(Ticks()), name="node", queue=ff.Queue(4))
    thread = threading.Thread(target=hogs)
    with pipeline:
        thread.start()
        time.sleep(1)
        before, began = pipeline.stats(), waited
        time.sleep(SECONDS)
        after, ended_at = pipeline.stats(), waited
        ended.set()
        thread.join()
    span = after.uptime - before.uptime
    return (after.nodes["node"].gil_wait - before.nodes["node"].gil_wait) / span, (ended_at - began) / span


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "gil_shares", rounds=3)
    result = Result("gil_shares", "share of the time", {"rounds": options.rounds, "seconds": SECONDS})
    kinds: dict[str, Callable[[], tuple[float, float]]] = {
        f"holds: {name}": partial(hold, call) for name, call in calls().items()
    }
    kinds["waits: time.sleep beside a thread that holds"] = wait
    for name, measure in kinds.items():
        rounds = [measure() for _ in range(options.rounds)]
        said, true = (median([each[column] for each in rounds]) for column in (0, 1))
        apart = max(abs(a - b) for a, b in rounds)
        result.add(Row(name, {"stats": said, "seen": true, "most_apart": apart}, apart, ALLOWED))
    result.keep(options.out)


if __name__ == "__main__":
    main()
