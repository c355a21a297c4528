"""Runs of minutes: a receiver and a camera that go away again and again, and programs without a fault."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import gc
import json
import logging
import tempfile
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rigs.live.faulty_server import Faults
from rigs.live.media import encode
from rigs.live.servers import HttpServer
from rigs.ports import free_port
from rigs.process import nodes
from rigs.receivers import Hook, serving

import freshframe as ff
from night import own_process
from night.edges import faults_in
from night.own_process import Usage, log_to

_WARM = 150.0  # seconds in which a soak makes what it keeps
_MOST = {  # by which each may grow after that
    "blocks": 80,
    "bytes": 2 << 20,  # CPython makes its table of interned strings again: 1 MB, once
    "objects": 1600,
    "memory": 2 << 20,
    "mappings": 8,
    "threads": 2,
    "descriptors": 2,
    "files": 1,
}
_MOST_LATER = 1000  # numbers that a receiver may have above one that is missing
_MOST_WAITING = 100  # events, some seconds after a receiver has come back
_LINES = 20  # lines that a healthy program may log
_AWAY, _THERE = 3.0, 7.0  # seconds of an outage, and between two
_BATCH, _UNTAKEN = 2, 15.0  # samples, and the seconds after which a full batch counts as forgotten
_DIM = 60  # the brightest level of a dim camera
DEMO = "demo:circles?fps=20&size=160x120"


def growth(usage: Usage) -> list[str]:
    """The growth in a soak since it was warm, and whether the log gets ever more lines."""
    found, lines = usage.growth(_WARM, _MOST), usage.since("lines", _WARM)
    if third := len(lines) // 3:
        first, last = lines[third - 1] - lines[0], lines[-1] - lines[-third]
        if last > 2 * first + 20:
            found.append(f"the log got {first} lines in the first third and {last} in the last")
    return found


def _files(folder: Path) -> int:
    return sum(1 for path in folder.rglob("*") if path.is_file())


class _Lines(logging.Handler):
    """Counts the lines of the log."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


class _Numbers:
    """The numbers of the events that a receiver has taken, without a list that would grow with the run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 1  # all below it were there, or are missing
        self._later = set[int]()
        self._missing = 0
        self.repeated = 0

    def take(self, number: int) -> None:
        """Notes one, in any order."""
        with self._lock:
            if number < self._next or number in self._later:
                self.repeated += 1
                return
            self._later.add(number)
            if len(self._later) > _MOST_LATER:
                first = min(self._later)
                self._missing += first - self._next
                self._next = first
            while self._next in self._later:
                self._later.remove(self._next)
                self._next += 1

    def count(self) -> int:
        """How many different ones there were."""
        with self._lock:
            return self._next - 1 - self._missing + len(self._later)

    def findings(self) -> list[str]:
        """Whether one is missing below another."""
        with self._lock:
            missing = self._missing
            if self._later:
                missing += max(self._later) + 1 - self._next - len(self._later)
        return [f"events missing below the last one: {missing}"] if missing else []


class _Answering:
    """A web server on one port, which is there and away."""

    def __init__(self) -> None:
        self.port, self.outages, self.numbers = free_port(), 0, _Numbers()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def send(self, events: list[dict[str, Any]]) -> None:
        """The body of the spool's request."""
        body = json.dumps({"events": events}).encode()
        urllib.request.urlopen(f"http://127.0.0.1:{self.port}/hook", body, timeout=5).close()

    def __enter__(self) -> _Answering:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            with serving(_Hook(self.port, self.numbers)):
                self._over.wait(_THERE)
            self.outages += not self._over.wait(_AWAY)


class _Hook(Hook):
    """A receiver that listens on a given port, and keeps nothing of a request: what grows is the engine's."""

    def __init__(self, port: int, numbers: _Numbers) -> None:
        self._chosen, self._numbers = port, numbers
        super().__init__()

    def judge(self, body: bytes) -> int:
        """Takes all, also in its last request, which it may answer after its end."""
        self.requests.clear()
        self.events.clear()
        for event in json.loads(body)["events"]:
            self._numbers.take(event["n"])
        return super().judge(body)

    def server_bind(self) -> None:
        """On that port."""
        self.server_address = ("127.0.0.1", self._chosen)
        super().server_bind()


