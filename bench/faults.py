"""A live source whose server misbehaves: how soon it notices, comes back and stops.

Servers on loopback, made by tests/python; a source per run. A stop is asked for at a random
moment of each state. FFmpeg asks every 100 ms whether it may continue, and the figures of sources that it
reads show that period. The RTSP of freshframe waits in poll(). Each kind of connection has its own result.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import contextlib
import dataclasses
import random
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from _measure import RESULTS, ROOT, Result, Row, quantile

sys.path.insert(0, str(ROOT / "tests" / "python"))

from rigs.live.camera import Camera, ServerProcess
from rigs.live.faulty_server import Clip, Faults, Server
from rigs.live.media import KEY_INTERVAL, encode
from rigs.live.rtsp import RtspServer
from rigs.live.servers import HttpServer, TcpServer


@dataclasses.dataclass(frozen=True)
class Goals:
    """Milliseconds: of a stop by quantile, and after a limit."""

    stop: dict[float, float]
    late: float


OWN = Goals({0.5: 10.0, 0.99: 20.0}, 5.0)
FFMPEGS = Goals({0.5: 60.0, 0.99: 150.0, 1.0: 250.0}, 200.0)


@dataclasses.dataclass(frozen=True)
class State:
    """Where a source is when it is stopped: what its server does, and the state that `source` tells."""

    faults: Faults
    reached: str


# The last two have no server; see place().
STATES = {
    "connecting to a silent server": State(Faults(silent=True), "connecting"),
    "waiting_key_frame": State(Faults(no_keys=True), "waiting_key_frame"),
    "reading": State(Faults(), "reading"),
    "stalled": State(Faults(stall_after=15), "stalled"),
    "backing_off": State(Faults(close_after=0), "backing_off"),
    "closing": State(Faults(no_goodbye=True), "reading"),  # a stop begins it
    "connecting, no answer": State(Faults(), "connecting"),
    "refused": State(Faults(), "backing_off"),
}


@dataclasses.dataclass(frozen=True)
class Kind:
    """A way to stream: who serves, what, and under which name as a program."""

    server: type[Server]
    media: str
    program: str
    url: str
    keyless: str  # media whose streams are known before the first key frame
    options: dict[str, str] = dataclasses.field(default_factory=dict)
    goals: Goals = FFMPEGS
    states: tuple[str, ...] = tuple(STATES)
    frames: int = 300  # of the clip


class HlsServer(HttpServer):
    """`stall_after`: there are no segments behind the first ones. `close_after`: there is nothing at all."""

    def talk(self, connection: socket.socket) -> None:
        """Answers one request."""
        if self.faults.close_after is None:
            if self.faults.stall_after is not None:
                self.began = time.monotonic()  # the playlist does not grow
            super().talk(connection)


HLS_STATES = ("connecting to a silent server", "reading", "stalled", "backing_off")
LONG = 3600  # frames: the playlist of HLS ends with them
RTSP = Kind(RtspServer, "h264", "rtsp", "rtsp://{}:{}/live", "h264", goals=OWN)
KINDS = {
    "rtsp": RTSP,
    "rtsp over udp": dataclasses.replace(RTSP, options={"rtsp_transport": "udp"}),
    "http": Kind(HttpServer, "mjpeg", "http", "http://{}:{}/live", "flv"),
    "tcp": Kind(TcpServer, "mpegts", "tcp", "tcp://{}:{}", "flv"),
    "hls": Kind(
        HlsServer, "mpegts", "http", "http://{}:{}/hls/live.m3u8", "", states=HLS_STATES, frames=LONG
    ),
}
MS = 1e3
BACK_GOAL = 1500.0  # ms after the back-off
FIRST_GOAL = 500.0  # ms


def until(condition: Callable[[], Any], limit: float = 60.0) -> float:
    """Waits in steps of 1 ms; returns when it was true, by time.monotonic()."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("nothing happened")
        time.sleep(0.001)
    return time.monotonic()


def camera_of(server: Server | int | None, kind: Kind, **options: Any) -> Camera:
    """A source of this server, or of this port. Without either, its host has a name that nobody knows."""
    port = server.port if isinstance(server, Server) else server
    place = ("camera.example", 554) if port is None else ("127.0.0.1", port)
    return Camera(kind.url.format(*place), options=kind.options, **options)


