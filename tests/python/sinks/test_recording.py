"""Recorders: replaced files, buffered frames, and the files left after a kill or a full disk."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.watchdog import run_to_end
from support import WATCHDOG, Count, Push, encodes, until

import freshframe as ff

OLD = "results of last night\n" * 100

RECORD = """
import sys, freshframe as ff
pipeline = ff.Pipeline()
source = pipeline.add(ff.open("demo:circles?size=192x96&fps=50"))
pipeline.add(ff.VideoFile(sys.argv[1]), source)
pipeline.add(ff.JsonLines(sys.argv[2]), pipeline.add(lambda frame: [1, 2, 3], source))
pipeline.run()
"""


def frames_of(path: Path) -> list[float]:
    return [sample.pts for sample in ff.stream(ff.open(path))]


def readable_frames(path: Path) -> int:
    """Returns how many frames can be read from a file that is still being written."""
    try:
        return len(frames_of(path))
    except ff.SourceError:
        return 0


def scene(path: Path, frames: int, **options: Any) -> Path:
    pipeline = ff.Pipeline()
    source = pipeline.add(ff.open(f"demo:circles?size=192x96&fps=25&pace=0&frames={frames}"))
    pipeline.add(ff.VideoFile(path, **options), source)
    assert pipeline.run().complete
    return path


@pytest.mark.slow
@pytest.mark.table
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "ts", "avi"])
def test_a_killed_recorder_leaves_files_that_can_be_read(tmp_path: Path, suffix: str, how: int) -> None:
    video, lines = tmp_path / f"a.{suffix}", tmp_path / "a.jsonl"
    child = subprocess.Popen([sys.executable, "-c", RECORD, str(video), str(lines)])
    try:
        until(lambda: readable_frames(video) >= 25 and lines.stat().st_size > 0, "25 frames and a line")
    finally:
        child.send_signal(how)
        child.wait(WATCHDOG)
    pts = frames_of(video)
    assert len(pts) >= 25
    assert pts == sorted(pts)
    text = lines.read_text()
    assert text.endswith("\n")
    assert [json.loads(line)["seq"] for line in text.splitlines()]


def run_on_a_full_disk(code: str, *, size_bytes: int) -> str:
    """Runs `code`, which makes a pipeline, with a limit on file sizes, and returns the error message."""
    program = f"""
import resource, signal, freshframe as ff
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({size_bytes}, {size_bytes}))
pipeline = ff.Pipeline()
{code}
try:
    pipeline.run()
except ff.NodeError as error:
    print(error)
"""
    ended = run_to_end([sys.executable, "-c", program], check=True)
    return ended.stdout


@pytest.mark.slow
@pytest.mark.table(cases=1)
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_a_full_disk_leaves_a_file_that_can_be_played(tmp_path: Path, suffix: str) -> None:
    code = f"""