def soak(seconds: float) -> tuple[int, list[str], dict[str, float]]:
    """A camera whose connection is cut, and a receiver that goes away, for that long.

    Returns:
        Outages, findings, figures.
    """
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as place,
        log_to(lines := _Lines()),
        HttpServer(_moving(300), Faults(close_after=90)) as server,
        _Answering() as receiver,
    ):
        folder = Path(place)
        usage = Usage(
            {
                **own_process.REMAINS,
                "memory": own_process.memory,
                "files": lambda: _files(folder),
                "lines": lambda: lines.count,
            }
        )
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open(DEMO), name="camera")
        circles = pipeline.add(ff.CircleTracker(), camera, name="circles")
        pipeline.add(ff.Spool(folder / "box", receiver.send, max_bytes=1 << 20), circles, name="spool")
        network = pipeline.add(ff.open(server.url), name="network")
        light = pipeline.reader(pipeline.add(nodes.mean, network, name="light"))
        with pipeline:
            while (past := time.monotonic() - began) < seconds:
                light.latest()
                gc.collect()
                usage.look(past)
                time.sleep(1)
            found = _let_it_send(pipeline, receiver.numbers)
            stats = pipeline.stats()
    found += growth(usage) + faults_in(stats) + receiver.numbers.findings()
    source = stats.nodes["network"].source
    reconnects = 0 if source is None else source.reconnects
    before, after = usage.thirds("memory", _WARM) or (0, 0)
    outages = receiver.outages + reconnects
    if lines.count > _LINES + 10 * outages:
        found.append(f"the log got {lines.count} lines for {outages} outages")
    figures: dict[str, float] = {
        "reconnects": reconnects,
        "events": receiver.numbers.count(),
        "sent twice": receiver.numbers.repeated,
        "memory grown KiB": (after - before) // 1024,
    }
    return outages, found, figures


def _let_it_send(pipeline: ff.Pipeline, taken: _Numbers) -> list[str]:
    """A receiver that is there again gets what waits, and has all that was sent; nothing is given up."""
    ends, found = time.monotonic() + 3 * (_AWAY + _THERE), list[str]()
    while True:
        spool = pipeline.stats().nodes["spool"].spool
        assert spool is not None
        if spool.waiting <= _MOST_WAITING:
            break
        if time.monotonic() > ends:
            found.append(f"{spool.waiting} events wait, although their receiver has come back")
            break
        time.sleep(0.5)
    given_up = {"refused": spool.refused, "expired": spool.expired, "lost": spool.lost}
    found += [f"{name} events: {count}" for name, count in given_up.items() if count]
    if taken.count() < spool.sent:
        found.append(f"{spool.sent} events were sent, but their receiver has {taken.count()}")
    return found


