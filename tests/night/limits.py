"""Programs at their limits, beside each other: each keeps the book of one bound that the docs name.

A bound is seldom reached: a merge of 70 sources, a worker that dies again and again, a receiver that stays
away for the second time. What the engine does there is compared with a rule of the program's own.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import random
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from rigs.live.media import encode
from rigs.live.rtsp import RtspServer
from rigs.live.servers import HttpServer
from rigs.web_client import Video, request
from support import Count, Ticker, until

import freshframe as ff
from night import own_process
from night.own_process import also_log_to, log_to

Find = Callable[[str], None]
Program = Callable[[float, Find], int]  # runs for so many seconds, returns how often its rule was tried

_SOURCES = 70  # of a merge, more than a word has bits
_RATE = 5.0  # samples per second of each
_FAIR = 4  # times as many samples as the least favoured source may have on average
_ENOUGH = 8  # samples of a source on average, before they are compared
_SPAN = 1.0  # seconds of a queue
_RESTARTS = 3  # of a worker
_PATIENCE = 100.0  # seconds for its node to fail
_CALL = 0.05  # seconds of a slow call
_CALLS = 100  # of it, before its times are compared
_IDLE_SHARE = 0.3  # of the time of its calls, for which it may have waited
_LONG = 36.0  # seconds of the first outage of a receiver
_SHORT = 26.0  # of a later one
_THERE = 3.0  # between two
_QUESTIONS = 30  # a minute
_ASKED = 0.7  # seconds between two of a client that asks too often
_MINUTE = 60.0
_KEPT = 64 << 20  # bytes of picture memory for reuse
_UNREAD = 25  # connections that a receiver does not read
_LOST_AFTER = 0.5  # seconds, for one that does not read
_READ = 20.0  # seconds for which it reads
_SECOND = 3_000_000  # bytes of the video, less than those of a second
_LOST = 0.02  # of the packets
_LATE = 0.02  # of them
_DELAY = 0.5  # seconds


def many_sources(seconds: float, find: Find) -> int:
    """A merge takes from its sources in turn, so that none is starved."""

    def busy(number: int) -> int:
        time.sleep(0.01)
        return number

    pipeline = ff.Pipeline("many-sources")
    sources = [pipeline.add(Ticker(1 / _RATE), name=f"source{number}") for number in range(_SOURCES)]
    pipeline.add(busy, sources, name="busy")
    with pipeline.start():
        pipeline.wait(seconds)
        delivered = {edge.parent: edge.delivered for edge in pipeline.stats().edges}
    mean = sum(delivered.values()) / len(delivered)
    starved = {name: count for name, count in delivered.items() if count * _FAIR < mean}
    if mean < _ENOUGH:
        return 0
    if starved:
        find(f"a merge of {_SOURCES} sources got {mean:.0f} samples of each, but {starved}")
    return 1


class _Bursts(ff.Source[int]):
    """Twenty samples at once, and nothing for longer than the queue's seconds."""

    live = True

    def __init__(self) -> None:
        self.newest = 0.0  # when the sample that was given last was captured

    def read(self, stop: ff.StopToken) -> Iterator[tuple[int, float, float]]:
        """Until the stop."""
        began = time.monotonic()
        for number in itertools.count():
            if stop.wait(0.01 if number % 20 else 2.5 * _SPAN):
                return
            now = time.monotonic()
            yield number, now - began, now
            self.newest = now


class _Slow(ff.Node[int, int]):
    """Knows what had been given when its last call ended: what it gets next was waiting beside that."""

    def __init__(self, source: _Bursts, find: Find) -> None:
        self._source, self._find = source, find
        self._given = 0.0
        self.count = 0

    def process(self, sample: ff.Sample[int], /) -> int:
        """None is too old for its queue."""
        if sample.captured < self._given - _SPAN:
            older = self._given - sample.captured
            self._find(
                f"a queue of {_SPAN:g} s gave a sample that was {older:.2f} s older than one that had come"
            )
        time.sleep(6 * _CALL)
        self.count += 1
        self._given = self._source.newest
        return sample.value