def stop_ms(server: Server | int | None, kind: Kind, state: str) -> float:
    """Milliseconds of a stop at a random moment of a state."""
    camera = camera_of(server, kind, open_timeout=60.0, read_timeout=60.0)
    starter = threading.Thread(target=start_quietly, args=(camera,))
    before = server.connections if isinstance(server, Server) else -1
    starter.start()
    until(lambda: not isinstance(server, Server) or server.connections > before)
    took = timed_stop(camera, state)
    starter.join()
    return took


def timed_stop(camera: Camera, state: str) -> float:
    """Milliseconds of a stop at a random moment of a state."""
    until(lambda: camera.stats.state == state)
    time.sleep(random.uniform(0.0, 0.1))  # FFmpeg looks every 100 ms
    began = time.monotonic()
    camera.pipeline.stop()
    return MS * (time.monotonic() - began)


@contextlib.contextmanager
def place(state: str, kind: Kind, clips: dict[tuple[str, int], Clip]) -> Iterator[Server | int]:
    """A server that keeps its sources in this state, or the port of one that is none."""
    if state == "refused":
        with socket.socket() as bound:  # nobody else takes the port
            bound.bind(("127.0.0.1", 0))
            yield bound.getsockname()[1]
    elif state == "connecting, no answer":
        with contextlib.ExitStack() as ends:
            full = ends.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
            for _ in range(3):  # who knocks then is not answered
                end = ends.enter_context(socket.socket())
                end.setblocking(False)
                end.connect_ex(full.getsockname())
            time.sleep(0.1)
            yield full.getsockname()[1]
    else:
        media = kind.keyless if state == "waiting_key_frame" else kind.media
        with kind.server(clips[media, kind.frames], STATES[state].faults) as server:
            yield server


def stalled_stops_ms(server: Server | int, kind: Kind, stops: int) -> list[float]:
    """As stop_ms(), ten sources at a time: a stall takes more than a second to begin."""
    values: list[float] = []
    while len(values) < stops:
        cameras = [camera_of(server, kind, open_timeout=60.0, read_timeout=60.0) for _ in range(10)]
        for camera in cameras:
            camera.pipeline.start()
        values += [timed_stop(camera, "stalled") for camera in cameras]
    return values[:stops]


def start_quietly(camera: Camera) -> None:
    """A stop during start() makes start() raise."""
    try:
        camera.pipeline.start()
    except Exception:
        return


def late_ms(server: Server, kind: Kind, *, opening: bool) -> float:
    """Milliseconds between a limit of 1 s and the moment at which the source has noticed."""
    if opening:
        camera = camera_of(server, kind, open_timeout=1.0)
        began = time.monotonic()
        with camera:
            return MS * (until(lambda: camera.stats.outages) - began - 1.0)
    with camera_of(server, kind, read_timeout=1.0) as camera:
        last = 0.0
        while camera.stats.state != "stalled":
            sample = camera.reader.latest()
            last = sample.captured if sample else last
            time.sleep(0.001)
        noticed = until(lambda: camera.stats.outages)
        return MS * (noticed - last - 1.0)


def first_ms(server: Server, kind: Kind) -> float:
    """Milliseconds from start() to the first frame, joining at a random moment."""
    server.skip = random.randrange(KEY_INTERVAL)  # the frames until the next key frame are of no use
    camera = camera_of(server, kind)
    began = time.monotonic()
    with camera:
        camera.read()
        return MS * (time.monotonic() - began)


def back_ms(kind: Kind, media: Path) -> tuple[float, float]:
    """Milliseconds from the new start of a server, 3 s after it was killed, to the first frame.

    The second figure is how much of that was left of the back-off.
    """
    with ServerProcess(kind.program, media) as server:
        camera = Camera(kind.url.format("127.0.0.1", server.port), options=kind.options)
        camera.pipeline.start()
        camera.read(5)
    killed = time.monotonic()
    until(lambda: camera.stats.outages)
    time.sleep(max(0.0, killed + 3.0 - time.monotonic()))
    with ServerProcess(kind.program, media, server.port):
        ready = time.monotonic()
        waited = until(lambda: camera.stats.state != "backing_off") - ready
        back = until(lambda: camera.stats.reconnects) - ready
        camera.pipeline.stop()
    return MS * back, MS * waited


