"""The traces of outages: in the statistics, the process, the pauses and the answers of /healthz."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import gc
import random
import re
import socket
import struct
import time
from collections.abc import Callable

from rigs.live.camera import PATIENT
from rigs.live.faulty_server import Clip, Faults
from rigs.live.media import encode
from rigs.live.rtsp import RtspServer
from rigs.ports import free_port
from rigs.process import nodes
from rigs.publishing import counts
from rigs.watchdog import WATCHDOG
from rigs.web_client import request
from support import Ticker, until

import freshframe as ff
from night import own_process
from night.limits.rule import Find, apart

_TOTALS = ("outages", "away_total", "reconnects", "stalls", "size_changes", "damaged", "packets")
_PICTURES = 3  # pictures that must come, before an outage counts as over
_MORE = 60  # further pictures within which it must be counted
_AWAY = 1.5  # seconds of an outage, at most
_IN_A_ROW = 4  # outages of a receiver that is there again at once; a longer one comes next
_GONE = 3.0  # seconds of the longer one, in which the pauses grow
_SENT = 5  # pictures, before a stream counts as published
_LONG = 3.0  # seconds: six times the first pause
_LONG_ONES = 3  # first pauses in a row that are long: a busy machine has made one of them long
_PER_ROUND = 0.3  # descriptors, mappings or threads that an outage or a session may leave
_NOISE = {"descriptors": 2, "mappings": 40, "threads": 3}  # more than before, in all
_LOOKS = 10  # at what the process uses, of which the least counts
_BETWEEN = 0.1  # seconds between two
_SESSIONS = 5  # between two counts
_WARM = 3  # counts
_LIMIT = 5.0  # seconds of away_after
_TOLERANCE = 2.0  # seconds, of this program's clock
_BRIEF = 2.5  # seconds of an outage below the limit
_WELL = 5  # answers in a row, before an outage counts as over
_ASKED = 0.2  # seconds between two questions
_AWAY_FOR = re.compile(r"camera: has delivered no frames for ([\d.]+) s")


def _grown(before: dict[str, int], now: dict[str, int], rounds: int) -> list[str]:
    """The values that have grown by more than noise in a number of rounds."""
    return [
        f"{count} {what} became {now[what]}"
        for what, count in before.items()
        if now[what] > count + _PER_ROUND * rounds + _NOISE[what]
    ]


def _least_uses() -> dict[str, int]:
    """The resources of the process when it is quiet."""
    gc.collect()
    least = own_process.uses()
    for _ in range(_LOOKS):
        time.sleep(_BETWEEN)
        least = {what: min(count, least[what]) for what, count in own_process.uses().items()}
    return least


class _Book:
    """The past statistics of a camera, and what they must show."""

    def __init__(self, pipeline: ff.Pipeline, find: Find) -> None:
        self._pipeline, self._find = pipeline, find
        self._highest = dict[str, float]()
        self._missing = 0  # reconnects, as reported before

    def look(self) -> ff.stats.SourceStats:
        """The present statistics. No total may be less than before."""
        stats = self._pipeline.stats().nodes["camera"].source
        assert stats is not None
        now = {name: float(getattr(stats, name)) for name in _TOTALS}
        fell = [name for name, count in self._highest.items() if now[name] < count]
        if fell:
            self._find(f"{fell} of a camera fell: {self._highest} and then {now}")
        self._highest = now
        return stats

    def _pictures(self) -> int:
        return self._pipeline.stats().nodes["mean"].processed

    def wait_for_pictures(self, count: int) -> None:
        """So many more."""
        enough = self._pictures() + count

        def are_there() -> bool:
            return self.look().state == "reading" and self._pictures() >= enough

        until(are_there, lambda: f"pictures of a camera that is there again: {self.look()}")

    def check(self, outages: range, what: str) -> None:
        """Every outage has ended, and `count` of them are counted."""
        late = self._pictures() + _MORE

        def missing() -> int:
            now = self.look()
            return now.outages - now.reconnects - self._missing

        until(lambda: not missing() or self._pictures() > late, "pictures")
        now = self.look()
        if missing():
            told = f"{now.outages} outages, all over, and {now.reconnects} reconnects"
            self._find(f"{told} are told ({self._missing} less before) after {what}")
            self._missing = now.outages - now.reconnects
        if now.outages not in outages:
            self._find(f"{now.outages} outages are told and not {outages} after {what}")


def _open(server: RtspServer) -> ff.Source[ff.Frame]:
    return ff.open(server.url, frozen_after=None, **PATIENT)


def _leave(server: RtspServer) -> None:
    """From now on it has no pictures."""
    server.faults = Faults(status="503 Busy")
    server.hang_up()


def replaced_in_an_outage(seconds: float, find: Find) -> int:
    """When pictures come again all outages are reconnects, even where another camera has come instead."""
    chance, outages = random.Random(4), 0
    with contextlib.ExitStack() as stack:
        there, other = (
            stack.enter_context(RtspServer(encode("h264", 60))),
            stack.enter_context(RtspServer(encode("h264", 60, size=(96, 64)))),
        )
        pipeline = ff.Pipeline("replaced-in-an-outage", stall_timeout=None)
        camera = pipeline.add(_open(there), name="camera")
        pipeline.add(nodes.mean, camera, name="mean")
        book = _Book(pipeline, find)
        stack.enter_context(pipeline)
        book.wait_for_pictures(_PICTURES)
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            before, is_replaced = book.look().outages, chance.random() < 0.6
            is_noted = not is_replaced or chance.random() < 0.7  # or it may be replaced before it is lost
            _leave(there)
            if is_noted:
                until(lambda before=before: book.look().outages > before, "an outage to be told")  # type: ignore[misc]
                pipeline.wait(chance.uniform(0, _AWAY))
            if is_replaced:
                pipeline.replace(camera, _open(other), timeout=WATCHDOG)
                there.faults, there, other = Faults(), other, there
            else:
                there.faults = Faults()
            book.wait_for_pictures(_PICTURES)
            book.check(
                range(before + is_noted, before + 2),
                f"an outage {'with' if is_replaced else 'without'} a replacement",
            )
            outages += 1
    return outages


class _Receiver:
    """A receiver of a stream that is there or away, on the calling thread."""

    def __init__(self) -> None:
        self._port = free_port()
        self.url = f"tcp://127.0.0.1:{self._port}"
        self._socket: socket.socket | None = None

    def come(self) -> None:
        """Takes connections."""
        self._socket = socket.create_server(("127.0.0.1", self._port))
        self._socket.settimeout(WATCHDOG)

    def leave(self) -> None:
        """Refuses them."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def take(self, is_enough: Callable[[], bool], *, resets: bool) -> float:
        """Reads a connection until it is enough, and cuts it off; returns when it came."""
        assert self._socket is not None
        connection, _ = self._socket.accept()
        came = time.monotonic()
        with connection:
            connection.settimeout(WATCHDOG)
            while connection.recv(1 << 16) and not is_enough():
                pass
            if resets:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return came


