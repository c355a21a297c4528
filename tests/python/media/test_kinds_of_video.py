"""Videos as phones, recorders and programs write them: timestamps, numbers and images."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.turned_film import turn

import freshframe as ff

pytestmark = [pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")]

COUNT = 16
AAC = "-c:a aac"
X264 = "-c:v libx264 -preset ultrafast -bf 2 -b_strategy 0 -g 6"
X265 = "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=6"


def ffmpeg(*arguments: str | Path) -> None:
    command = ["ffmpeg", "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def film(rate: float) -> list[str]:
    """Returns ffmpeg's input: image n has the level 16 + 12 n."""
    level = f"nullsrc=s=64x48:r={rate}:d={COUNT / rate},geq=lum=16+12*N:cb=128:cr=128"
    return ["-f", "lavfi", "-i", level]


def number_of(frame: ff.Frame) -> int:
    return round(float(np.mean(frame.rgb)) * 219 / 255 / 12)


@dataclass
class Run:
    numbers: list[int] = field(default_factory=list)
    seqs: list[int] = field(default_factory=list)
    pts: list[float] = field(default_factory=list)
    drops: dict[str, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return not self.drops


def run(path: str | Path, **options: Any) -> Run:
    pipeline = ff.Pipeline()
    port = pipeline.add(ff.open(path, **options), name="file")
    reader = pipeline.reader(port)
    found = Run()
    with pipeline:
        for sample in reader:
            found.numbers.append(number_of(sample.value))
            found.seqs.append(sample.seq)
            found.pts.append(sample.pts)
    found.drops = {str(cause): n for cause, n in pipeline.stats().nodes["file"].drops.items() if n}
    return found


def without_index(path: Path) -> None:
    """Turns it into an AVI whose recorder was switched off."""
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"idx1")])


@dataclass
class Kind:
    writer: str
    name: str
    codec: str
    rate: float = 10
    first: float = 0  # pts of the first image
    sound: float | None = None  # seconds by which the audio starts before the video
    after: Callable[[Path], None] | None = None
    options: dict[str, str] = field(default_factory=dict)
    near: float = 0.03  # tolerance in seconds, because an audio encoder's delay may count

    def write(self, folder: Path) -> Path:
        path = folder / self.name
        late = ["-itsoffset", str(self.sound or 0)]
        sound = ["-f", "lavfi", "-i", "sine=d=1.6"] if self.sound is not None else []
        maps = ["-map", "1:v", "-map", "0:a", *AAC.split()] if sound else []
        codec = [*self.codec.split(), "-fps_mode", "passthrough"]
        ffmpeg(*sound, *late, *film(self.rate), *maps, *codec, path)
        if self.after:
            self.after(path)
        return path


