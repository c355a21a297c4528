"""Measures the age of a browser camera's frames in a consumer that needs 1 s per frame.

A headless Chromium sends a painted camera of 1280x720 at 30 fps: to freshframe over a WebSocket, to aiortc
and fastrtc over WebRTC. Each frame has the time of its painting in its pixels, so its age is known when it
reaches the consumer. The programs run one after another, for `--seconds` each. A program that exceeds the
memory limit is stopped, and measured until then. Creates the peers' environments in build/peers. Requires
what ./dev test-web installs.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from _measure import RESULTS, ROOT, Result, Row, quantile
from _peer_programs import HERE, OURS, Peer, interpreter
from _peer_tables import markdown
from _servers import await_port

sys.path.insert(0, str(ROOT / "tests" / "python"))
sys.path.insert(0, str(ROOT / "tests" / "web"))

import browser
from camera_page import FACE, PAINTED
from rigs.ports import free_port

TESTS = ROOT / "tests" / "web"
AIORTC = ("aiortc==1.16.0", "aiohttp==3.14.5")
FASTRTC = ("fastrtc==0.0.34", "uvicorn==0.54.0")
PEERS = {
    "freshframe": Peer("browser_freshframe", "idle", uses=OURS),
    "freshframe beside a busy thread": Peer("browser_freshframe", "busy", uses=OURS),
    "aiortc, recv()": Peer("browser_aiortc", "recv", needs=AIORTC),
    "aiortc, MediaRelay(buffered=False)": Peer("browser_aiortc", "relay", needs=AIORTC),
    "fastrtc": Peer("browser_fastrtc", "default", needs=FASTRTC),
    "fastrtc, skip_frames=True": Peer("browser_fastrtc", "skip", needs=FASTRTC),
}
GOAL = 0.060  # maximum median age of freshframe, in seconds
MEMORY = 8e9  # bytes
SETTLED = 10.0  # memory and ages count from this many seconds after the first frame on
LAST = 30.0  # the age is also reported for this many seconds at the end
BUTTON = f"{FACE}.querySelector('button.main')"
IS_READY = f"return {BUTTON}.textContent === 'Use my camera'"
SEND = f"{BUTTON}.click()"
SIZED = f"{PAINTED} Object.assign(camera, {{width: 1280, height: 720}});"


@dataclass
class Reading:
    """The lines that a program prints, read by a separate thread."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    link: str = ""

    def read(self, lines: Iterator[str]) -> None:
        """Reads until the program ends. Ignores lines that are not JSON, which libraries print."""
        for line in lines:
            with contextlib.suppress(ValueError):
                row = json.loads(line)
                if "link" in row:
                    self.link = row["link"]
                else:
                    self.rows.append(row)


def run(peer: Peer, python: str, seconds: float) -> list[dict[str, Any]]:
    """Sends the camera to one program. Returns what that recorded for each frame."""
    port = free_port()
    environment = {
        **os.environ,
        "FRESHFRAME_BENCH_CAMERA": str(TESTS),
        "PYTHONPATH": f"{HERE}:{ROOT / 'python'}" if peer.uses is OURS else str(HERE),
    }
    command = [python, str(HERE / f"{peer.module}.py"), str(port), peer.mode]
    reading = Reading()
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=folder) as process,
    ):
        assert process.stdout is not None
        lines = (line.decode(errors="replace") for line in process.stdout)
        reader = threading.Thread(target=reading.read, args=(lines,), daemon=True)
        reader.start()
        try:
            await_port(port, process)
            flags = ("--disable-features=WebRtcHideLocalIpsWithMdns",)
            with browser.started(Path(folder) / "profile", flags) as page:
                page.load(reading.link or f"http://127.0.0.1:{port}/")
                page.run(SIZED)
                page.until(
                    "return window.start !== undefined" if not reading.link else f"return {FACE} !== null"
                )
                page.run(SEND if reading.link else "start()")
                follow(reading, process, seconds)
        finally:
            process.kill()
    reader.join()
    return reading.rows