class _Pauses:
    """The first pauses of the outages."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._all: list[float] = []

    def note(self, pause: float) -> None:
        """Adds the pause of a further outage."""
        self._all.append(pause)
        newest = self._all[-_LONG_ONES:]
        if len(newest) == _LONG_ONES and min(newest) > _LONG:
            shown = ", ".join(f"{one:.1f}" for one in self._all)
            self._find(f"the first pauses of outages of a receiver were {shown} s")
            self._all.clear()


def _published(seconds: float, find: Find) -> int:
    """See publish_to_a_stream()."""
    receiver, outages, pauses = _Receiver(), 0, _Pauses(find)
    pipeline = ff.Pipeline("publish-to-a-stream")
    publish = ff.Publish(receiver.url, codec="mpeg4", keyframe_every=0.2, timeout=60.0)
    pipeline.add(publish, pipeline.add(ff.open("demo:circles?size=160x120&fps=30"), name="camera"))
    uses: list[tuple[int, dict[str, int]]] = []  # after this number of outages
    receiver.come()

    def published(*, resets: bool) -> float:
        enough = counts(pipeline).sent + _SENT
        return receiver.take(lambda: counts(pipeline).sent >= enough, resets=resets)

    with contextlib.ExitStack() as stack:
        stack.callback(receiver.leave)
        stack.enter_context(pipeline)
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            published(resets=False)
            for number in range(_IN_A_ROW):
                gone = time.monotonic()
                pauses.note(published(resets=number % 2 == 0) - gone)
            receiver.leave()
            began, outages = time.monotonic(), outages + _IN_A_ROW + 1
            uses.append((outages, _least_uses()))
            pipeline.wait(max(0.0, began + _GONE - time.monotonic()))
            receiver.come()
    (first, before), (last, now) = uses[0], uses[-1]
    for text in _grown(before, now, last - first):
        find(f"{text} in {last - first} outages of the receiver of a stream")
    return outages


def publish_to_a_stream(seconds: float, find: Find) -> int:
    """Outages of a receiver leave nothing, and the pauses of each begin with the shortest one."""
    return apart(_published, seconds, find)


class _Silent(RtspServer):
    """A camera that gives no answer to a goodbye, and keeps its end until the client has closed its own."""

    def __init__(self, clip: Clip) -> None:
        super().__init__(clip, Faults(answers={"TEARDOWN": None}))

    def _answer(self, connection: socket.socket, answer: bytes | None, request: str) -> bool:
        while connection.recv(1 << 16):
            pass
        return False


def _session(pipeline: ff.Pipeline, url: str) -> None:
    """A camera comes, gives some pictures, and goes."""
    camera = pipeline.add(ff.open(url, frozen_after=None, **PATIENT), name="camera")
    reader = pipeline.reader(camera)
    for _ in range(_PICTURES):
        reader.get(WATCHDOG)
    reader.close()
    pipeline.remove(camera, timeout=WATCHDOG)


def _torn_down(seconds: float, find: Find) -> int:
    """See silent_teardowns()."""
    sessions, uses = 0, list[tuple[int, dict[str, int]]]()
    with _Silent(encode("h264", 60)) as server:
        pipeline = ff.Pipeline("silent-teardowns", stall_timeout=None)
        pipeline.add(nodes.same, pipeline.add(Ticker(0.2), name="ticks"), name="same")
        with pipeline:
            ends = time.monotonic() + seconds
            while time.monotonic() < ends:
                for _ in range(_SESSIONS):
                    _session(pipeline, server.url)
                    sessions += 1
                uses.append((sessions, _least_uses()))
        if not server.goodbyes and "TEARDOWN" not in server.requests:
            find(f"no camera has signed off in {sessions} sessions")
    if len(uses) > _WARM:
        (first, before), (last, now) = uses[_WARM - 1], uses[-1]
        for text in _grown(before, now, last - first):
            find(f"{text} in {last - first} sessions of a camera that does not answer TEARDOWN")
    return sessions


def silent_teardowns(seconds: float, find: Find) -> int:
    """Sessions of a camera that does not answer its clients' goodbyes leave nothing."""
    return apart(_torn_down, seconds, find)


