"""Compares sixty sleeping cameras, ten of which are woken, with ten whose frames are all decoded.

An RTSP server in a separate process sends H.264 of 1280x720 at 15 fps, with a keyframe every 2 seconds,
to all cameras of a program. The CPU times of the program and of the server are measured separately. A Python
function receives every frame. The programs with decode="all", and those at 30 fps, have only ten cameras,
because two cores cannot decode sixty.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _measure import ROOT, Result, Row, arguments, median
from _street import street
from record_copy import processor_seconds

sys.path.insert(0, str(ROOT / "tests" / "python"))

from rigs.live.faulty_server import Clip
from rigs.live.media import encode

CAMERAS = 60
WOKEN = 10
FPS = 15
PROGRAM = """
import json, resource, sys, time, freshframe as ff
from pathlib import Path

port, decode, count, woken, seconds = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:5]), float(sys.argv[5])
pipeline = ff.Pipeline()
ages, first, woke = [], {}, {}


class Note(ff.Node[ff.Frame, None]):
    def process(self, sample: ff.Sample[ff.Frame]) -> None:
        now = time.monotonic()
        if sample.source in woke:
            first.setdefault(sample.source, now - woke[sample.source])
            ages.append(now - sample.captured)


cameras = [
    pipeline.add(ff.open(f"rtsp://127.0.0.1:{port}/{n}", decode=decode), name=f"{n}") for n in range(count)
]
node = pipeline.add(Note(), cameras, queue=ff.Queue(64, "drop_oldest"))


def memory() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def phase() -> None:
    print(json.dumps({"cpu": time.process_time(), "at": time.monotonic(), "memory": memory()}), flush=True)
    sys.stdin.readline()


before = memory()
with pipeline:
    time.sleep(4)
    phase()
    time.sleep(seconds)
    phase()
    for n in range(woken):
        woke[f"{n}"] = time.monotonic()
        if decode == "keyframes":
            cameras[n].wake(seconds + 60)
    time.sleep(2)
    phase()
    del ages[:]
    time.sleep(seconds)
    phase()
    stats = pipeline.stats()
    drops = [stats.nodes[f"{n}"].drops for n in range(count)]
lost = sum(value for one in drops for cause, value in one.items() if cause != "not_decoded")
print(json.dumps({"ages": ages, "first": list(first.values()), "before": before, "lost": lost}), flush=True)
"""


def run(server: subprocess.Popen[str], port: int, decode: str, count: int, seconds: float) -> dict[str, Any]:
    """Runs one program and returns its figures."""
    command = [sys.executable, "-c", PROGRAM, str(port), decode, str(count), str(WOKEN), str(seconds)]
    program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert program.stdin is not None
    assert program.stdout is not None
    phases = []
    for _ in range(4):
        found = json.loads(program.stdout.readline())
        found["server"] = processor_seconds(server.pid)
        phases.append(found)
        program.stdin.write("\n")
        program.stdin.flush()
    last: dict[str, Any] = json.loads(program.stdout.readline())
    program.wait(30)
    for name, (a, b) in {"asleep": (0, 1), "woken": (2, 3)}.items():
        length = phases[b]["at"] - phases[a]["at"]
        last[name] = (phases[b]["cpu"] - phases[a]["cpu"]) / length
        last[f"{name} server"] = (phases[b]["server"] - phases[a]["server"]) / length
    last["memory"] = (phases[1]["memory"] - last["before"]) / count
    return last


@contextlib.contextmanager
def serving(clip: Path, fps: int) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Yields a server of a 10 s film with a keyframe every 2 s, and its port."""
    settings = {"preset": "veryfast", "g": str(2 * fps), "b": "3M", "maxrate": "3M", "bufsize": "6M"}
    encode("h264", 10 * fps, size=(1280, 720), options=settings, draw=street).save(clip)
    server = subprocess.Popen(
        [sys.executable, str(ROOT / "bench" / "_many_rtsp.py"), str(clip), str(fps)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        yield server, int(server.stdout.readline())
    finally:
        server.kill()
        server.wait()


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "sleeping", rounds=1, seconds=10)
    with tempfile.TemporaryDirectory() as name:
        clip = Path(name) / "clip"
        with serving(clip, FPS) as (server, port):
            every = run(server, port, "all", WOKEN, options.seconds)
            keys = run(server, port, "keyframes", CAMERAS, options.seconds)
        frames = Clip.load(clip).frames
        rate = 8e-6 * FPS * sum(map(len, frames)) / len(frames)
        with serving(clip, 2 * FPS) as (server, port):
            every_fast = run(server, port, "all", WOKEN, options.seconds)
            keys_fast = run(server, port, "keyframes", WOKEN, options.seconds)
    outcome = Result(
        "sleeping",
        f"{CAMERAS} cameras of 720p at {FPS} fps that sleep, {WOKEN} of them woken",
        {"seconds": options.seconds, "Mbit/s": rate},
    )
    share = keys["asleep"] / CAMERAS
    outcome.add(
        Row(
            "a camera asleep beside decode=all",
            {
                "asleep_%_of_a_core": 100 * share,
                "all_%_of_a_core": 100 * every["asleep"] / WOKEN,
                "asleep_MB": keys["memory"],
                "all_MB": every["memory"],
            },
            share / (every["asleep"] / WOKEN),
            goal=0.15,
        )
    )
    share = keys_fast["asleep"] / every_fast["asleep"]
    fast = {"asleep": keys_fast, "all": every_fast}
    figures = {f"{name}_%_of_a_core": 100 * each["asleep"] / WOKEN for name, each in fast.items()}
    outcome.add(Row(f"the same at {2 * FPS} fps, with ten cameras", figures, share, goal=0.15))
    outcome.add(
        Row(
            "cores of all",
            {
                "asleep": keys["asleep"],
                "server": keys["asleep server"],
                "ten_woken": keys["woken"],
                "server_then": keys["woken server"],
                "lost": keys["lost"],
            },
            keys["woken"] + keys["woken server"],
            goal=2.0,
        )
    )
    ages = sorted(keys["ages"])
    outcome.add(
        Row(
            "age of a woken camera's frames",
            {
                "p50_ms": 1000 * median(ages),
                "p99_ms": 1000 * ages[int(0.99 * (len(ages) - 1))],
                "all_p50_ms": 1000 * median(every["ages"]),
                "wake_to_frame_p50_ms": 1000 * median(keys["first"]),
                "wake_to_frame_most_ms": 1000 * max(keys["first"]),
            },
            1000 * median(ages),
            goal=100,
        )
    )
    outcome.keep(options.out)


if __name__ == "__main__":
    main()