def figures(values: list[float]) -> dict[str, float]:
    """p50, p99 and the largest."""
    return {
        "p50_ms": quantile(values, 0.5),
        "p99_ms": quantile(values, 0.99),
        "max_ms": max(values),
        "n": len(values),
    }


def add_stops(result: Result, what: str, values: list[float], goals: Goals = FFMPEGS) -> None:
    """A row for each quantile that has a goal."""
    for share, goal in goals.stop.items():
        row = f"{what}, " + {0.5: "p50", 0.99: "p99", 1.0: "max"}[share]
        result.add(Row(row, figures(values) if share == 0.5 else {}, quantile(values, share), goal))
    print(f"{what}: {figures(values)}", file=sys.stderr)


def measure_stops(result: Result, name: str, stops: int, clips: dict[tuple[str, int], Clip]) -> None:
    """In each state."""
    kind = KINDS[name]
    for state in kind.states:
        with place(state, kind, clips) as server:
            if state == "stalled":
                values = stalled_stops_ms(server, kind, stops)
            else:
                values = [stop_ms(server, kind, STATES[state].reached) for _ in range(stops)]
        add_stops(result, f"{name}: stop while {state}", values, kind.goals)


def measure_limits(result: Result, name: str, rounds: int, clips: dict[tuple[str, int], Clip]) -> None:
    """How late a limit of 1 s is kept, and how soon the first frame is there."""
    kind = KINDS[name]
    clip = clips[kind.media, kind.frames]
    for fault, faults in (("blackhole at open", Faults(silent=True)), ("stall", Faults(stall_after=40))):
        if kind.server is HlsServer and not faults.silent:
            continue  # what has come is still shown when the server stalls
        with kind.server(clip, faults) as server:
            values = [late_ms(server, kind, opening=faults.silent) for _ in range(rounds)]
        row = f"{name}: {fault}, noticed after the limit"
        result.add(Row(row, figures(values), max(values), kind.goals.late))
    with kind.server(clip) as server:
        values = [first_ms(server, kind) for _ in range(2 * rounds)]
    result.add(Row(f"{name}: first frame", figures(values), quantile(values, 0.5), FIRST_GOAL))
    print(name, "limits done", file=sys.stderr)


def measure_return(result: Result, name: str, rounds: int, clips: dict[tuple[str, int], Clip]) -> None:
    """After a kill. All rounds at the same time: nearly all of it is waiting."""
    kind = KINDS[name]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(rounds) as pool:
        path = clips[kind.media, kind.frames].save(Path(folder) / "clip")
        pairs = list(pool.map(lambda _: back_ms(kind, path), range(rounds)))
    values = [back - waited for back, waited in pairs]
    shown = figures([back for back, _ in pairs]) | {"after_back_off_max_ms": max(values)}
    result.add(Row(f"{name}: killed, back 3 s later", shown, max(values), BACK_GOAL))


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", choices=KINDS, action="append", help="default: all")
    parser.add_argument("--stops", type=int, default=200, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=10, help="default: %(default)s")
    parser.add_argument("--folder", type=Path, default=RESULTS, help="of the results; default: %(default)s")
    parser.add_argument("--dry", action="store_true", help="write no result")
    return parser.parse_args()


def main() -> None:
    """Measures, shows, keeps: a result for each kind."""
    options = parse()
    random.seed(1)
    for name in options.kind or KINDS:
        kind = KINDS[name]
        kinds_of_media = sorted({kind.media, kind.keyless} - {""})
        clips = {(media, kind.frames): encode(media, kind.frames) for media in kinds_of_media}
        settings = {"stops": options.stops, "rounds": options.rounds}
        result = Result(f"faults_{name.replace(' ', '_')}", f"a live source: {name}", settings)
        measure_stops(result, name, options.stops, clips)
        measure_limits(result, name, options.rounds, clips)
        if name != "hls":  # it shows what has come for a while
            measure_return(result, name, options.rounds, clips)
        result.keep(None if options.dry else options.folder / f"{result.name}.json")


if __name__ == "__main__":
    main()