def seconds_of_a_queue(seconds: float, find: Find) -> int:
    """No sample waits that is older than the newest one by more than ``max_seconds``."""
    source = _Bursts()
    slow = _Slow(source, find)
    pipeline = ff.Pipeline("seconds-of-a-queue")
    queue = ff.Queue(64, "drop_oldest", max_seconds=_SPAN)
    pipeline.add(slow, pipeline.add(source, name="bursts"), name="slow", queue=queue)
    with pipeline.start():
        pipeline.wait(seconds)
    return slow.count


def _dies_now_and_then(number: int) -> int:
    if number % 3 == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def restarts(seconds: float, find: Find) -> int:
    """A node fails when its worker dies too often in its window, whatever the worker has finished between."""
    ends, failed = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        pipeline = ff.Pipeline("restarts")
        workers = ff.Process(workers=1, restarts=_RESTARTS, restart_window=3600)
        source = pipeline.add(Ticker(0.05), name="source")
        pipeline.add(_dies_now_and_then, source, name="dies", process=workers)
        with contextlib.suppress(ff.NodeError), pipeline.start():
            pipeline.wait(_PATIENCE)
        node = pipeline.stats().nodes["dies"]
        if node.workers[0].restarts != _RESTARTS or node.drops.get("worker") != _RESTARTS + 1:
            find(f"a node with restarts={_RESTARTS} ended with {node.drops} and {node.workers}")
        failed += 1
    return failed


class _Timed(ff.Node[int, int]):
    """A slow node that knows how long it has worked, and how long it had nothing to do."""

    def __init__(self) -> None:
        self.count, self.worked, self.waited = 0, 0.0, 0.0
        self._ended: float | None = None

    def process(self, sample: ff.Sample[int], /) -> int:
        """Takes its time."""
        begun = time.monotonic()
        if self._ended is not None:
            self.waited += begun - self._ended
        time.sleep(_CALL)
        self._ended = time.monotonic()
        self.worked += self._ended - begun
        self.count += 1
        return sample.value


def _same(number: int) -> int:
    return number


def busy_workers(seconds: float, find: Find) -> int:
    """A slow node below workers that have enough to do seldom waits for them."""
    slow = _Timed()
    pipeline = ff.Pipeline("busy-workers")
    source = pipeline.add(Count(), name="source")
    work = pipeline.add(_same, source, name="work", process=ff.Process(workers=1))
    pipeline.add(slow, work, name="slow", queue=ff.Queue(1, "block"))
    with pipeline.start():
        pipeline.wait(seconds)
    if slow.count < _CALLS:
        return 0
    if slow.waited > _IDLE_SHARE * slow.worked:
        find(f"below a busy worker a node has worked {slow.worked:.0f} s and waited {slow.waited:.0f} s")
    return 1


class _Counts(ff.Node[int, int]):
    """A slow node that counts the samples of each source."""

    def __init__(self) -> None:
        self.counts = Counter[str]()

    def process(self, sample: ff.Sample[int], /) -> int:
        """Takes a moment."""
        time.sleep(_CALL / 10)
        self.counts[sample.source] += 1
        return sample.value


def removals(seconds: float, find: Find) -> int:
    """When a source is removed the other one goes on, also where a node waits to hand over a sample of it."""
    pipeline, slow, removed = ff.Pipeline("removals"), _Counts(), 0
    stays, goes = (pipeline.add(Count(), name=name) for name in ("stays", "goes"))
    both = pipeline.add(_same, [stays, goes], name="both")
    pipeline.add(slow, both, name="slow", queue=ff.Queue(1, "block"))
    with pipeline.start():
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            pipeline.wait(_CALL)
            pipeline.remove(goes)
            enough = slow.counts["stays"] + 3
            until(
                lambda enough=enough: slow.counts["stays"] > enough,  # type: ignore[misc]
                lambda: f"a sample of the source that stays: {pipeline.stats()}",
            )
            goes = pipeline.add(Count(), name="goes")
            pipeline.connect(goes, both)
            removed += 1
    return removed