def _moving(count: int, brightest: int = 255) -> Any:
    """Pictures that are all different."""

    def draw(number: int, width: int, height: int) -> Any:
        pixels = np.random.default_rng(number).integers(0, brightest, (height // 8, width // 8, 3), np.uint8)
        return pixels.repeat(8, axis=0).repeat(8, axis=1)

    return encode("mjpeg", count, size=(80, 64), draw=draw)


class _Servers(NamedTuple):
    """The cameras on loopback."""

    bright: HttpServer
    dim: HttpServer


class _InFullBatches(ff.Source[float]):
    """Fills a batch, and waits until that has been taken."""

    live = False

    def __init__(self) -> None:
        self.taken = threading.Semaphore(0)

    def read(self) -> Iterator[tuple[float, float]]:
        """Reads until the stop."""
        while True:
            for _ in range(_BATCH):
                self.stop_token.wait(0.005)  # the batch begins with the first and waits for the others
                now = time.monotonic()
                yield now, now
            ends = time.monotonic() + _UNTAKEN
            while not self.taken.acquire(timeout=0.05):
                if self.stop_token.stopped:
                    return
                if time.monotonic() > ends:
                    raise RuntimeError(f"a full batch was not given within {_UNTAKEN:g} s")

    def take(self, values: list[float]) -> list[float]:
        """Takes a batch."""
        if len(values) == _BATCH:
            self.taken.release()
        return values


def _full_batches(pipeline: ff.Pipeline, _: _Servers) -> ff.Reader[Any]:
    source = _InFullBatches()
    port = pipeline.add(source, name="source")
    batch, queue = ff.Batch(_BATCH, max_wait=100 * _UNTAKEN), ff.Queue(4 * _BATCH, "block")
    return pipeline.reader(pipeline.add(source.take, port, name="taken", batch=batch, queue=queue))


def _one_camera(pipeline: ff.Pipeline, _: _Servers) -> ff.Reader[Any]:
    camera = pipeline.add(ff.open(DEMO), name="camera")
    return pipeline.reader(pipeline.add(ff.CircleTracker(), camera, name="circles"))


def _two_in_batches(pipeline: ff.Pipeline, _: _Servers) -> ff.Reader[Any]:
    cameras = [pipeline.add(ff.open(f"{DEMO}&seed={n}"), name=f"camera{n}") for n in range(2)]
    light = pipeline.add(_lights, cameras, name="light", batch=ff.Batch(2, max_wait=0.02))
    return pipeline.reader(light)


def _network(pipeline: ff.Pipeline, servers: _Servers) -> ff.Reader[Any]:
    return _light_of(pipeline, servers.bright)


def _dim(pipeline: ff.Pipeline, servers: _Servers) -> ff.Reader[Any]:
    return _light_of(pipeline, servers.dim)


def _light_of(pipeline: ff.Pipeline, server: HttpServer) -> ff.Reader[Any]:
    camera = pipeline.add(ff.open(server.url, frozen_after=10), name="network")
    return pipeline.reader(pipeline.add(nodes.mean, camera, name="light"))


def _lights(frames: list[ff.Frame]) -> list[float]:
    return [nodes.mean(frame) for frame in frames]


PROGRAMS: list[Callable[[ff.Pipeline, _Servers], ff.Reader[Any]]] = [
    _one_camera,
    _two_in_batches,
    _network,
    _full_batches,
    _dim,
]


def _read(reader: ff.Reader[Any]) -> None:
    with contextlib.suppress(ff.NodeError):
        deque(reader, 0)


@contextlib.contextmanager
def _gil_watch(limit: float) -> Iterator[Callable[[], Sequence[Any]]]:
    """Gives a function that returns what the watch has seen so far, which is nothing without a GIL."""
    if own_process.IS_FREE_THREADED:
        yield tuple
    else:
        with ff.gil.watch(limit) as watch:
            yield lambda: watch.stalls


def healthy(seconds: float) -> tuple[int, list[str], dict[str, float]]:
    """Programs without a fault, half a minute each: nothing may be found in them.

    Returns:
        Programs, findings, figures.
    """
    found: list[str] = []
    ran = 0
    ends = time.monotonic() + seconds
    length = min(30.0, seconds)
    with (
        log_to(lines := _Lines()),
        HttpServer(_moving(2000)) as bright,
        HttpServer(_moving(2000, _DIM)) as dim,
    ):
        while time.monotonic() < ends:
            build = PROGRAMS[ran % len(PROGRAMS)]
            ran += 1
            pipeline = ff.Pipeline(build.__name__.strip("_"))
            reading = threading.Thread(target=_read, args=(build(pipeline, _Servers(bright, dim)),))
            with _gil_watch(0.25) as stalls, pipeline:
                reading.start()
                pipeline.why()
                try:
                    pipeline.wait(length)
                except ff.NodeError as error:
                    found.append(f"{pipeline.name}: {error}")
                why, stats = pipeline.why(), pipeline.stats()
            reading.join()
            found += [f"{pipeline.name}: why() says: {finding}" for finding in why.findings]
            found += [f"{pipeline.name}: the GIL was held: {stall}" for stall in stalls()]
            found += [
                f"{pipeline.name}: {name} is said to stand still: {node.source.frozen}"
                for name, node in stats.nodes.items()
                if node.source is not None and node.source.frozen
            ]
            found += faults_in(stats)
            if lines.count > _LINES:
                found.append(f"{pipeline.name}: the log got {lines.count} lines")
            lines.count = 0
    return ran, found, {}
