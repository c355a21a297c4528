"""What a live source does when its server misbehaves: how soon it notices, comes back and stops.

Servers on loopback, made by tests/python/live_servers.py; a source per run. A stop is asked for at a random
moment of each state. FFmpeg looks every 100 ms whether it shall go on, which most figures show.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _measure import ROOT, Result, Row, arguments, quantile

sys.path.insert(0, str(ROOT / "tests" / "python"))

from live_media import KEY_INTERVAL, encode
from live_servers import Clip, Faults, HttpServer, RtspServer, Server, TcpServer
from live_support import Camera, ServerProcess

KINDS: dict[str, tuple[type[Server], str, str, str]] = {
    "rtsp": (RtspServer, "h264", "rtsp", "rtsp://127.0.0.1:{}/live"),
    "http": (HttpServer, "mjpeg", "http", "http://127.0.0.1:{}/live"),
    "tcp": (TcpServer, "mpegts", "tcp", "tcp://127.0.0.1:{}"),
}
STATES = {
    "connecting": Faults(silent=True),
    "reading": Faults(),
    "stalled": Faults(stall_after=15),
    "backing_off": Faults(close_after=0),
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


def stop_ms(server: Server, kind: str, state: str) -> float:
    """Milliseconds of a stop at a random moment of a state."""
    camera = Camera(KINDS[kind][3].format(server.port), open_timeout=60.0, read_timeout=60.0)
    starter = threading.Thread(target=start_quietly, args=(camera,))
    before = server.connections
    starter.start()
    until(lambda: server.connections > before)
    until(lambda: camera.stats.state == state)
    time.sleep(random.uniform(0.0, 0.2))
    began = time.monotonic()
    camera.pipeline.stop()
    took = time.monotonic() - began
    starter.join()
    return MS * took


def start_quietly(camera: Camera) -> None:
    """A stop during start() makes start() raise."""
    try:
        camera.pipeline.start()
    except Exception:
        return


def late_ms(server: Server, kind: str, *, opening: bool) -> float:
    """Milliseconds between a limit of 1 s and the moment at which the source has noticed."""
    url = KINDS[kind][3].format(server.port)
    if opening:
        camera = Camera(url, open_timeout=1.0)
        began = time.monotonic()
        with camera:
            return MS * (until(lambda: camera.stats.outages) - began - 1.0)
    with Camera(url, read_timeout=1.0) as camera:
        last = 0.0
        while camera.stats.state != "stalled":
            sample = camera.reader.latest()
            last = sample.captured if sample else last
            time.sleep(0.001)
        noticed = until(lambda: camera.stats.outages)
        return MS * (noticed - last - 1.0)


def first_ms(server: Server, kind: str, options: dict[str, str]) -> float:
    """Milliseconds from start() to the first frame, joining at a random moment."""
    server.skip = random.randrange(KEY_INTERVAL)  # the frames until the next key frame are of no use
    camera = Camera(KINDS[kind][3].format(server.port), options=options)
    began = time.monotonic()
    with camera:
        camera.read()
        return MS * (time.monotonic() - began)


def back_ms(kind: str, media: Path) -> tuple[float, float]:
    """Milliseconds from the new start of a server, 3 s after it was killed, to the first frame.

    The second figure is how much of that was left of the back-off.
    """
    _, _, program, url = KINDS[kind]
    with ServerProcess(program, media) as server:
        camera = Camera(url.format(server.port))
        camera.pipeline.start()
        camera.read(5)
    killed = time.monotonic()
    until(lambda: camera.stats.outages)
    time.sleep(max(0.0, killed + 3.0 - time.monotonic()))
    with ServerProcess(program, media, server.port):
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


def measure(result: Result, options: Any, clips: dict[str, Clip]) -> None:
    """All of it."""
    for kind, (server_class, media, _, _) in KINDS.items():
        for state, faults in STATES.items():
            with server_class(clips[media], faults) as server:
                values = [stop_ms(server, kind, state) for _ in range(options.stops)]
            for share, goal in STOP_GOALS.items():
                name = f"{kind}: stop while {state}, " + {0.5: "p50", 0.99: "p99", 1.0: "max"}[share]
                value = quantile(values, share)
                result.add(Row(name, figures(values) if share == 0.5 else {}, value, goal))
            print(f"{kind} {state}: {figures(values)}", file=sys.stderr)
        for name, faults in (("blackhole at open", Faults(silent=True)), ("stall", Faults(stall_after=40))):
            with server_class(clips[media], faults) as server:
                values = [late_ms(server, kind, opening=faults.silent) for _ in range(options.rounds)]
            result.add(
                Row(f"{kind}: {name}, noticed after the limit", figures(values), max(values), LATE_GOAL)
            )
        with tempfile.TemporaryDirectory() as folder:
            path = clips[media].save(Path(folder) / "clip")
            pairs = [back_ms(kind, path) for _ in range(options.rounds)]
        values = [back - waited for back, waited in pairs]
        shown = figures([back for back, _ in pairs]) | {"after_back_off_max_ms": max(values)}
        result.add(Row(f"{kind}: killed, back 3 s later", shown, max(values), BACK_GOAL))
        ways = {"rtsp": {"": {}, " over udp": {"rtsp_transport": "udp"}}}.get(kind, {"": {}})
        for way, chosen in ways.items():
            with server_class(clips[media]) as server:
                values = [first_ms(server, kind, chosen) for _ in range(4 * options.rounds)]
            result.add(Row(f"{kind}{way}: first frame", figures(values), quantile(values, 0.5), FIRST_GOAL))
        print(kind, "done", file=sys.stderr)


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "faults", stops=100, rounds=5)
    random.seed(1)
    clips = {media: encode(media) for _, media, _, _ in KINDS.values()}
    result = Result("faults", "live sources: stops, limits, returns", {"stops": options.stops})
    measure(result, options, clips)
    result.keep(options.out)


if __name__ == "__main__":
    main()