KINDS = [
    Kind("a phone", "a.mp4", X264 + " -movflags +faststart", rate=30, sound=0),
    Kind("a phone of HEVC", "a.mov", X265 + " -tag:v hvc1", rate=30, sound=0),
    Kind("a phone whose sound begins first", "late.mp4", X264, sound=1, first=1),
    Kind("a phone whose sound begins first, MOV", "late.mov", X264, sound=1, first=1),
    Kind("OBS", "a.mkv", X264, rate=30, sound=0),
    Kind("OBS whose sound begins first", "late.mkv", X264, sound=1, first=1),
    Kind("OBS, FLV", "a.flv", X264, sound=0),
    Kind("FLV whose sound begins first", "late.flv", X264, sound=1, first=1),
    Kind("mkvmerge, a part that begins at 100 s", "part.mkv", X264 + " -output_ts_offset 100"),
    Kind("a part with sound", "parts.mkv", X264 + " -output_ts_offset 100", sound=0.5, first=0.5),
    Kind(
        "a part with sound that has a run-in",
        "opus.mkv",
        X264 + " -c:a libopus -output_ts_offset 100",
        sound=0.5,
        first=0.5,
    ),
    Kind("a part without reordering", "plain.mkv", X264 + " -bf 0 -output_ts_offset 100"),
    Kind("a part of HEVC", "hevc.mkv", X265 + " -output_ts_offset 100"),
    Kind("a part of VP8", "vp8.mkv", "-c:v libvpx -output_ts_offset 100"),
    Kind("a browser", "a.webm", "-c:v libvpx-vp9 -cpu-used 8 -deadline realtime"),
    Kind("a recorder of TV", "a.ts", X264 + " -output_ts_offset 50000", sound=0),
    Kind("a recorder whose times wrap", "wrap.ts", X264 + " -output_ts_offset 95443"),
    Kind("TS whose sound begins first", "late.ts", X264, sound=1, first=1),
    Kind("raspivid", "a.h264", X264, rate=50),
    Kind("raspivid without reordering", "b.h264", X264 + " -bf 0", rate=12.5),
    Kind("a camera's HEVC", "a.hevc", X265, rate=50),
    Kind("a stream without a rate", "n.mjpeg", "-c:v mjpeg -q:v 2", options={"framerate": "10"}),
    Kind("MPEG-2 alone", "a.m2v", "-c:v mpeg2video -bf 2 -g 6 -q:v 2", rate=25),
    Kind("a DVD", "a.mpg", "-c:v mpeg2video -bf 2 -g 6 -q:v 2", rate=25),
    Kind("cv2, MJPG", "a.avi", "-c:v mjpeg -q:v 2"),
    Kind("cv2, mp4v", "b.mp4", "-c:v mpeg4 -q:v 2", rate=30),
    Kind("AVI of H.264", "b.avi", X264),
    Kind("AVI without an index", "c.avi", "-c:v mjpeg -q:v 2", after=without_index),
    Kind("a NAS, fragments", "f.mp4", X264 + " -movflags +frag_keyframe+empty_moov"),
    Kind("an animation", "a.gif", ""),
    Kind("an animated PNG", "a.apng", "-c:v apng -pix_fmt gray"),
    Kind("an editor, ProRes", "p.mov", "-c:v prores_ks"),
]


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.writer)
def test_a_kind_of_video_has_its_pictures_numbers_and_times(kind: Kind, tmp_path: Path) -> None:
    path = kind.write(tmp_path)
    whole = run(path, options=kind.options)
    assert whole.numbers == whole.seqs == list(range(COUNT))
    assert whole.complete
    first = whole.pts[0]
    assert first == pytest.approx(kind.first, abs=kind.near)
    assert whole.pts == pytest.approx([first + n / kind.rate for n in range(COUNT)], abs=0.0021)

    wanted = whole.pts[7] - 0.3 / kind.rate
    part = run(path, start=wanted, end=whole.pts[12] - 0.3 / kind.rate, options=kind.options)
    assert (part.numbers, part.seqs) == (whole.numbers[7:12], whole.seqs[7:12])
    assert part.pts == pytest.approx(whole.pts[7:12], abs=1e-6)
    if not kind.options:
        assert number_of(ff.Frame.read(path, pts=wanted)) == 6
    assert ff.probe(path, options=kind.options).duration in (
        None,
        pytest.approx(COUNT / kind.rate, abs=1.1),
    )


def test_the_times_of_pictures_may_vary(tmp_path: Path) -> None:
    vary = [
        "-vf",
        "settb=1/1000,setpts=N*40+mod(N*N*7\\,31)",
        "-fps_mode",
        "passthrough",
        "-enc_time_base",
        "1/1000",
    ]
    ffmpeg(*film(10), *vary, *X264.split(), tmp_path / "a.mkv")
    whole = run(tmp_path / "a.mkv")
    times = [(40 * n + n * n * 7 % 31) / 1000 for n in range(COUNT)]
    assert whole.pts == pytest.approx(times, abs=0.0011)
    assert run(tmp_path / "a.mkv", start=times[9]).pts == pytest.approx(whole.pts[9:], abs=1e-6)


@pytest.mark.slow
def test_a_video_that_was_cut_without_encoding_begins_with_its_first_visible_picture(tmp_path: Path) -> None:
    ffmpeg(*film(10), *X264.split(), tmp_path / "a.mp4")
    for name in ("cut.mp4", "cut.mov"):
        ffmpeg("-ss", "0.8", "-i", tmp_path / "a.mp4", "-c", "copy", tmp_path / name)
        whole = run(tmp_path / name)
        assert whole.numbers == list(range(8, COUNT)), name
        assert whole.pts == pytest.approx([n / 10 for n in range(COUNT - 8)], abs=0.001)
        assert run(tmp_path / name, start=0.3).numbers == list(range(11, COUNT))


