"""Measures the cost of recording a camera: copied packets, `ffmpeg -c copy`, GStreamer, and re-encoding.

An RTSP server in a separate process sends H.264 of 1280x720 at 30 fps and 4 Mbit/s to each recorder. The CPU
time of each recorder's process (all threads) is measured while it records, without its start. The recorders
run alternately. GStreamer is skipped if gst-launch-1.0 is not installed (Debian: gstreamer1.0-tools,
gstreamer1.0-plugins-good, gstreamer1.0-plugins-bad).
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _measure import ROOT, Result, Row, arguments, median, spread, take_turns
from _street import street

sys.path.insert(0, str(ROOT / "tests" / "python"))

from rigs.live.media import encode

WARM = 3.0  # seconds from the start of the process to the measurement
RECORD = """
import sys, time, freshframe as ff
pipeline = ff.Pipeline()
camera = pipeline.add(ff.open(sys.argv[1]))
pipeline.add(ff.VideoFile(sys.argv[2]), camera.packets if sys.argv[3] == "copy" else camera)
with pipeline:
    time.sleep(float(sys.argv[4]))
"""


def processor_seconds(pid: int) -> float:
    """Returns the CPU time of all current threads of a process, with microsecond precision."""
    total = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the thread has ended
            total += 1e-9 * int((task / "schedstat").read_text().split()[0])
    return total


def share(command: list[str], seconds: float) -> float:
    """Returns which fraction of one core the recorder uses."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(WARM)
        first, began = processor_seconds(process.pid), time.monotonic()
        time.sleep(seconds)
        return (processor_seconds(process.pid) - first) / (time.monotonic() - began)
    finally:
        process.terminate()
        process.wait(20)


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "record_copy", rounds=2, seconds=8)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = {"preset": "veryfast", "g": "60", "b": "4M", "maxrate": "4M", "bufsize": "8M"}
        film = encode("h264", 240, size=(1280, 720), options=settings, draw=street)
        film.save(folder / "clip")
        server = subprocess.Popen(
            [sys.executable, "-m", "rigs.live.servers", "rtsp", str(folder / "clip")],
            cwd=ROOT / "tests" / "python",
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        url = f"rtsp://127.0.0.1:{int(server.stdout.readline())}/live"
        length = str(WARM + options.seconds + 5)

        def ours(how: str) -> float:
            path = str(folder / f"{how}.mp4")
            return share([sys.executable, "-c", RECORD, url, path, how, length], options.seconds)

        def by_ffmpeg() -> float:
            command = ["ffmpeg", "-y", "-rtsp_transport", "tcp", "-i", url, "-c", "copy"]
            return share([*command, "-t", length, str(folder / "ffmpeg.mp4")], options.seconds)

        def by_gstreamer() -> float:
            source = ["rtspsrc", f"location={url}", "protocols=tcp", "latency=0"]
            writer = ["h264parse", "!", "mp4mux", "!", "filesink", f"location={folder / 'gst.mp4'}"]
            command = ["gst-launch-1.0", "-q", *source, "!", "rtph264depay", "!", *writer]
            return share(command, options.seconds)

        recorders = {
            "ffmpeg": by_ffmpeg,
            "copy": lambda: ours("copy"),
            "encode": lambda: ours("encode"),
            "ffmpeg again": by_ffmpeg,
        }
        if shutil.which("gst-launch-1.0"):
            recorders["gstreamer"] = by_gstreamer
        try:
            runs = take_turns(recorders, options.rounds)
        finally:
            server.terminate()
            server.wait(20)
    restless = spread(runs["ffmpeg"], runs["ffmpeg again"])
    shares = {kind: median(values) for kind, values in runs.items()}
    outcome = Result(
        "record_copy",
        "processor time of a recorder of one camera, 720p at 30 fps and 4 Mbit/s",
        {"rounds": options.rounds, "seconds": options.seconds},
    )
    figures = {f"{kind}_%": 100 * value for kind, value in shares.items()}
    beside = shares["copy"] / shares["ffmpeg"]
    outcome.add(Row("copy beside ffmpeg", figures, beside, goal=1.3, spread=restless))
    if "gstreamer" in shares:
        beside = shares["copy"] / shares["gstreamer"]
        outcome.add(Row("copy beside gstreamer", {}, beside, goal=1.0, spread=restless))
    outcome.add(
        Row("copy beside encoding", {}, shares["copy"] / shares["encode"], goal=0.05, spread=restless)
    )
    outcome.keep(options.out)


if __name__ == "__main__":
    main()
