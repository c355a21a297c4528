"""Clips of events and segments, from Python."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from support import WATCHDOG, measured_until, until

import freshframe as ff

PAGES = Path(__file__).parents[3] / "docs" / "reference"
CLIP = """
import time

import freshframe as ff

pipeline = ff.Pipeline()
camera = pipeline.add(ff.open("demo:circles?size=640x360&fps=30"))
circles = pipeline.add(ff.CircleTracker(), camera)
clips = ff.ClipRecorder(before=1, after=1)
pipeline.add(clips, camera)
reader = pipeline.reader(circles)
with pipeline:
    time.sleep(2)  # so that there is a second before the event
    sample = reader.get()
    clips.save("event.mp4", pts=sample.pts)
    while clips.writing:
        time.sleep(0.1)
"""


def program_of(page: str) -> str:
    """Returns the first program of a page."""
    text = (PAGES / page).read_text(encoding="utf-8")
    program = re.search(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert program is not None
    return program[1]


def pts_of(path: Path) -> list[float]:
    return [sample.pts for sample in ff.stream(ff.open(path))]


def run(program: str, folder: Path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program], cwd=folder, env=environment, check=True, timeout=WATCHDOG)


@pytest.mark.slow
def test_a_clip_has_the_seconds_before_and_after(tmp_path: Path) -> None:
    folders = (tmp_path / str(number) for number in itertools.count())

    def clip() -> list[float]:
        folder = next(folders)
        folder.mkdir()
        run(CLIP, folder)
        return pts_of(folder / "event.mp4")

    pts = measured_until(clip, lambda pts: 1.5 < pts[-1] < 4)
    assert pts[0] == 0


@pytest.mark.slow
def test_the_segments_of_the_page_follow_each_other(tmp_path: Path) -> None:
    program = program_of("segments.md").replace("frames=60", "frames=75")
    run(program, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"door_0000{n}.mp4" for n in (1, 2, 3)]
    assert [len(pts_of(tmp_path / f"door_0000{n}.mp4")) for n in (1, 2, 3)] == [30, 30, 15]


def test_a_recorder_below_a_camera_has_a_queue_of_its_own() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?size=64x64&fps=30"))
    pipeline.add(ff.ClipRecorder(), camera)
    with pipeline:
        (edge,) = pipeline.stats().edges
        assert edge.queue == ff.RECORDING


def test_a_clip_is_the_same_by_all_names_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    clips = ff.ClipRecorder(before=1, after=60)
    pipeline = ff.Pipeline()
    pipeline.add(clips, pipeline.add(ff.open("demo:circles?size=64x64&fps=30")))
    with pipeline:
        clips.save("a.mp4")
        for name in ("a.mp4", "./a.mp4", tmp_path / "a.mp4"):
            clips.save(name)
        assert list(clips.writing) == ["a.mp4"]
    assert not clips.writing


def test_each_clip_without_a_frame_of_its_time_is_named_with_the_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    clips = ff.ClipRecorder(before=1, after=1)
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?size=64x64&fps=30"))
    pipeline.add(clips, camera)
    reader = pipeline.reader(camera)
    with pipeline:
        for _ in range(5):
            reader.get(timeout=WATCHDOG)
        for n in range(3):
            clips.save(f"event{n}.mp4", pts=50)
    said = [line for record in caplog.records if "event" in (line := record.getMessage())]
    assert len(said) == 3
    for n, line in enumerate(said):
        assert line.startswith(
            f"clip 'event{n}.mp4' was not written: it was to contain pts 49.0 to 51.0 s, but"
        )
        assert re.search(r"frames in memory are from pts 0\.0 to [\d.]+ s; the file was not created$", line)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_an_error_and_nothing_is_left_in_writing(tmp_path: Path) -> None:
    (tmp_path / "full.mkv").symlink_to("/dev/full")
    clips = ff.ClipRecorder(before=1, after=60)

    def frames() -> Iterator[tuple[ff.Frame, float]]:
        for n in range(60):
            if n == 30:
                clips.save(tmp_path / "full.mkv")
                clips.save(tmp_path / "a.mp4")
            yield ff.Frame.from_array(np.full((64, 64), n, np.uint8), "gray"), n / 30

    class Scene(ff.Source[ff.Frame]):
        def read(self) -> Iterator[tuple[ff.Frame, float]]:
            return frames()

    pipeline = ff.Pipeline()
    pipeline.add(clips, pipeline.add(Scene()))
    with pytest.raises(ff.NodeError, match=r"full\.mkv': no space left on device"):
        pipeline.run()
    assert clips.writing == ()
    pts = pts_of(tmp_path / "a.mp4")  # up to the sample at which the node failed
    assert pts[0] == 0
    assert pts == pytest.approx([n / 30 for n in range(len(pts))], abs=1e-3)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_cannot_save(tmp_path: Path) -> None:
    clips = ff.ClipRecorder()
    pipeline = ff.Pipeline()
    pipeline.add(clips, pipeline.add(ff.open("demo:circles?size=64x64&fps=30")))
    with pipeline:
        child = os.fork()
        if child == 0:
            try:
                clips.save(tmp_path / "a.mp4")
            except ff.StateError:
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not (tmp_path / "a.mp4").exists()


def test_a_clip_after_the_end_of_its_source_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clips = ff.ClipRecorder(codec="mpeg4")
    pipeline = ff.Pipeline()
    pipeline.add(clips, pipeline.add(ff.open("demo:circles?size=64x64&frames=9&pace=0"), name="short"))
    pipeline.add(ff.open("demo:circles?size=64x64"), name="long")
    with pipeline:
        until(lambda: pipeline.stats().nodes["ClipRecorder"].state == "ended", "the end of the source")
        clips.save(tmp_path / "late.mp4", pts=0.1)
        assert not pipeline.wait(0)
    (line,) = [each.getMessage() for each in caplog.records if "late.mp4" in each.getMessage()]
    assert "save() had no effect, because the stream of its recorder had ended before" in line
    assert "not written" not in line, "an earlier call may have written it"
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    with pytest.raises(ff.OptionError, match="before of a clip must be 0 to 86400 seconds, got -1 s"):
        ff.ClipRecorder(before=-1)
    with pytest.raises(ff.OptionTypeError, match="after must be a number"):
        ff.ClipRecorder(after="5")  # type: ignore[arg-type]
    with pytest.raises(ff.OptionError, match="max_bytes must be at least 1"):
        ff.ClipRecorder(max_bytes=0)
    with pytest.raises(ff.OptionError, match=r"the clips.*no encoder for codec 'h266'"):
        ff.ClipRecorder(codec="h266")
    with pytest.raises(ff.OptionError, match="no option 'presett'"):
        ff.ClipRecorder(options={"presett": "fast"})
    clips = ff.ClipRecorder()
    assert clips.writing == ()
    with pytest.raises(ff.StateError, match="pipeline is not running yet"):
        clips.save(tmp_path / "a.mp4")
    pipeline = ff.Pipeline()
    pipeline.add(clips, pipeline.add(ff.open("demo:circles?size=64x64&fps=30")))
    with pipeline:
        with pytest.raises(ff.OptionError, match=r"must end in \.mp4, \.mov or \.mkv"):
            clips.save(tmp_path / "a.avi")
        with pytest.raises(ff.FreshframeError, match=r"cannot create '.*no/a.mp4': no such file"):
            clips.save(tmp_path / "no" / "a.mp4")
        with pytest.raises(ff.OptionTypeError, match="pts must be a number"):
            clips.save(tmp_path / "a.mp4", pts="now")  # type: ignore[arg-type]
        assert clips.writing == ()


@pytest.mark.parametrize(
    ("name", "segment", "message"),
    [
        ("a.mp4", 10, "segments need a number or a time in the name"),
        ("a_%05d.mp4", None, "a number or a time in the name needs segment_every"),
        ("a_%05d.mp4", 0, "segment_every of a video file must be at least 1 second, got 0 s"),
        ("a_%5d.mp4", 10, "a number is written %d"),
        ("b_%02d/a.mp4", 10, "not that of a folder"),
    ],
)
def test_names_of_segments(name: str, segment: float | None, message: str) -> None:
    with pytest.raises(ff.OptionError, match=message):
        ff.VideoFile(name, segment_every=segment)


def test_keep_bytes_deletes_the_oldest_clips_of_this_and_earlier_runs(tmp_path: Path) -> None:
    (tmp_path / "a_9999.mp4").write_bytes(bytes(1 << 20))
    (tmp_path / "b_1.mp4").write_bytes(bytes(1 << 20))
    limit = 400_000
    clips = ff.ClipRecorder(
        before=0.5, after=0.5, codec="mpeg4", crf=5, keep_bytes=limit, keep_names=tmp_path / "a_%d.mp4"
    )
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?frames=300&size=320x240&pace=0"))
    pipeline.add(clips, camera)
    written = 0
    with pipeline:
        with pytest.raises(ff.OptionError, match="keep_names"):
            clips.save(tmp_path / "b_2.mp4")
        for sample in pipeline.reader(camera):
            if sample.seq % 30 == 0:
                clips.save(tmp_path / f"a_{sample.seq}.mp4")
                written += 1
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left[-1] == "b_1.mp4"
    assert 0 < len(left) - 1 < written
    assert "a_9999.mp4" not in left
    assert sum((tmp_path / name).stat().st_size for name in left[:-1]) <= limit


@pytest.mark.parametrize("name", ["img_%d.jpg", "img_%d.webm", "img_%d"])
def test_files_that_cannot_be_clips_are_not_deleted(tmp_path: Path, name: str) -> None:
    present = tmp_path / name.replace("%d", "1")
    present.write_bytes(bytes(1 << 20))
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?frames=5&size=320x240&pace=0"))
    with pytest.raises(ff.OptionError, match=r"keep_names must end in \.mp4, \.mov or \.mkv.*img_%d"):
        pipeline.add(ff.ClipRecorder(codec="mpeg4", keep_bytes=300_000, keep_names=tmp_path / name), camera)
    pipeline.run()
    assert present.exists()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ff.ClipRecorder(keep_bytes=1e9), "set keep_names"),
        (lambda: ff.ClipRecorder(keep_names="a_%d.mp4"), "keep_names needs keep_bytes"),
        (lambda: ff.ClipRecorder(keep_bytes=0, keep_names="a_%d.mp4"), "keep_bytes must be at least 1"),
        (lambda: ff.ClipRecorder(keep_bytes=1e9, keep_names="a.mp4"), "must contain a number"),
        (lambda: ff.ClipRecorder(keep_bytes=1e9, keep_names="{time:%Y}/a.mp4"), "only the file name"),
    ],
)
def test_limits_of_clips_that_are_invalid(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ff.OptionError, match=message):
        make()
