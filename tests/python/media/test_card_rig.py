"""The tests' fake GPU does what FFmpeg expects of a real one, and its faults have an effect."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rigs.card.clips import H264, PICTURES, clip
from rigs.watchdog import LONG_WATCHDOG

pytestmark = [pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")]


def _run(command: list[str], folder: Path, faults: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "LD_LIBRARY_PATH": str(folder),
        "FAKE_CARD": faults,
        "FAKE_CARD_REPORT": "1",
    }
    return subprocess.run(
        command, env=environment, text=True, capture_output=True, timeout=LONG_WATCHDOG, check=False
    )


def _decode(path: Path, folder: Path, *how: str, faults: str = "") -> tuple[list[str], dict[str, int]]:
    """Decodes with the ffmpeg command. Returns the checksums of the images, and the counters of the GPU."""
    command = ["ffmpeg", "-v", "error", "-nostdin", *how, "-i", str(path), "-pix_fmt", "yuv420p"]
    ended = _run([*command, "-fps_mode", "passthrough", "-f", "framemd5", "-"], folder, faults)
    sums = [line.split(",")[-1].strip() for line in ended.stdout.splitlines() if line[:1] != "#"]
    report = ended.stderr.partition("fake card:")[2]
    return sums, {name.strip(): int(number) for name, number in re.findall(r"([a-z ]+) (-?\d+);", report)}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """H.264 with B-frames."""
    return clip(tmp_path_factory.mktemp("clips") / "b.mp4", H264["b-frames"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "size"), [("b-frames", "320x240"), ("no b-frames", "322x242"), ("interlaced", "320x240")]
)
def test_h264_gives_the_pictures_of_the_stream(
    kind: str, size: str, tmp_path: Path, card_folder: Path
) -> None:
    made = clip(tmp_path / "a.mp4", H264[kind], size=size)
    wanted, _ = _decode(made, card_folder)
    got, counts = _decode(made, card_folder, "-hwaccel", "cuda")
    assert got == wanted
    assert (len(got), counts["pictures"], counts["most decoders"]) == (PICTURES, PICTURES, 1)
    assert not counts.keys() & {"decoders", "mapped", "buffers", "contexts", "streams"}  # nothing is left


@pytest.mark.table(cases=2)
@pytest.mark.parametrize(
    ("faults", "on_card", "pictures"),
    [
        ("none", False, 0),  # the command requires the device that it was told to use
        ("old", False, 0),
        ("sessions:0", False, PICTURES),
        ("no_h264", False, PICTURES),
        ("memory:1", False, PICTURES),
        ("refuse:10", True, PICTURES - 2),
        ("skip:10", True, PICTURES),
        ("status:10", True, PICTURES),
        ("lazy", True, PICTURES),
    ],
)
def test_each_fault_is_seen(faults: str, on_card: bool, pictures: int, film: Path, card_folder: Path) -> None:
    sums, counts = _decode(film, card_folder, "-hwaccel", "cuda", faults=faults)
    assert (len(sums), counts.get("pictures", 0) > 0) == (pictures, on_card)
    assert counts.get("skipped", 0) == (2 if faults == "skip:10" else 0)


def test_lost_card_gives_no_more_pictures(film: Path, card_folder: Path) -> None:
    sums, _ = _decode(film, card_folder, "-hwaccel", "cuda", faults="lost:8")
    assert len(sums) < PICTURES


def test_host_that_reads_memory_of_the_card_ends(card_folder: Path) -> None:
    code = """
import ctypes
card = ctypes.CDLL("libcuda.so.1")
context, memory = ctypes.c_void_p(), ctypes.c_uint64()
assert card.cuInit(0) == 0
assert card.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0) == 0
assert card.cuCtxPushCurrent_v2(context) == 0
assert card.cuMemAlloc_v2(ctypes.byref(memory), ctypes.c_size_t(4096)) == 0
print("allocated", flush=True)
ctypes.string_at(memory.value, 1)
"""
    ended = _run([sys.executable, "-c", code], card_folder)
    assert ended.stdout == "allocated\n", ended.stderr
    assert ended.returncode == -signal.SIGSEGV
