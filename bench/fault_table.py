"""The same faults for freshframe, OpenCV and PyAV: what each notices, when, and what its user sees.

Each library reads in a child process of its own for READ seconds, as its documentation shows it; a child that
does not end is killed after LIMIT seconds. The three run at the same time.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import importlib.util
import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from _fault_reader import READ
from _measure import ROOT, Result, Row, arguments

sys.path.insert(0, str(ROOT / "tests" / "python"))

from rigs.live.camera import ServerProcess
from rigs.live.faulty_server import Clip, Faults, Server
from rigs.live.media import encode
from rigs.live.rtsp import RtspServer
from rigs.live.servers import HttpServer

LIMIT = 25.0  # seconds after which a child is killed
FAULT_AT = 2.0  # seconds: SIGSTOP, kill
PEERS = ("freshframe", "cv2", "av")
READER = Path(__file__).with_name("_fault_reader.py")


def run_child(peer: str, url: str) -> dict[str, Any]:
    """The last report of the child, the time of its end, and whether it was killed."""
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(
            [sys.executable, str(READER), peer, url], stdout=out, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(LIMIT)
            killed = False
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed = True
        out.seek(0)
        lines = out.read().splitlines()
    told: dict[str, Any] = json.loads(lines[-1]) if lines else {"frames": 0, "last_frame": 0.0}
    crashed = not killed and process.returncode != 0
    ended = (
        f"killed after {LIMIT:g} s" if killed else f"crashed ({process.returncode})" if crashed else "ended"
    )
    return {
        "ended": ended,
        "after_s": time.monotonic() - began,
        "frames": told["frames"],
        "last_frame_s": told["last_frame"],
        "sizes": len(told.get("sizes", [])),
        "told_s": told.get("first_news"),
        "user_sees": told.get("error") or told.get("state") or "nothing",
    }


@dataclasses.dataclass(frozen=True)
class Case:
    """A fault: the server, and the fault that it gets while the peers read."""

    name: str
    kind: type[Server]
    clip: str
    faults: Faults = dataclasses.field(default_factory=Faults)
    action: str = ""  # "stop" or "kill" of a server in a process of its own


CASES = (
    Case("rtsp: black hole at open", RtspServer, "h264", Faults(silent=True)),
    Case("http: black hole at open", HttpServer, "mjpeg", Faults(silent=True)),
    Case("http: stall after 60 frames", HttpServer, "mjpeg", Faults(stall_after=60)),
    Case("rtsp: server stopped for 5 s", RtspServer, "h264", action="stop"),
    Case("rtsp: server killed, new after 3 s", RtspServer, "h264", action="kill"),
    Case("http: half a frame, then closed", HttpServer, "mjpeg", Faults(half_after=60)),
    Case("http: another size after 30 frames", HttpServer, "mixed"),
)


def act(action: str, url_port: int, media: Path, process: Any) -> Any:
    """Stops the server for 5 s, or kills it and starts a new one."""
    time.sleep(FAULT_AT)
    if action == "stop":
        process.process.send_signal(signal.SIGSTOP)
        time.sleep(5)
        process.process.send_signal(signal.SIGCONT)
        return process
    process.kill()
    time.sleep(3)
    return ServerProcess("rtsp", media, url_port)


def run_case(case: Case, clips: dict[str, Clip], folder: Path) -> dict[str, dict[str, Any]]:
    """All peers at once; figures by peer."""
    figures: dict[str, dict[str, Any]] = {}
    peers = [peer for peer in PEERS if importlib.util.find_spec(peer)]

    def work(peer: str, url: str) -> None:
        figures[peer] = run_child(peer, url)

    if case.action:
        media = clips[case.clip].save(folder / "clip")
        server: Any = ServerProcess("rtsp", media)
        port, url = server.port, f"rtsp://127.0.0.1:{server.port}/live"
    else:
        server = case.kind(clips[case.clip], dataclasses.replace(case.faults))
        port, url = server.port, server.url
    threads = [threading.Thread(target=work, args=(peer, url)) for peer in peers]
    for thread in threads:
        thread.start()
    if case.action:
        server = act(case.action, port, folder / "clip", server)
    for thread in threads:
        thread.join()
    server.__exit__()
    return figures


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "fault_table")
    jpeg, small = encode("mjpeg"), encode("mjpeg", size=(96, 64))
    mixed = dataclasses.replace(jpeg, frames=jpeg.frames[:30] + small.frames[:270])
    clips = {"h264": encode("h264", 600), "mjpeg": jpeg, "mixed": mixed}
    result = Result("fault_table", "faults and libraries", {"read_s": READ, "limit_s": LIMIT})
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            figures = run_case(case, clips, Path(folder))
            for peer in sorted(figures, key=PEERS.index):
                result.add(Row(f"{case.name}: {peer}", figures[peer]))
            print(case.name, file=sys.stderr)
    result.keep(options.out)


if __name__ == "__main__":
    main()
