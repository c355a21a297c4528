"""Which of several videos in a file is read."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import logging
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from rigs.command_line import process as command

import freshframe as ff

pytestmark = [pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")]

X264 = "-c:v libx264 -preset ultrafast -g 5"
PARTS = {
    # name: level of its images, size, number of images, codec
    "film.mp4": (40, "128x96", 15, X264),
    "small.mp4": (90, "64x48", 15, X264),
    "same.mp4": (140, "128x96", 15, X264),
    "noisy.mov": (200, "64x48", 15, "-c:v mjpeg -q:v 2"),
    "still.mov": (240, "320x240", 1, "-c:v mjpeg -q:v 2"),
}
LEVELS = {name: level for name, (level, *_) in PARTS.items()}


def ffmpeg(folder: Path, arguments: str) -> None:
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *arguments.split()]
    subprocess.run(command, check=True, cwd=folder, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parts")
    for name, (level, size, count, codec) in PARTS.items():
        image = f"-f lavfi -i nullsrc=s={size}:r=10:d={count / 10},geq=lum={level}:cb=128:cr=128"
        ffmpeg(folder, f"{image} {codec} {name}")
    ffmpeg(folder, "-f lavfi -i sine=d=1.5 -c:a aac sound.m4a")
    return folder


def join(folder: Path, name: str, *parts: str, options: str = "") -> Path:
    inputs = " ".join(f"-i {part}" for part in parts)
    maps = " ".join(f"-map {place}" for place in range(len(parts)))
    ffmpeg(folder, f"{inputs} {maps} -c copy {options} {name}")
    return folder / name


def read(path: Path, stream: int | None = None) -> tuple[str, int, bool]:
    """Returns which video the images came from, their number, and whether the run was complete."""
    pipeline = ff.Pipeline()
    seen: list[int] = []
    source = pipeline.add(ff.open(path, stream=stream), name="file")
    pipeline.add(lambda frame: seen.append(round(float(np.mean(frame.rgb)))), source)
    report = pipeline.run()
    level = seen[0] * 219 / 255 + 16
    name = min(LEVELS, key=lambda each: abs(LEVELS[each] - level))
    if name in ("noisy.mov", "still.mov") or abs(LEVELS[name] - level) > 8:  # of full range
        name = min(LEVELS, key=lambda each: min(abs(LEVELS[each] - level), abs(LEVELS[each] - seen[0])))
    return name, len(seen), report.complete


CHOICES = [
    (("film.mp4", "small.mp4"), ("mp4", "mov", "mkv", "ts"), "film.mp4"),
    (("small.mp4", "film.mp4"), ("mp4", "mov", "mkv", "ts"), "film.mp4"),
    (("noisy.mov", "film.mp4"), ("mp4", "mov", "mkv"), "film.mp4"),
    (("film.mp4", "noisy.mov"), ("mp4", "mov", "mkv"), "film.mp4"),
    (("still.mov", "film.mp4"), ("mp4", "mov", "mkv"), "film.mp4"),
    (("film.mp4", "still.mov"), ("mp4", "mov", "mkv"), "film.mp4"),
    (("small.mp4", "still.mov", "film.mp4"), ("mp4", "mkv"), "film.mp4"),
    (("sound.m4a", "small.mp4", "film.mp4"), ("mp4", "mkv", "ts"), "film.mp4"),
    (("film.mp4", "same.mp4"), ("mp4", "mkv"), "film.mp4"),
    (("small.mp4", "still.mov"), ("mp4", "mkv"), "small.mp4"),
]


@pytest.mark.table(cases=6)
@pytest.mark.parametrize(
    ("names", "ending", "chosen"),
    [(names, ending, chosen) for names, endings, chosen in CHOICES for ending in endings],
    ids=lambda value: value if isinstance(value, str) else "+".join(each.split(".")[0] for each in value),
)
def test_the_largest_video_is_read_whole(
    names: tuple[str, ...], ending: str, chosen: str, parts: Path
) -> None:
    path = join(parts, f"joined.{ending}", *names, options="-disposition 0")
    assert read(path) == (chosen, 15, True)


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "ts"])
def test_stream_chooses_a_video_by_its_index(ending: str, parts: Path) -> None:
    path = join(parts, f"joined.{ending}", "small.mp4", "film.mp4")
    assert read(path, stream=0) == ("small.mp4", 15, True)
    assert read(path, stream=1) == ("film.mp4", 15, True)


def test_stream_chooses_a_still_or_a_cover(parts: Path) -> None:
    path = join(parts, "still.mp4", "film.mp4", "still.mov", options="-disposition:1 0")
    assert read(path, stream=1) == ("still.mov", 1, True)
    path = join(parts, "cover.mp4", "film.mp4", "still.mov", options="-disposition:1 attached_pic")
    assert read(path, stream=1) == ("still.mov", 1, True)
    assert read(path) == ("film.mp4", 15, True)


def test_stream_has_start_end_and_loop(parts: Path) -> None:
    path = join(parts, "joined.mp4", "film.mp4", "small.mp4")
    samples = list(ff.stream(ff.open(path, stream=1, start=0.5, end=1.0)))
    assert [sample.seq for sample in samples] == list(range(5, 10))
    assert {sample.frame.width for sample in samples} == {64}
    widths = []
    for sample in ff.stream(ff.open(path, stream=1, loop=True)):
        widths.append(sample.frame.width)
        if len(widths) == 40:
            break
    assert set(widths) == {64}


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (3, r"stream=3 is not in the file, which has 3 streams; its videos are 0: 64x48 h264.*; 1: 128x96"),
        (999, r"stream=999 is not in the file"),
        (2, r"stream=2 is audio \(aac\), not a video; its videos are 0: 64x48 h264"),
    ],
)
def test_a_wrong_stream_is_an_error_that_lists_the_videos(stream: int, message: str, parts: Path) -> None:
    path = join(parts, "joined.mp4", "small.mp4", "film.mp4", "sound.m4a")
    with pytest.raises(ff.SourceError, match=message):
        ff.probe(path, stream=stream)


@pytest.mark.parametrize("stream", [-1, 1.5, "0", True, 2**40])
def test_stream_is_a_whole_number_from_0(stream: object) -> None:
    with pytest.raises((ff.OptionError, ff.OptionTypeError), match="stream"):
        ff.open("a.mp4", stream=stream)  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["rtsp://host/a", "http://host/a", "0", "demo:circles", "frames/%05d.png"])
def test_stream_is_for_files(url: str) -> None:
    with pytest.raises(ff.OptionError, match="stream is for files"):
        ff.open(url, stream=0)


def test_probe_and_the_log_list_the_videos(parts: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = join(parts, "joined.mp4", "small.mp4", "film.mp4", "still.mov", options="-disposition:2 0")
    with caplog.at_level(logging.INFO, "freshframe"):
        found = ff.probe(path)
    assert found.streams == (
        "0: 64x48 h264, 15 frames",
        "1: 128x96 h264, 15 frames",
        "2: 320x240 mjpeg, still",
    )
    assert "stream 1 is read, and stream= chooses another" in caplog.text
    assert ff.probe(parts / "film.mp4").streams == ()


def test_the_commands_take_stream(parts: Path) -> None:
    path = join(parts, "joined.mp4", "small.mp4", "film.mp4")
    done = command("probe", str(path), "--json", "--stream", "0")
    assert json.loads(done.stdout)["width"] == 64
    assert "streams    0: 64x48 h264, 15 frames; 1: 128x96" in command("probe", str(path)).stdout
    assert command("probe", str(path), "--stream", "x").returncode == 2
    assert "its videos are 0: 64x48" in command("probe", str(path), "--stream", "7").stderr