class _Said(logging.Handler):
    """Keeps the lines with a text."""

    def __init__(self, text: str) -> None:
        super().__init__(logging.WARNING)
        self._text = text
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if self._text in line:
            self.lines.append(line)


class _Receiver:
    """The `send` of a spool, which is there or away."""

    def __init__(self) -> None:
        self._is_away = False

    def __call__(self, _: list[dict[str, Any]]) -> None:
        if self._is_away:
            raise ConnectionError("away")

    def set_away(self, away: bool) -> None:
        """From now on."""
        self._is_away = away


def _remind(
    pipeline: ff.Pipeline, said: _Said, away: Callable[[bool], None], seconds: float, find: Find
) -> int:
    """Each outage is told at once and after 10 s, whatever outages there were; the third line may be late."""
    outages, ends = 0, time.monotonic() + seconds
    while time.monotonic() + (length := _SHORT if outages else _LONG) < ends:
        said.lines.clear()
        away(True)
        pipeline.wait(length)
        told = len(said.lines)
        if told < 2:
            find(f"{told} lines tell of outage {outages + 1}, which took {length:g} s: {said.lines}")
        away(False)
        until(lambda told=told: len(said.lines) > told, "the line of the outage's end")  # type: ignore[misc]
        pipeline.wait(_THERE)
        outages += 1
    return outages


def reminders_of_a_receiver(seconds: float, find: Find) -> int:
    """The log repeats that the receiver of a spool is away."""
    receiver = _Receiver()
    with tempfile.TemporaryDirectory(prefix="reminders-") as folder, also_log_to(_Said(folder)) as said:
        pipeline = ff.Pipeline("reminders-of-a-receiver")
        source = pipeline.add(Ticker(1 / _RATE), name="source")
        pipeline.add(ff.Spool(Path(folder) / "box", receiver), source, name="spool")
        with pipeline.start():
            return _remind(pipeline, said, receiver.set_away, seconds, find)


def reminders_of_a_camera(seconds: float, find: Find) -> int:
    """The log repeats that a network stream is away."""
    with HttpServer(encode("mjpeg", 60)) as server, also_log_to(_Said(server.url)) as said:

        def set_away(away: bool) -> None:
            server.faults.status = "503 Busy" if away else None
            server.hang_up()

        pipeline = ff.Pipeline("reminders-of-a-camera")
        pipeline.add(_mean, pipeline.add(ff.open(server.url, still=None), name="camera"), name="mean")
        with pipeline.start():
            pipeline.wait(_THERE)
            return _remind(pipeline, said, set_away, seconds, find)


def questions(seconds: float, find: Find) -> int:
    """A client that asks too often gets at least half of its answers a minute nevertheless."""
    pipeline, look = ff.Pipeline("questions"), ff.Look(back=2, every=0.5)
    pipeline.add(look, pipeline.add(ff.open("demo:circles?fps=5&size=64x48"), name="camera"), name="look")
    token, tried = "a-token-for-the-night", 0
    page = pipeline.serve(token=token, look=look, look_rate=_QUESTIONS)
    asked = {200: deque[float](), 429: deque[float]()}  # when such answers came
    with contextlib.closing(page), pipeline.start():
        began = time.monotonic()
        while (past := time.monotonic() - began) < seconds:
            pipeline.wait(_ASKED)
            status = request(page.url, "/api/look/look.json?n=1", Authorization=f"Bearer {token}").status
            if status in asked:
                asked[status].append(past)
            elif status != 503:  # there is no picture yet
                find(f"a Look answers {status}")
            for answers in asked.values():
                while answers and answers[0] < past - _MINUTE:
                    answers.popleft()
            answered, refused = len(asked[200]), len(asked[429])
            if past > _MINUTE and answered + refused > _QUESTIONS:
                tried += 1
                if 2 * answered < _QUESTIONS:
                    find(f"of {answered + refused} questions of a minute {answered} were answered")
    return tried


