"""The bounds of connections to cameras and receivers."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import itertools
import random
import socket
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rigs.live.faulty_server import Clip, Faults
from rigs.live.media import encode
from rigs.live.rtsp import RtspServer
from rigs.live.servers import HttpServer
from rigs.process import nodes
from rigs.publishing import counts
from support import Ticker, until

import freshframe as ff
from night import own_process
from night.limits.rule import Find
from night.own_process import Lines, also_log_to

_RATE = 5.0  # samples per second of each
_LONG = 36.0  # seconds of the first outage of a receiver
_SHORT = 26.0  # for a later one
_THERE = 3.0  # between two
_TRIED = 30.0  # seconds of an outage in which tries are counted
_FIRST_PAUSE = 5.0  # seconds, at most, between the first two tries: 0.2, and what a busy machine needs
_SILENT = 1.0  # seconds after which a camera is lost
_LEAST = 0.8  # share of the pauses of 0.5, 1, 2, 4, 8, 10 s: each is 20 % less or more
_STAMPED = 0.4  # seconds by which the rig may note a try late
_MOST = 10.0  # seconds of a pause
_OF_ONE = 0.45  # seconds between the connections of one try, which asks for another transport
_UNREAD = 25  # connections that a receiver does not read
_LOST_AFTER = 0.5  # seconds, for one that does not read
_READ = 20.0  # seconds for which it reads
_SECOND = 3_000_000  # bytes of the video, less than those of a second
_LOST = 0.02  # share of the packets
_LATE = 0.02  # share of the packets
_DELAY = 0.5  # seconds


class _Receiver:
    """The `send` of a spool, which is there or away."""

    def __init__(self) -> None:
        self._is_away = False
        self.failed: list[float] = []  # when the calls of this outage have failed

    def __call__(self, _: list[dict[str, Any]]) -> None:
        if self._is_away:
            self.failed.append(time.monotonic())
            raise ConnectionError("away")
        self.failed.clear()

    def set_away(self, away: bool) -> None:
        """From now on."""
        self._is_away = away


def _remind(
    pipeline: ff.Pipeline, said: Lines, away: Callable[[bool], None], seconds: float, find: Find
) -> int:
    """Each outage is reported at once and after 10 s, whatever outages there were; the third line may be
    late.
    """
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


def _spooling(folder: str, receiver: _Receiver) -> ff.Pipeline:
    """A pipeline whose results go to the receiver."""
    pipeline = ff.Pipeline("spooling")
    source = pipeline.add(Ticker(1 / _RATE), name="source")
    pipeline.add(ff.Spool(Path(folder) / "box", receiver), source, name="spool")
    return pipeline


def reminders_of_a_receiver(seconds: float, find: Find) -> int:
    """The log repeats that the receiver of a spool is away."""
    receiver = _Receiver()
    with tempfile.TemporaryDirectory(prefix="reminders-") as folder, also_log_to(Lines(text=folder)) as said:
        pipeline = _spooling(folder, receiver)
        with pipeline:
            return _remind(pipeline, said, receiver.set_away, seconds, find)


def tries_of_a_spool(seconds: float, find: Find) -> int:
    """Each outage of a receiver begins with short pauses, however long the earlier ones were."""
    receiver, outages, ends = _Receiver(), 0, time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="tries-") as folder:
        pipeline = _spooling(folder, receiver)
        with pipeline:
            while time.monotonic() + _TRIED + _THERE < ends:
                receiver.set_away(True)
                pipeline.wait(_TRIED)
                failed = list(receiver.failed)
                if len(failed) < 2 or failed[1] - failed[0] > _FIRST_PAUSE:
                    pauses = [round(later - one, 1) for one, later in itertools.pairwise(failed)]
                    find(f"in outage {outages + 1} of a receiver it is tried again after {pauses} s")
                receiver.set_away(False)
                until(lambda: not receiver.failed, "an event at a receiver that is there again")
                pipeline.wait(_THERE)
                outages += 1
    return outages


class _Tried(RtspServer):
    """A camera that knows when it was asked for its stream."""

    def __init__(self, clip: Clip) -> None:
        self.tries: list[float] = []
        super().__init__(clip)

    def talk(self, connection: socket.socket) -> None:
        """Answers requests, sends while it plays."""
        now = time.monotonic()
        if not self.tries or now - self.tries[-1] > _OF_ONE:
            self.tries.append(now)
        super().talk(connection)


_MANNERS: dict[str, dict[str, Any]] = {  # ways in which a camera fails
    "gives no picture": {"stall_after": 0},
    "hangs up at once": {"answers": {"OPTIONS": b""}},
    "answers 503": {"status": "503 Busy"},
    "hangs up in the end": {"answers": {"PLAY": b""}},
    "sends rubbish": {"garbage": True},
}


def _fail(server: _Tried, manner: dict[str, Any]) -> None:
    server.tries.clear()
    server.faults = Faults(**manner)
    server.hang_up()


def tries_of_a_camera(seconds: float, find: Find) -> int:
    """The pauses between two tries grow to 10 s, in whatever manner the camera fails."""
    outages, ends, clip = 0, time.monotonic() + seconds, encode("h264", 60)
    pipeline, servers = ff.Pipeline("tries-of-a-camera"), dict[str, _Tried]()
    with contextlib.ExitStack() as stack:
        for number, manner in enumerate(_MANNERS):
            server = servers[manner] = stack.enter_context(_Tried(clip))
            camera = ff.open(server.url, frozen_after=None, read_timeout=_SILENT, open_timeout=_SILENT)
            pipeline.add(nodes.mean, pipeline.add(camera, name=f"camera{number}"), name=f"mean{number}")
        stack.enter_context(pipeline)
        while time.monotonic() + _TRIED + _THERE < ends:
            for manner, server in servers.items():
                _fail(server, _MANNERS[manner])
            pipeline.wait(_TRIED)
            for manner, server in servers.items():
                pauses = [later - one for one, later in itertools.pairwise(server.tries)]
                least = [_LEAST * min(2.0**number, _MOST) for number in range(len(pauses))]
                early = [
                    pause for pause, wanted in zip(pauses, least, strict=True) if pause < wanted - _STAMPED
                ]
                if early or not pauses:
                    shown = ", ".join(f"{pause:.1f}" for pause in pauses)
                    find(f"a camera that {manner} is tried again after {shown} s in outage {outages + 1}")
                server.faults = Faults()
            sent = {server: server.frames_sent for server in servers.values()}
            until(lambda sent=sent: all(one.frames_sent > sent[one] + 9 for one in sent), "frames")  # type: ignore[misc]
            pipeline.wait(_THERE)
            outages += 1
    return outages


def reminders_of_a_camera(seconds: float, find: Find) -> int:
    """The log repeats that a network stream is away."""
    with HttpServer(encode("mjpeg", 60)) as server, also_log_to(Lines(text=server.url)) as said:

        def set_away(away: bool) -> None:
            server.faults.status = "503 Busy" if away else None
            server.hang_up()

        pipeline = ff.Pipeline("reminders-of-a-camera")
        pipeline.add(
            nodes.mean, pipeline.add(ff.open(server.url, frozen_after=None), name="camera"), name="mean"
        )
        with pipeline:
            pipeline.wait(_THERE)
            return _remind(pipeline, said, set_away, seconds, find)


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
        """Talks until it ends; a connection that is not read is cut off."""
        connection.settimeout(4 * _LOST_AFTER)
        if not self.reads.is_set():
            time.sleep(4 * _LOST_AFTER)
            return
        while self.reads.is_set() and (data := connection.recv(1 << 16)):
            self.received += len(data)

    def close(self) -> None:
        """Takes no further connections."""
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
        pipeline = ff.Pipeline("publishing")
        source = pipeline.add(ff.open(camera.url, frozen_after=None), name="camera")
        pipeline.add(ff.Publish(receiver.url, timeout=_LOST_AFTER), source.packets, name="publish")
        with pipeline:
            ends = time.monotonic() + seconds
            while time.monotonic() < ends:
                enough = receiver.connections + _UNREAD
                while receiver.connections < enough and time.monotonic() < ends:
                    pipeline.wait(1)
                receiver.reads.set()
                until(lambda: receiver.received > _SECOND, lambda: f"a second of video: {counts(pipeline)}")
                before = counts(pipeline)
                pipeline.wait(_READ)
                now = counts(pipeline)
                if now.dropped_slow - before.dropped_slow > now.sent - before.sent:
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
    """RTSP over UDP. Some packets are lost and some come late."""

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
    """Checks that the counters of a source never fall, even when another takes its place."""
    replaced = 0
    counted = ("packets", "packets_late", "missed", "reconnects", "damaged")
    with _LosingServer(encode("h264", 60)) as server:

        def camera() -> ff.Source[ff.Frame]:
            return ff.open(server.url, frozen_after=None, options={"rtsp_transport": "udp"})

        pipeline = ff.Pipeline("lost-packets")
        source, before = pipeline.add(camera(), name="camera"), dict.fromkeys(counted, 0)
        pipeline.add(nodes.mean, source, name="mean")
        with pipeline:
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