class _Health:
    """What /healthz says of a camera, beside this program's own clock."""

    def __init__(self, pipeline: ff.Pipeline, url: str, find: Find) -> None:
        self._pipeline, self._url, self._find = pipeline, url, find
        self._was_well = time.monotonic()  # when the camera was last known to be there

    def _is_reading(self) -> bool:
        stats = self._pipeline.stats().nodes["camera"].source
        return stats is not None and stats.state == "reading"

    def wait_until_well(self) -> None:
        """Waits until it is there for some time, by the statistics and by the answers."""
        late, well = time.monotonic() + WATCHDOG, 0
        while well < _WELL:
            began, was_reading = time.monotonic(), self._is_reading()
            answer = request(self._url, "/healthz")
            is_well = was_reading and answer.status == 200 and self._is_reading()
            well, self._was_well = well + 1 if is_well else 0, began
            if time.monotonic() > late:
                raise AssertionError(f"a camera that is there again is not well: {answer.text}")
            self._pipeline.wait(_ASKED)

    def ask(self, what: str) -> int:
        """The status within an outage, which may only describe the present one."""
        answer = request(self._url, "/healthz")
        past = time.monotonic() - self._was_well + _TOLERANCE
        if answer.status != 503:
            return answer.status
        told = _AWAY_FOR.search(answer.text)
        if told and (past < _LIMIT or float(told[1]) > past or float(told[1]) < _LIMIT):
            self._find(f"{past - _TOLERANCE:.1f} s after the begin of {what} /healthz says {answer.text!r}")
        return 503 if told else 0


def healthz_outages(seconds: float, find: Find) -> int:
    """/healthz fails in an outage that is too long, and reports its length, whatever there was before."""
    outages, ends = 0, time.monotonic() + seconds
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(RtspServer(encode("h264", 60)))
        pipeline = ff.Pipeline("healthz-outages", stall_timeout=None)
        pipeline.add(nodes.mean, pipeline.add(_open(server), name="camera"), name="mean")
        pipeline.add(nodes.same, pipeline.add(Ticker(0.1), name="ticks"), name="same")
        page = stack.enter_context(contextlib.closing(pipeline.serve(away_after=_LIMIT)))
        stack.enter_context(pipeline)
        health = _Health(pipeline, page.url, find)
        health.wait_until_well()
        while time.monotonic() < ends:
            outages += 1
            what, is_long = f"outage {outages}", outages % 3 == 1
            _leave(server)
            began = time.monotonic()
            until(lambda: pipeline.stats().nodes["camera"].source.state != "reading", "an outage")  # type: ignore[union-attr]
            while time.monotonic() < began + _BRIEF:
                health.ask(what)
                pipeline.wait(_ASKED)
            if is_long:
                until(lambda what=what: health.ask(what) == 503, lambda: "a 503 of a long outage")  # type: ignore[misc]
            server.faults = Faults()
            health.wait_until_well()
    return outages
