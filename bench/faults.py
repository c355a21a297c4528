"""A live source whose server misbehaves: how soon it notices, comes back and stops.

Servers on loopback, made by tests/python; a source per run. A stop is asked for at a random
moment of each state. FFmpeg asks every 100 ms whether it may continue, and most figures show that period.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from _measure import ROOT, Result, Row, arguments, quantile

sys.path.insert(0, str(ROOT / "tests" / "python"))

from rigs.live.camera import Camera, ServerProcess
from rigs.live.faulty_server import Clip, Faults, Server
from rigs.live.media import KEY_INTERVAL, encode
from rigs.live.rtsp import RtspServer
from rigs.live.servers import HttpServer, TcpServer


@dataclasses.dataclass(frozen=True)
class Kind:
    """A way to stream: who serves, what, and under which name as a program."""

    server: type[Server]
    media: str
    program: str
    url: str
    keyless: str  # media whose streams are known before the first key frame
    options: dict[str, str] = dataclasses.field(default_factory=dict)


RTSP = Kind(RtspServer, "h264", "rtsp", "rtsp://{}:{}/live", "h264")
KINDS = {
    "rtsp": RTSP,
    "rtsp over udp": dataclasses.replace(RTSP, options={"rtsp_transport": "udp"}),
    "http": Kind(HttpServer, "mjpeg", "http", "http://{}:{}/live", "flv"),
    "tcp": Kind(TcpServer, "mpegts", "tcp", "tcp://{}:{}", "flv"),
}
STATES = {
    "connecting": Faults(silent=True),
    "waiting_key_frame": Faults(no_keys=True),
    "reading": Faults(),
    "stalled": Faults(stall_after=15),
    "backing_off": Faults(close_after=0),
    "closing": Faults(no_goodbye=True),
}
MS = 1e3
STOP_GOALS = {0.5: 60.0, 0.99: 150.0, 1.0: 250.0}  # ms
LATE_GOAL = 200.0  # ms after the limit
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


def camera_of(server: Server | None, kind: Kind, **options: Any) -> Camera:
    """A source of this server. Without a server, its host has a name that cannot be resolved."""
    place = ("127.0.0.1", server.port) if server else ("camera.example", 554)
    return Camera(kind.url.format(*place), options=kind.options, **options)


def stop_ms(server: Server | None, kind: Kind, state: str) -> float:
    """Milliseconds of a stop at a random moment of a state."""
    camera = camera_of(server, kind, open_timeout=60.0, read_timeout=60.0)
    starter = threading.Thread(target=start_quietly, args=(camera,))
    before = server.connections if server else -1
    starter.start()
    until(lambda: server is None or server.connections > before)
    took = timed_stop(camera, state)
    starter.join()
    return took


def timed_stop(camera: Camera, state: str) -> float:
    """Milliseconds of a stop at a random moment of a state; of closing, which a stop begins, all of it."""
    reached = "reading" if state == "closing" else state
    until(lambda: camera.stats.state == reached)
    time.sleep(random.uniform(0.0, 0.1))  # FFmpeg looks every 100 ms
    began = time.monotonic()
    camera.pipeline.stop()
    return MS * (time.monotonic() - began)


def stalled_stops_ms(server: Server, kind: Kind, stops: int) -> list[float]:
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


def add_stops(result: Result, what: str, values: list[float]) -> None:
    """Three rows: p50, p99 and the largest, each with its goal."""
    for share, goal in STOP_GOALS.items():
        row = f"{what}, " + {0.5: "p50", 0.99: "p99", 1.0: "max"}[share]
        result.add(Row(row, figures(values) if share == 0.5 else {}, quantile(values, share), goal))
    print(f"{what}: {figures(values)}", file=sys.stderr)


def measure_stops(result: Result, stops: int, clips: dict[str, Clip]) -> None:
    """In each state, over each kind of connection."""
    for name, kind in KINDS.items():
        for state, faults in STATES.items():
            clip = clips[kind.keyless if state == "waiting_key_frame" else kind.media]
            with kind.server(clip, faults) as server:
                if state == "stalled":
                    values = stalled_stops_ms(server, kind, stops)
                else:
                    values = [stop_ms(server, kind, state) for _ in range(stops)]
            add_stops(result, f"{name}: stop while {state}", values)


def measure_limits(result: Result, rounds: int, clips: dict[str, Clip]) -> None:
    """How late a limit of 1 s is kept, and how soon the first frame is there."""
    for name, kind in KINDS.items():
        for fault, faults in (("blackhole at open", Faults(silent=True)), ("stall", Faults(stall_after=40))):
            with kind.server(clips[kind.media], faults) as server:
                values = [late_ms(server, kind, opening=faults.silent) for _ in range(rounds)]
            result.add(
                Row(f"{name}: {fault}, noticed after the limit", figures(values), max(values), LATE_GOAL)
            )
        with kind.server(clips[kind.media]) as server:
            values = [first_ms(server, kind) for _ in range(2 * rounds)]
        result.add(Row(f"{name}: first frame", figures(values), quantile(values, 0.5), FIRST_GOAL))
        print(name, "limits done", file=sys.stderr)


def measure_returns(result: Result, rounds: int, clips: dict[str, Clip]) -> None:
    """After a kill. All kinds at the same time: nearly all of it is waiting."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(len(KINDS)) as pool:

        def work(number: int, kind: Kind) -> list[tuple[float, float]]:
            path = clips[kind.media].save(Path(folder) / f"{number}")
            return [back_ms(kind, path) for _ in range(rounds)]

        waiting = [pool.submit(work, *job) for job in enumerate(KINDS.values())]
        for name, job in zip(KINDS, waiting, strict=True):
            pairs = job.result()
            values = [back - waited for back, waited in pairs]
            shown = figures([back for back, _ in pairs]) | {"after_back_off_max_ms": max(values)}
            result.add(Row(f"{name}: killed, back 3 s later", shown, max(values), BACK_GOAL))


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "faults", stops=100, rounds=10)
    random.seed(1)
    media = {kind.media for kind in KINDS.values()} | {kind.keyless for kind in KINDS.values()}
    clips = {name: encode(name) for name in sorted(media)}
    settings = {"stops": options.stops, "rounds": options.rounds}
    result = Result("faults", "live sources: stops, limits, returns", settings)
    measure_stops(result, options.stops, clips)
    measure_limits(result, options.rounds, clips)
    measure_returns(result, options.rounds, clips)
    result.keep(options.out)


if __name__ == "__main__":
    main()