def watching(seconds: float, _: Find) -> int:
    """A page that acknowledges each picture keeps its connection, however many pictures it has had."""
    pipeline, pictures = ff.Pipeline("watching"), 0
    pipeline.add(_mean, pipeline.add(ff.open("demo:circles?fps=30&size=64x48"), name="camera"), name="mean")
    page = pipeline.serve()
    with contextlib.closing(page), pipeline.start(), Video(page.url.rstrip("/")) as viewer:
        viewer.text("welcome")
        viewer.watch("camera")
        viewer.wait_at_most(_MINUTE)
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            viewer.next("jpeg")
            pictures += 1
    return pictures


class _OfManySizes(ff.Source[ff.Frame]):
    """Pictures of which hardly two have one size."""

    def read(self, stop: ff.StopToken) -> Iterator[tuple[ff.Frame, float]]:
        """Until the stop."""
        sizes, began = random.Random(1), time.monotonic()
        pixels = np.zeros((1080, 1920, 3), np.uint8)
        while not stop.wait(0.1):
            height, width = sizes.randrange(200, 1080), sizes.randrange(200, 1920)
            yield ff.Frame.from_array(pixels[:height, :width], "bgr"), time.monotonic() - began


def _mean(frame: ff.Frame) -> float:
    return float(frame.luma[::16, ::16].mean())


def kept_memory(seconds: float, find: Find) -> int:
    """Picture memory that is kept for reuse has one bound, whatever sizes the pictures have."""
    looks = 0
    pipeline = ff.Pipeline("kept-memory")
    pipeline.add(_mean, pipeline.add(_OfManySizes(), name="sizes"), name="mean")
    with pipeline.start():
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            pipeline.wait(1)
            kept = pipeline.stats().pool.idle_bytes
            looks += 1
            if kept > _KEPT:
                find(f"{kept} bytes of picture memory are kept for reuse")
    return looks


class _Listener:
    """A receiver of a stream that reads nothing, connection after connection, or all."""

    def __init__(self) -> None:
        self.connections, self.reads = 0, threading.Event()
        self.received = 0  # bytes of the newest connection
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        self.url = f"tcp://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            self.received = 0
            with connection, contextlib.suppress(OSError):
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        """Until it ends; one that is not read is cut off."""
        connection.settimeout(4 * _LOST_AFTER)
        if not self.reads.is_set():
            time.sleep(4 * _LOST_AFTER)
            return
        while self.reads.is_set() and (data := connection.recv(1 << 16)):
            self.received += len(data)

    def close(self) -> None:
        """Takes no more connections."""
        self.reads.clear()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


def _noise(number: int, width: int, height: int) -> Any:
    return np.random.default_rng(number).integers(0, 255, (height, width, 3), np.uint8)


def publishing(seconds: float, find: Find) -> int:
    """A receiver that reads again gets the pictures, however many connections it has left unread before."""
    rounds, descriptors = 0, 0
    with (
        HttpServer(encode("mpegts", 60, size=(640, 480), draw=_noise)) as camera,
        contextlib.closing(_Listener()) as receiver,
    ):
        pipeline, publish = ff.Pipeline("publishing"), ff.Publish(receiver.url, timeout=_LOST_AFTER)
        source = pipeline.add(ff.open(camera.url, still=None), name="camera")
        pipeline.add(publish, source.packets, name="publish")
        with pipeline.start():
            ends = time.monotonic() + seconds
            while time.monotonic() < ends:
                enough = receiver.connections + _UNREAD
                while receiver.connections < enough and time.monotonic() < ends:
                    pipeline.wait(1)
                receiver.reads.set()
                until(lambda: receiver.received > _SECOND, lambda: f"a second of video: {publish.stats()}")
                before = publish.stats()
                pipeline.wait(_READ)
                now = publish.stats()
                if now.slow - before.slow > now.sent - before.sent:
                    find(f"its receiver reads, and within {_READ:g} s {before} becomes {now}")
                receiver.reads.clear()
                rounds += 1
                there = own_process.descriptors()
                descriptors = descriptors or there
                if there > descriptors + _UNREAD:
                    connections = rounds * _UNREAD
                    find(f"{descriptors} descriptors became {there} with {connections} connections")
    return rounds


