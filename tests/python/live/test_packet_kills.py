"""kill -9 at random moments while a camera's packets are recorded: the files have what the camera sent.

./dev test --full kills 200 times.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rigs.live.camera import clip
from rigs.live.rtsp import RtspServer
from support import WATCHDOG, until

import freshframe as ff

av = pytest.importorskip("av", reason="needs PyAV, which reads the packets of files")

RECORD = """
import sys, freshframe as ff
pipeline = ff.Pipeline()
camera = pipeline.add(ff.open(sys.argv[1]))
for name in ("a.mp4", "a.mkv", "a.ts"):
    pipeline.add(ff.VideoFile(f"{sys.argv[2]}/{name}"), camera.packets)
for name in ("b_%d.mp4", "c_%d.ts"):
    pipeline.add(ff.VideoFile(f"{sys.argv[2]}/{name}", segment_every=1), camera.packets)
pipeline.run()
"""
KINDS_OF_SETS = (7, 8, 9)  # types of NAL units: parameter sets and delimiters, which containers modify


def slices(data: bytes, *, lengths: bool) -> list[bytes]:
    """Returns the NAL units of an image, without those that containers modify."""
    found = []
    while lengths and data:
        size = int.from_bytes(data[:4], "big")
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    pieces = [piece.rstrip(b"\0") for piece in (found or data.split(b"\0\0\1"))]
    return [piece for piece in pieces if piece and piece[0] & 31 not in KINDS_OF_SETS]


def pictures_of(path: Path) -> list[list[bytes]]:
    """Returns the packets of a file that may still be being written."""
    try:
        with av.open(path) as container:
            stream: Any = container.streams.video[0]
            lengths = (stream.codec_context.extradata or b"")[:1] == b"\1"
            return [
                slices(bytes(packet), lengths=lengths) for packet in container.demux(stream) if packet.size
            ]
    except (av.FFmpegError, IndexError, FileNotFoundError):
        return []


def segments(folder: Path, name: str) -> list[list[bytes]]:
    """Returns the images in a series of files."""
    paths = sorted(folder.glob(name), key=lambda path: int(path.stem[2:]))
    return [picture for path in paths for picture in pictures_of(path)]


def kill_once(url: str, folder: Path, delay: float) -> None:
    """Kills the recorder this many seconds after each of the files has images, and checks the files."""
    sent = [slices(frame, lengths=False) for frame in clip("h264").frames]
    singles = [folder / name for name in ("a.mp4", "a.mkv", "a.ts")]
    with subprocess.Popen([sys.executable, "-c", RECORD, url, str(folder)]) as child:
        try:
            until(lambda: all(map(pictures_of, singles)), lambda: "no pictures")
            time.sleep(delay)
        finally:
            child.kill()
            child.wait(WATCHDOG)
    for pictures in [*map(pictures_of, singles), segments(folder, "b_*.mp4"), segments(folder, "c_*.ts")]:
        times = len(pictures) // len(sent) + 1
        assert pictures == (sent * times)[: len(pictures)]
    for path in singles:
        assert len([sample.pts for sample in ff.stream(ff.open(path))]) == len(pictures_of(path)) > 0


def kill_often(folder: Path, count: int) -> None:
    chance = random.Random(count)
    with RtspServer(clip("h264")) as server:
        for number in range(count):
            here = folder / str(number)
            here.mkdir()
            kill_once(server.url, here, chance.uniform(0, 2.5))


def test_a_killed_recorder_leaves_what_the_camera_has_sent(tmp_path: Path) -> None:
    kill_often(tmp_path, 3)


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_a_recorder_that_is_killed_at_any_moment_leaves_what_the_camera_has_sent(tmp_path: Path) -> None:
    kill_often(tmp_path, 200)
