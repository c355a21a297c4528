"""MP4 files with many frames: memory, index, and being killed."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rigs.command_line import ENVIRONMENT

import freshframe as ff

pytestmark = [pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffmpeg is not installed")]

WRITER = r"""
import os, sys, time
import freshframe as ff

path, count, early = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
def memory():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
pipeline = ff.Pipeline()
scene = pipeline.add(ff.open(f"demo:circles?size=16x16&balls=1&fps=30&pace=0&frames={count}"))
pipeline.add(ff.VideoFile(path, codec="mpeg4"), scene, name="file")
with pipeline:
    while pipeline.stats().nodes["file"].processed < early:
        time.sleep(0.02)
    first, done = memory(), pipeline.stats().nodes["file"].processed
    print(done, flush=True)
    last = first
    while (now := pipeline.stats().nodes["file"].processed) < count:
        last = memory()
        time.sleep(0.02)
print(max(0, last - first), flush=True)
"""


def facts(path: Path) -> dict[str, str]:
    entries = "stream=nb_frames,duration,r_frame_rate"
    command = ["ffprobe", "-v", "error", "-show_entries", entries, "-of", "default=nw=1", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    return dict(line.split("=", 1) for line in done.stdout.split())


def write(path: Path, count: int, early: int) -> int:
    """Returns by how many bytes the memory grew after the first `early` frames."""
    command = [sys.executable, "-c", WRITER, str(path), str(count), str(early)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=3000, check=True)
    return int(done.stdout.split()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["mp4", "mov"])
def test_a_million_frames_take_no_memory(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"long.{ending}"
    grown = write(path, 1_000_000, 100_000)
    assert grown < 3e6  # target: 8 MB for 2.6 million frames
    found = facts(path)
    assert found["nb_frames"] == "1000000"
    assert float(found["duration"]) == pytest.approx(1_000_000 / 30, abs=0.1)
    assert os.listdir(tmp_path) == [path.name]


GAPS = r"""
import os, sys
import numpy as np
import freshframe as ff

class Sparse(ff.Source):
    live = False
    def read(self):
        for n in range(16_000):
            yield ff.Frame.from_array(np.zeros((16, 16), np.uint8), "gray"), 20 * n / 25

def note(frame):
    global count
    count += 1
    if count in (4_000, 16_000):
        with open("/proc/self/statm") as file:
            print(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"), flush=True)

count = 0
pipeline = ff.Pipeline(stall_timeout=None)
source = pipeline.add(Sparse())
pipeline.add(ff.VideoFile(sys.argv[1], codec="mpeg4", fps=25), source)
pipeline.add(note, source)
pipeline.run()
"""


@pytest.mark.slow
def test_an_avi_keeps_16_bytes_for_each_frame_and_for_each_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    command = [sys.executable, "-c", GAPS, str(path)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=600, check=True)
    early, late = map(int, done.stdout.split())
    slots = 20 * 12_000
    assert 12 * slots < late - early < 20 * slots
    assert facts(path)["nb_frames"] == str(20 * 16_000)


def lines_of(path: Path) -> list[str]:
    command = [
        "ffprobe",
        "-v",
        "error",
        "-show_entries",
        "packet=pts,dts,duration,size,flags",
        "-of",
        "csv=p=0",
    ]
    done = subprocess.run([*command, str(path)], check=True, capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize("ending", ["mp4", "mov"])
@pytest.mark.parametrize(("count", "b_frames"), [(1, 0), (2, 0), (40, 2), (12_000, 0)])
def test_the_index_lists_each_packet(ending: str, count: int, b_frames: int, tmp_path: Path) -> None:
    """Compares the packets with those in a copy made by FFmpeg's muxer."""
    path = tmp_path / f"a.{ending}"
    pipeline = ff.Pipeline()
    scene = pipeline.add(ff.open(f"demo:circles?size=16x16&balls=1&fps=30&pace=0&frames={count}"))
    pipeline.add(ff.VideoFile(path, codec="mpeg4", options={"bf": str(b_frames)}), scene)
    pipeline.run()
    found = facts(path)
    assert found["nb_frames"] == str(count)
    assert float(found["duration"]) == pytest.approx(count / 30, abs=0.04)
    copy = tmp_path / f"copy.{ending}"
    subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-c", "copy", copy], check=True, timeout=60)
    assert lines_of(path) == lines_of(copy)
    for at in (0, count // 2, count - 1):
        assert next(iter(ff.stream(ff.open(path, start=at / 30)))).seq == at
    assert sorted(os.listdir(tmp_path)) == [f"a.{ending}", f"copy.{ending}"]


def test_a_recorder_that_is_killed_leaves_a_file_without_an_index(tmp_path: Path) -> None:
    """Kills it after more packets than are kept in memory. The folder contains nothing else afterwards."""
    path = tmp_path / "a.mp4"
    command = [sys.executable, "-c", WRITER, str(path), "100000000", "20000"]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        count = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
    assert os.listdir(tmp_path) == ["a.mp4"]
    frames = sum(1 for _ in ff.stream(ff.open(path)))
    assert frames > count - 2000  # the last second is lost, which has many frames in a fast run


def test_a_folder_that_takes_no_new_file_keeps_its_recording(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write in each folder")
    path = tmp_path / "a.mp4"
    path.touch()
    tmp_path.chmod(0o500)
    try:
        write(path, 12_000, 0)
    finally:
        tmp_path.chmod(0o700)
    assert facts(path)["nb_frames"] == "12000"