source = pipeline.add(ff.open("demo:circles?size=320x240&fps=100"))
pipeline.add(ff.VideoFile({str(tmp_path / "a") + "." + suffix!r}, crf=5), source)
"""
    said = run_on_a_full_disk(code, size_bytes=300_000)
    assert "cannot write" in said
    pts = frames_of(tmp_path / f"a.{suffix}")
    assert len(pts) >= 2
    assert pts == sorted(pts)


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    code = f"""
source = pipeline.add(ff.open("demo:circles?pace=0&size=64x64"))
numbers = pipeline.add(lambda frame: list(range(100)), source)
pipeline.add(ff.JsonLines({str(path)!r}), numbers)
"""
    said = run_on_a_full_disk(code, size_bytes=200_001)
    assert str(path) in said
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [record["seq"] for record in records] == list(range(len(records)))
    assert path.read_text().endswith("\n")


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_a_finished_file_has_a_common_index(tmp_path: Path, suffix: str) -> None:
    source = ff.open(scene(tmp_path / f"a.{suffix}", 60))
    pts = [sample.pts for sample in ff.stream(source)]
    np.testing.assert_allclose(pts, np.arange(60) / 25, atol=1e-4)
    assert source.info.frame_count == 60
    assert source.info.duration == pytest.approx(60 / 25, abs=0.05)
    boxes, data, at = [], (tmp_path / f"a.{suffix}").read_bytes(), 0
    while at < len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        boxes.append(kind)
        at += size
    assert boxes == [b"ftyp", b"mdat", b"moov"]


def test_a_source_that_cannot_be_opened_leaves_existing_files_as_they_are(tmp_path: Path) -> None:
    outputs = [tmp_path / f"old.{suffix}" for suffix in ("jsonl", "csv", "mp4")]
    for path in outputs:
        path.write_text(OLD)
    for _ in range(10):
        pipeline = ff.Pipeline()
        source = pipeline.add(ff.open(tmp_path / "typo.mp4"))
        circles = pipeline.add(ff.CircleTracker(), source)
        pipeline.add(ff.JsonLines(outputs[0]), circles)
        pipeline.add(ff.Csv(outputs[1]), circles)
        pipeline.add(ff.VideoFile(outputs[2]), source)
        with pytest.raises(ff.SourceError):
            pipeline.run()
    assert [path.read_text() for path in outputs] == [OLD] * 3


def test_the_first_sample_replaces_what_a_file_held(tmp_path: Path) -> None:
    source = scene(tmp_path / "in.mp4", 5)
    outputs = [tmp_path / f"old.{suffix}" for suffix in ("jsonl", "csv", "mp4")]
    for path in outputs:
        path.write_text(OLD * 1000)
    pipeline = ff.Pipeline()
    frames = pipeline.add(ff.open(source))
    seqs = pipeline.add(lambda frame: 1, frames)
    pipeline.add(ff.JsonLines(outputs[0]), seqs)
    pipeline.add(ff.Csv(outputs[1]), seqs)
    pipeline.add(ff.VideoFile(outputs[2]), frames)
    assert pipeline.run().complete
    assert len(outputs[0].read_text().splitlines()) == 5
    assert len(outputs[1].read_text().splitlines()) == 6
    assert len(frames_of(outputs[2])) == 5


@pytest.mark.parametrize("link", ["same", "hard", "symbolic"])
@pytest.mark.parametrize(("sink", "ending"), [(ff.VideoFile, ".mp4"), (ff.JsonLines, ".jsonl")])
def test_a_recorder_onto_its_source_is_refused(tmp_path: Path, link: str, sink: Any, ending: str) -> None:
    source = scene(tmp_path / "in.mp4", 3).rename(tmp_path / f"in{ending}")
    before = source.read_bytes()
    target = source if link == "same" else tmp_path / f"link{ending}"
    if link == "hard":
        os.link(source, target)
    if link == "symbolic":
        target.symlink_to(source)
    pipeline = ff.Pipeline()
    pipeline.add(sink(target), pipeline.add(ff.open(source)))
    with pytest.raises(ff.GraphError, match="would overwrite the file that 'VideoSource' reads"):
        pipeline.run()
    assert source.read_bytes() == before


def test_two_recorders_of_one_file_are_refused(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(ff.open("demo:circles"))
    pipeline.add(ff.VideoFile(tmp_path / "a.mp4"), source)
    pipeline.add(ff.VideoFile(f"{tmp_path}/./a.mp4"), source)
    with pytest.raises(ff.GraphError, match="would write the same file"):
        pipeline.start()


class Held(ff.JsonLines):
    """A recorder that blocks until it is released."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.may = threading.Event()

    def process(self, sample: ff.Sample[Any]) -> None:
        assert self.may.wait(WATCHDOG)
        super().process(sample)


def test_a_recorder_below_a_live_source_has_a_queue_of_two_seconds(tmp_path: Path) -> None:
    source = Push(live=True)
    pipeline = ff.Pipeline()
    parent = pipeline.add(source)
    pipeline.add(Held(tmp_path / "a.jsonl"), parent, name="held")
    pipeline.add(ff.VideoFile(tmp_path / "a.mp4"), pipeline.add(ff.open("demo:circles")), name="video")
    with pipeline:
        queues = {edge.child: edge.queue for edge in pipeline.stats().edges}
        assert queues == {"held": ff.RECORDING, "video": ff.RECORDING}


def test_stop_lets_a_recorder_write_what_waits(tmp_path: Path) -> None:
    source, sink = Push(live=True), Held(tmp_path / "a.jsonl")
    pipeline = ff.Pipeline()
    pipeline.add(sink, pipeline.add(source))
    source.push(*range(50))
    with pipeline:
        until(lambda: pipeline.stats().edges[0].passed_in == 50, "all samples")
        sink.may.set()
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == 50
    assert pipeline.stats().edges[0].dropped == 0