def test_a_rotated_video_is_upright(tmp_path: Path) -> None:
    """The matrix in tkhd that phones write: a rotation by 90 degrees."""
    ffmpeg(*film(10), *X264.split(), tmp_path / "a.mov")
    turn(tmp_path / "a.mov", 48)
    assert {
        ff.Frame.read(tmp_path / "a.mov").rgb.shape,
        ff.Frame.read(tmp_path / "a.mov", pts=1).rgb.shape,
    } == {(64, 48, 3)}


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("flags", ["", "-movflags +faststart", "-movflags +frag_keyframe+empty_moov"])
@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_two_mp4s_that_were_joined_byte_by_byte_are_not_complete(
    flags: str, name: str, tmp_path: Path
) -> None:
    one = tmp_path / name
    ffmpeg(*film(10), *X264.split(), *flags.split(), one)
    assert run(one).complete
    one.write_bytes(one.read_bytes() * 2)
    both = run(one)
    assert both.numbers[:COUNT] == list(range(COUNT))
    assert len(both.numbers) == 2 * COUNT or both.drops["decode"] >= 1


@pytest.mark.table(cases=4)
@pytest.mark.parametrize("name", ["a.mkv", "a.ts", "a.avi", "a.flv", "a.mpg", "a.mjpeg"])
def test_other_files_that_were_joined_have_all_pictures_or_are_not_complete(
    name: str, tmp_path: Path
) -> None:
    one = tmp_path / name
    codec = "-c:v mpeg2video -r 25" if name == "a.mpg" else "-c:v mjpeg" if name == "a.mjpeg" else X264
    ffmpeg(*film(10), *codec.split(), one)
    count = len(run(one).numbers)
    one.write_bytes(one.read_bytes() * 2)
    both = run(one)
    assert len(both.numbers) == 2 * count or not both.complete
    assert both.seqs == list(range(len(both.seqs)))


def packets_of(path: Path) -> list[tuple[int, int]]:
    """Returns position and size of each packet, in decoding order."""
    command = ["ffprobe", "-v", "error", "-show_entries", "packet=pos,size", "-of", "csv=p=0", str(path)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.split()
    return [(int(line.split(",")[1]), int(line.split(",")[0])) for line in lines]


def spoil(path: Path, packets: tuple[int, ...]) -> None:
    """Overwrites packets with zeros."""
    content = bytearray(path.read_bytes())
    places = packets_of(path)
    for packet in packets:
        at, size = places[packet]
        content[at : at + size] = bytes(size)
    path.write_bytes(content)


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.avi", "-c:v mjpeg -q:v 2"),
        ("a.mov", "-c:v mjpeg -q:v 2"),
        ("p.mov", "-c:v png"),
        ("q.mov", "-c:v prores_ks"),
        ("x.mp4", X264 + " -bf 0 -g 1"),
        ("y.mp4", X264 + " -bf 0"),
    ],
)
def test_a_damaged_picture_takes_its_number_in_the_whole_run_as_in_a_part(
    name: str, codec: str, threads: int, tmp_path: Path
) -> None:
    path = tmp_path / name
    ffmpeg(*film(10), *codec.split(), path)
    lost = (4, 9, 15)
    spoil(path, lost)
    rest = [n for n in range(COUNT) if n not in lost]
    whole = run(path, decoder_threads=threads)
    assert whole.drops == {"decode": 3}
    assert whole.seqs == rest
    assert whole.pts == pytest.approx([n / 10 for n in rest], abs=0.001)
    for start in (0.2, 0.4, 0.7, 0.9, 1.2):
        part = run(path, start=start, decoder_threads=threads)
        assert part.seqs == [n for n in rest if n >= round(10 * start)], start
    assert len(run(path, end=0.5, decoder_threads=threads).seqs) == 4
