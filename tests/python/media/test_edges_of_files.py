"""What a video shows at the edges of a file: its start, gaps, its end, the seam of a loop."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from rigs.mp4_boxes import Film, read_film

import freshframe as ff

pytestmark = [pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")]

TIMES = (0, 50, 100, 900, 950, 1000, 2500, 2550)  # ms
LAST = 4000  # ms for which the last image is shown
FULL = [round(20 * n * 255 / 219) for n in range(len(TIMES))]


def ffmpeg(folder: Path, arguments: str) -> None:
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *arguments.split()]
    subprocess.run(command, check=True, cwd=folder, capture_output=True, timeout=60)


def film(folder: Path, codec: str = "-c:v libx264 -preset ultrafast -bf 0 -g 3") -> Film:
    """Writes a clip in which image n has the level 16 + 20 n."""
    image = f"-f lavfi -i nullsrc=s=64x48:r=10:d={len(TIMES) / 10},geq=lum=16+20*N:cb=128:cr=128"
    ffmpeg(folder, f"{image} {codec} even.mp4")
    return read_film(folder / "even.mp4")


def at_times(folder: Path, last: int = LAST) -> Film:
    even = film(folder)
    ends = (*TIMES[1:], TIMES[-1] + last)
    packets = [
        replace(packet, lasts=end - time) for packet, time, end in zip(even.packets, TIMES, ends, strict=True)
    ]
    return replace(even, packets=tuple(packets))


def reordered(folder: Path) -> Film:
    """Writes a clip decoded in another order than shown, so that the last packet is not the last image."""
    return film(folder, "-c:v libx264 -preset ultrafast -bf 2 -b_strategy 0 -g 8")


def concat(folder: Path, name: str, codec: str) -> Path:
    """Writes a file with these timestamps, whose last image has its duration."""
    text = "ffconcat version 1.0\n"
    for n, time in enumerate(TIMES):
        image = f"-f lavfi -i nullsrc=s=64x48:d=0.1,geq=lum=16+20*{n}:cb=128:cr=128 -frames:v 1"
        ffmpeg(folder, f"{image} p{n}.png")
        end = TIMES[n + 1] if n + 1 < len(TIMES) else time + LAST
        text += f"file p{n}.png\nduration {(end - time) / 1000}\n"
    (folder / "list.txt").write_text(text)
    ffmpeg(folder, f"-f concat -i list.txt -fps_mode vfr -enc_time_base 1/1000 {codec} {name}")
    return folder / name


def copied(ending: str, last: int = LAST) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        at_times(folder, last).write(folder / "own.mp4")
        if ending == "mp4":
            return folder / "own.mp4"
        ffmpeg(folder, f"-i own.mp4 -c copy a.{ending}")
        return folder / f"a.{ending}"

    return make


def edited(*edits: tuple[int, int]) -> Callable[[Path], Path]:
    return lambda folder: replace(at_times(folder), edits=edits).write(folder / "own.mp4")


def fragments(folder: Path) -> Path:
    at_times(folder).write(folder / "own.mp4")
    ffmpeg(folder, "-i own.mp4 -c copy -movflags frag_keyframe+empty_moov a.mp4")
    return folder / "a.mp4"


@dataclass
class Case:
    name: str
    make: Callable[[Path], Path]
    shown: dict[float, int]  # image at a time
    end: float  # time in seconds after which there is no image


VARIED = {
    0: 0,
    0.049: 0,
    0.05: 1,
    0.5: 2,
    0.899: 2,
    0.9: 3,
    1.7: 5,
    2.499: 5,
    2.5: 6,
    2.55: 7,
    3.14: 7,
    6.5: 7,
}
CASES = [
    Case("MP4", copied("mp4"), VARIED, 6.56),
    Case("MOV", copied("mov"), VARIED, 6.56),
    Case("MKV", copied("mkv"), VARIED, 6.56),
    Case("fragments", fragments, VARIED, 6.56),
    Case("a short last image", copied("mp4", last=30), {**{t: n for t, n in VARIED.items() if t < 3}}, 9),
    Case("an edit that ends in the last image", edited((4000, 0)), {2.6: 7, 3.9: 7}, 4.01),
    Case("an edit that ends in a gap", edited((2000, 0)), {0.95: 4, 1.9: 5}, 2.2),
    Case(
        "an edit from the middle", edited((5650, 900)), {0: 3, 0.05: 4, 1.5: 5, 1.6: 6, 1.65: 7, 5.6: 7}, 5.66
    ),
    Case("a delay, which time 0 leaves out", edited((500, -1), (6550, 0)), VARIED, 6.56),
    Case("WebM", lambda f: concat(f, "a.webm", "-c:v libvpx -b:v 1M"), {0.5: 2, 1.7: 5, 2.57: 7}, 60),
    Case("GIF", lambda f: concat(f, "a.gif", "-final_delay 400"), {0.5: 2, 1.7: 5, 6.5: 7}, 60),
    Case(
        "B-frames",
        lambda f: reordered(f).write(f / "own.mp4"),
        {0.05: 0, 0.31: 3, 0.69: 6, 0.7: 7, 0.79: 7},
        0.81,
    ),
]


def image_of(frame: ff.Frame) -> int:
    level = float(np.mean(frame.rgb))
    return min(range(len(FULL)), key=lambda n: abs(FULL[n] - level))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_frame_is_what_the_video_shows_at_a_time(case: Case, tmp_path: Path) -> None:
    path = case.make(tmp_path)
    assert {time: image_of(ff.Frame.read(path, pts=time)) for time in case.shown} == case.shown
    with pytest.raises(ff.SourceError, match="it is shorter, its last frame is at"):
        ff.Frame.read(path, pts=case.end)


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
def test_a_loop_goes_on_when_the_last_image_has_been_shown(ending: str, tmp_path: Path) -> None:
    path = copied(ending)(tmp_path)
    with ff.open(path, loop=True) as source:
        times = [sample.pts for sample in islice(source, 2 * len(TIMES))]
    first = [time / 1000 for time in TIMES]
    assert times == pytest.approx(first + [6.55 + time for time in first], abs=0.002)


@pytest.mark.parametrize(("start", "end", "length"), [(None, 2.0, 2.0), (0.9, 2.0, 1.1), (0.9, 4.0, 3.1)])
def test_a_loop_of_a_part_has_the_length_of_the_part(
    start: float | None, end: float, length: float, tmp_path: Path
) -> None:
    path = copied("mp4")(tmp_path)
    with ff.open(path, loop=True, start=start, end=end) as source:
        samples = list(islice(source, 14))
    begins = [sample.pts for sample in samples if image_of(sample.frame) == image_of(samples[0].frame)]
    assert begins[1] - begins[0] == pytest.approx(length, abs=0.002)


@pytest.mark.parametrize("ending", ["ts", "flv", "avi"])
def test_a_container_without_durations_shows_its_last_image_for_one_interval(
    ending: str, tmp_path: Path
) -> None:
    film(tmp_path)
    ffmpeg(tmp_path, f"-i even.mp4 -c copy a.{ending}")
    path = tmp_path / f"a.{ending}"
    assert image_of(ff.Frame.read(path, pts=0.79)) == 7
    with pytest.raises(ff.SourceError, match="it is shorter"):
        ff.Frame.read(path, pts=0.85)
    with ff.open(path, loop=True) as source:
        times = [sample.pts for sample in islice(source, 2 * len(TIMES))]
    assert times == pytest.approx([times[0] + n / 10 for n in range(16)], abs=0.002)


def test_a_start_within_the_last_image_is_an_error_that_names_its_end(tmp_path: Path) -> None:
    path = copied("mp4")(tmp_path)
    pipeline = ff.Pipeline()
    pipeline.add(ff.open(path, start=3.14), name="file")
    with pytest.raises(ff.SourceError, match=r"its last frame is at 2\.55 s and is shown until 6\.55 s"):
        pipeline.run()


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
def test_the_duration_has_the_last_image(ending: str, tmp_path: Path) -> None:
    assert ff.probe(copied(ending)(tmp_path)).duration == pytest.approx(6.55, abs=0.002)