def test_a_drop_into_a_recorder_warns_and_makes_the_run_incomplete(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source, sink = Push(live=True), Held(tmp_path / "a.jsonl")
    pipeline = ff.Pipeline()
    pipeline.add(sink, pipeline.add(source, name="camera"), name="rec")
    source.push(*range(300))
    source.end()
    with caplog.at_level(logging.WARNING, "freshframe"):
        pipeline.start()
        until(lambda: pipeline.stats().edges[0].passed_in == 300, "all samples")
        sink.may.set()
        report = pipeline.run()
    (edge,) = report.edges
    assert edge.dropped > 0
    assert not report.complete
    assert "'camera' -> 'rec' dropped its first sample" in caplog.text
    assert f"recorder 'rec' lost {edge.dropped} of 300 samples" in caplog.text


def test_a_blocking_queue_below_a_camera_names_the_queue_of_recorders(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(ff.open("demo:circles"))
    with pytest.raises(ff.GraphError, match="RECORDING"):
        pipeline.add(ff.VideoFile(tmp_path / "a.mp4"), source, queue=ff.LOSSLESS)


@pytest.mark.parametrize(
    ("name", "codec", "read"),
    [
        ("a.mkv", "h265", "hevc"),
        ("a.mp4", "vp9", "vp9"),
        ("a.webm", "vp8", "vp8"),
        ("a.mp4", "av1", "av1"),
        ("a.avi", "mpeg4", "mpeg4"),
    ],
)
def test_codecs_have_the_names_that_people_use(
    tmp_path: Path, name: str, codec: str | None, read: str, capfd: pytest.CaptureFixture[str]
) -> None:
    if not encodes(codec or read):
        pytest.skip(f"FFmpeg has no encoder for {codec or read}")
    source = ff.open(scene(tmp_path / name, 12, codec=codec))
    assert len(list(ff.stream(source))) == 12
    assert source.info.codec in (read, f"lib{read}", "libdav1d")
    assert capfd.readouterr() == ("", "")


def test_an_unknown_codec_is_answered_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(ff.OptionError, match=r"has (h264, h265, hevc, )?vp9, ") as error:
        ff.VideoFile(tmp_path / "a.mp4", codec="h999")
    assert "ffmpeg -encoders" not in str(error.value)


@pytest.mark.skipif(not encodes("h264"), reason="FFmpeg has no encoder for H.264")
def test_options_go_to_the_encoder_and_unknown_ones_are_refused(tmp_path: Path) -> None:
    best = scene(tmp_path / "a.mp4", 50, options={"preset": "slow"})
    fast = scene(tmp_path / "b.mp4", 50, options={"preset": "ultrafast"})
    assert best.stat().st_size < fast.stat().st_size
    with pytest.raises(ff.OptionError, match="have no option 'presett'"):
        ff.VideoFile(tmp_path / "c.mp4", options={"presett": "slow"})


@pytest.mark.skipif(not encodes("h264"), reason="FFmpeg has no encoder for H.264")
def test_speed_is_that_of_the_encoder(tmp_path: Path) -> None:
    slow = scene(tmp_path / "a.mp4", 50, preset="slow")
    fastest = scene(tmp_path / "b.mp4", 50, preset="fastest")
    assert slow.stat().st_size < fastest.stat().st_size
    with pytest.raises(
        ff.OptionError, match="preset must be 'slow', 'medium', 'fast' or 'fastest', got 'quick'"
    ):
        ff.VideoFile(tmp_path / "c.mp4", preset="quick")  # type: ignore[arg-type]


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "ts", "avi"])
def test_a_full_disk_keeps_what_was_recorded_faster_than_in_reality(tmp_path: Path, suffix: str) -> None:
    code = f"""
source = pipeline.add(ff.open("demo:circles?size=192x96&fps=25&pace=0&frames=2000"))
pipeline.add(ff.VideoFile({str(tmp_path / "a") + "." + suffix!r}), source)
"""
    said = run_on_a_full_disk(code, size_bytes=60_000)
    assert "cannot write" in said
    assert len(frames_of(tmp_path / f"a.{suffix}")) >= 25


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_frames_that_come_a_little_early_keep_their_times(
    tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    jitter = np.random.default_rng(5).integers(-900, 900, 150) / 90000
    jitter[0] = 0
    pts = np.arange(150) / 25 + jitter

    class Camera(ff.Source[ff.Frame]):
        live = False

        def read(self) -> Any:
            for number, seconds in enumerate(pts):
                yield ff.Frame.from_array(np.full((64, 64), number, np.uint8), "gray"), float(seconds)

    path = tmp_path / f"a.{suffix}"
    pipeline = ff.Pipeline()
    pipeline.add(ff.VideoFile(path), pipeline.add(Camera()))
    pipeline.run()
    np.testing.assert_allclose(frames_of(path), pts, atol=1e-4)
    assert caplog.messages == []  # FFmpeg has nothing to correct, so it logs nothing


def test_frames_of_an_avi_file_keep_their_times(tmp_path: Path) -> None:
    np.testing.assert_allclose(frames_of(scene(tmp_path / "a.avi", 30)), np.arange(30) / 25, atol=1e-3)


def test_a_pipeline_that_is_stopped_at_its_end_has_written_all(tmp_path: Path) -> None:
    # In about one of 40 runs on a busy machine, the sink's thread gets its first sample only after the stop.
    for number in range(150):
        lines = tmp_path / f"{number}.jsonl"
        pipeline = ff.Pipeline()
        numbers = pipeline.add(Count(3))
        pipeline.add(ff.JsonLines(lines), numbers)
        reader = pipeline.reader(numbers)
        with pipeline:
            assert len(list(reader)) == 3
        assert len(lines.read_text().splitlines()) == 3, number