class _LosingServer(RtspServer):
    """RTSP over UDP, of whose packets some are lost and some come late."""

    def _setup(self, *given: Any) -> tuple[str, object]:
        head, send = super()._setup(*given)
        assert callable(send)
        chance, held = random.Random(1), deque[tuple[float, bytes]]()

        def send_some(channel: int, data: bytes) -> None:
            now, luck = time.monotonic(), chance.random()
            while held and held[0][0] < now:
                send(0, held.popleft()[1])
            if channel != 0 or luck > _LOST + _LATE:
                send(channel, data)
            elif luck > _LOST:
                held.append((now + _DELAY, data))

        return head, send_some


def lost_packets(seconds: float, find: Find) -> int:
    """What a source has counted never falls, also when another takes its place."""
    replaced = 0
    counted = ("packets", "packets_late", "missed", "reconnects", "damaged")
    with _LosingServer(encode("h264", 60)) as server:

        def camera() -> ff.Source[ff.Frame]:
            return ff.open(server.url, still=None, options={"rtsp_transport": "udp"})

        pipeline = ff.Pipeline("lost-packets")
        source, before = pipeline.add(camera(), name="camera"), dict.fromkeys(counted, 0)
        pipeline.add(_mean, source, name="mean")
        with pipeline.start():
            ends = time.monotonic() + seconds
            while time.monotonic() < ends:
                for _ in range(10):
                    pipeline.wait(0.5)
                    stats = pipeline.stats().nodes["camera"].source
                    assert stats is not None
                    missed = stats.packets_lost + stats.packets_late  # one that comes late was lost before
                    now = {name: missed if name == "missed" else getattr(stats, name) for name in counted}
                    fell = [name for name in counted if now[name] < before[name]]
                    if fell:
                        find(f"{fell} fell: {before} and then {now}")
                    before = now
                pipeline.replace(source, camera())
                replaced += 1
    if replaced > 1 and not 0 < before["packets_late"] < before["missed"]:
        find(f"no packet was lost, or none was late: {before}")
    return replaced


# Those with workers come apart: while there are some, pictures are not in the memory that is kept for reuse.
_GROUPS: tuple[tuple[Program, ...], ...] = (
    (
        many_sources,
        seconds_of_a_queue,
        removals,
        reminders_of_a_receiver,
        reminders_of_a_camera,
        questions,
        watching,
        kept_memory,
        publishing,
        lost_packets,
    ),
    (restarts, busy_workers),
)
_MOST = 3  # findings of a program that are told


def _first(program: str, texts: list[str]) -> list[str]:
    """The first findings of a program, and how many more there are."""
    found = [f"{program}: {text}" for text in texts[:_MOST]]
    if len(texts) > _MOST:
        found[-1] += f" (and {len(texts) - _MOST} more)"
    return found


def limits(seconds: float) -> tuple[int, list[str], dict[str, float]]:
    """The programs of a group beside each other, group after group.

    Returns:
        How often a rule was tried, findings, figures.
    """
    found = {program.__name__: list[str]() for group in _GROUPS for program in group}
    figures = dict[str, float]()

    def run(program: Program) -> None:
        name = program.__name__
        try:
            figures[name] = program(seconds / len(_GROUPS), found[name].append)
        except Exception as error:
            traceback.print_exc(file=sys.stdout)
            found[name].append(f"raised {error!r}")

    with log_to(logging.NullHandler()):
        for group in _GROUPS:
            with ThreadPoolExecutor(len(group)) as pool:
                list(pool.map(run, group))
    told = [finding for name, texts in found.items() for finding in _first(name, texts)]
    return int(sum(figures.values())), told, figures