def follow(reading: Reading, process: subprocess.Popen[bytes], seconds: float) -> None:
    """Waits until the program has received frames for `seconds`, or uses too much memory."""
    deadline = time.monotonic() + browser.WATCHDOG
    while not reading.rows:
        if time.monotonic() > deadline or process.poll() is not None:
            raise SystemExit(f"{process.args!r}: no frame arrived")
        time.sleep(0.1)
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None and reading.rows[-1]["bytes"] < MEMORY:
        time.sleep(0.1)


def summarize(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns the ages in seconds, and the memory in MB."""
    begin, end = rows[0]["at"], rows[-1]["at"]
    read = [row for row in rows if row["painted"] is not None and row["at"] - begin >= SETTLED]
    if not read:
        raise SystemExit(f"no painted time could be read in {len(rows)} frames: give --seconds more than 20")
    ages = [row["at"] - row["painted"] for row in read]
    last = [row["at"] - row["painted"] for row in read if row["at"] >= end - LAST]
    return {
        "age_p50_s": quantile(ages, 0.5),
        "age_p99_s": quantile(ages, 0.99),
        "last_age_p50_s": quantile(last, 0.5),
        "first_mb": read[0]["bytes"] / 1e6,
        "last_mb": read[-1]["bytes"] / 1e6,
        "frames": len(rows),
        "unreadable": sum(row["painted"] is None for row in rows),
        "ran_s": end - begin,
    }


def versions(pythons: dict[str, str]) -> dict[str, str]:
    """Returns the versions of the peers that were run."""
    found = {}
    for name, python in pythons.items():
        package = PEERS[name].environment
        site = next((Path(python).parents[1] / "lib").glob("python*/site-packages"))
        for one in importlib.metadata.distributions(name=package, path=[str(site)]):
            found[package] = one.version
    return found


def page(document: dict[str, Any]) -> str:
    """Returns a kept result as a section of a page in docs/benchmarks."""
    rows = [["", "age p50", "p99", f"p50 of the last {LAST:g} s", "memory in MB", "measured"]]
    for row in document["rows"]:
        ages = [f"{row[key]:.3g} s" for key in ("age_p50_s", "age_p99_s", "last_age_p50_s")]
        memory = f"{row['first_mb']:.0f} to {row['last_mb']:.0f}"
        rows.append([row["name"], *ages, memory, f"{row['ran_s']:.0f} s"])
    versions = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    made = f"{document['machine']}, load {document['load_before']}, commit {document['commit']}, {versions}."
    return f"{markdown(rows)}\n\n{made}\n"


def main() -> None:
    """Runs the programs one after another, or prints the table of their kept result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=180, help="of each program (default: %(default)s)")
    parser.add_argument("--only", default="", help="only programs whose names begin with this")
    parser.add_argument(
        "--out", type=Path, default=RESULTS / "browser_camera.json", help="default: %(default)s"
    )
    parser.add_argument("--dry", action="store_true", help="write no result")
    parser.add_argument(
        "--page", action="store_true", help="measure nothing: print the table of --out for docs/"
    )
    options = parser.parse_args()
    if options.page:
        print(page(json.loads(options.out.read_text(encoding="utf-8"))), end="")
        return
    if why := browser.missing():
        raise SystemExit(why)
    pythons: dict[str, str] = {}
    for name, peer in PEERS.items():
        if not name.startswith(options.only):
            continue
        python, why = interpreter(peer)
        if why:
            print(f"{name}: left out, {why}", file=sys.stderr)
        else:
            pythons[name] = python
    result = Result(
        "browser_camera",
        "The camera of a browser at a consumer of 1 s",
        {"seconds": options.seconds},
        versions(pythons),
    )
    for name, python in pythons.items():
        figures = summarize(run(PEERS[name], python, options.seconds))
        goal = GOAL if name.startswith("freshframe") else None
        result.add(Row(name, figures, figures["age_p50_s"], goal))
        print(f"{name}: {figures}", file=sys.stderr)
    result.keep(None if options.dry else options.out)


if __name__ == "__main__":
    main()
