"""A fleet as one writes it by hand: cameras on processes of multiprocessing, started again when they die.

Each process has a thread for each of its cameras and sends their results in batches. The program reads all
of them. Nothing is counted, no camera moves, and a process that hangs is not found.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Mapping
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any

import freshframe as ff

GATHER = 0.02  # seconds, as an agent of a fleet does with few results
TRY_AGAIN = 1.0  # seconds
Item = tuple[str, Any, float]  # camera, value, seconds of CLOCK_MONOTONIC at the capture
_spawn = get_context("spawn")


def watch(camera: str, url: str, results: queue.SimpleQueue[Item]) -> None:
    """Reads a camera for ever."""
    while True:
        try:
            pipeline = ff.Pipeline(name=camera)
            reader = pipeline.reader(pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(url))))
            with pipeline:
                for sample in reader:
                    results.put((camera, sample.value, sample.captured))
        except ff.FreshframeError as error:
            print(camera, error, flush=True)
        time.sleep(TRY_AGAIN)


def watch_all(cameras: Mapping[str, str]) -> queue.SimpleQueue[Item]:
    """A thread for each camera; their results."""
    results: queue.SimpleQueue[Item] = queue.SimpleQueue()
    for camera, url in cameras.items():
        threading.Thread(target=watch, args=(camera, url, results), daemon=True).start()
    return results


def batch_of(results: queue.SimpleQueue[Item], timeout: float | None = None) -> list[Item]:
    """The results within GATHER of the first one; empty: there was none."""
    try:
        batch = [results.get(timeout=timeout)]
    except queue.Empty:
        return []
    time.sleep(GATHER)
    while not results.empty():
        batch.append(results.get_nowait())
    return batch


def work(cameras: Mapping[str, str], to_program: Connection) -> None:
    """A process's whole life."""
    results = watch_all(cameras)
    while True:
        to_program.send(batch_of(results))


class Shard:
    """A process and its share of the cameras."""

    def __init__(self, cameras: Mapping[str, str]) -> None:
        """Starts it."""
        self._cameras = cameras
        self.start()

    def start(self) -> None:
        """Once more, after its end."""
        self.results, theirs = _spawn.Pipe(duplex=False)
        self.process = _spawn.Process(target=work, args=(self._cameras, theirs), daemon=True)
        self.process.start()
        theirs.close()


class ByHand:
    """The cameras on so many processes."""

    def __init__(self, cameras: Mapping[str, str], processes: int) -> None:
        """Starts them."""
        items = list(cameras.items())
        self._shards = [Shard(dict(items[first::processes])) for first in range(processes)]

    @property
    def pids(self) -> list[int]:
        """Of the processes."""
        return [shard.process.pid for shard in self._shards if shard.process.pid is not None]

    def results(self) -> Iterator[tuple[str, float]]:
        """Camera, and age in seconds."""
        while True:
            of = {shard.results: shard for shard in self._shards}
            for ready in wait(list(of)):
                assert isinstance(ready, Connection)
                try:
                    batch = ready.recv()
                except EOFError:
                    of[ready].process.join()
                    of[ready].start()
                    continue
                for camera, _, captured in batch:
                    yield camera, time.monotonic() - captured

    def close(self) -> None:
        """Ends the processes."""
        for shard in self._shards:
            shard.process.kill()
            shard.process.join()
            shard.results.close()
