"""Segments of a recording: notifications, and which segments are kept on disk."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from support import WATCHDOG

import freshframe as ff

SCENE = "demo:circles?size=192x96&fps=25&pace=0&frames={}"


def record(path: Path, frames: int, **options: Any) -> None:
    pipeline = ff.Pipeline()
    pipeline.add(ff.VideoFile(path, segment_every=1, **options), pipeline.add(ff.open(SCENE.format(frames))))
    assert pipeline.run().complete


def test_each_finished_segment_is_reported_in_order(tmp_path: Path) -> None:
    told: list[ff.types.Segment] = []
    threads = set()

    def tell(segment: ff.types.Segment) -> None:
        threads.add(threading.current_thread())
        assert Path(segment.path).stat().st_size == segment.size_bytes
        told.append(segment)

    record(tmp_path / "a_%d.mp4", 60, on_segment=tell)
    assert [Path(each.path).name for each in told] == ["a_1.mp4", "a_2.mp4", "a_3.mp4"]
    assert [each.frames for each in told] == [25, 25, 10]
    assert [each.first_pts for each in told] == pytest.approx([0, 1, 2])
    assert told[-1].last_pts == pytest.approx(59 / 25)
    assert all(each.gaps == () for each in told)
    assert len(threads) == 1
    assert threading.main_thread() not in threads


@pytest.mark.slow
def test_segments_of_a_live_source_have_wall_times(tmp_path: Path) -> None:
    told: list[ff.types.Segment] = []
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?size=192x96&fps=25&frames=30"))
    pipeline.add(ff.VideoFile(tmp_path / "a_%d.mp4", segment_every=1, on_segment=told.append), camera)
    reader = pipeline.reader(camera, queue=ff.Queue(100, "drop_newest"))
    with pipeline:
        utc = [sample.utc for sample in reader]
    assert utc[0] is not None
    assert told[0].first_utc == pytest.approx(utc[0], abs=1)
    assert told[0].last_utc is not None
    assert told[0].first_utc is not None
    assert told[0].first_utc <= told[0].last_utc


def test_an_exception_of_on_segment_is_logged_and_the_next_one_follows(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []

    def tell(segment: ff.types.Segment) -> None:
        told.append(segment.path)
        if len(told) == 1:
            raise ValueError("no bucket")

    record(tmp_path / "a_%d.mp4", 60, on_segment=tell)
    assert len(told) == 3
    failed = [each for each in caplog.records if "on_segment" in each.message]
    assert len(failed) == 1
    assert failed[0].exc_info is not None
    caplog.clear()


@pytest.mark.slow
def test_a_slow_on_segment_delays_no_recording(tmp_path: Path) -> None:
    go_on = threading.Event()
    told: list[str] = []

    def tell(segment: ff.types.Segment) -> None:
        assert go_on.wait(WATCHDOG)
        told.append(segment.path)

    pipeline = ff.Pipeline()
    port = pipeline.add(ff.open(SCENE.format(100)))
    pipeline.add(ff.VideoFile(tmp_path / "a_%d.mp4", segment_every=1, on_segment=tell), port)
    pipeline.start()
    assert pipeline.wait(WATCHDOG)  # while the first callback is still running
    assert told == []
    go_on.set()
    assert pipeline.run().complete if not pipeline._engine.ended else True
    for thread in threading.enumerate():
        if thread.name == "VideoFile":
            thread.join(WATCHDOG)
    assert len(told) == 4


def test_the_thread_ends_with_a_pipeline_that_could_not_start(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    port = pipeline.add(ff.open(tmp_path / "missing.mp4"))
    pipeline.add(ff.VideoFile(tmp_path / "a_%d.mp4", segment_every=1, on_segment=print), port)
    with pytest.raises(ff.SourceError):
        pipeline.run()
    assert not [thread for thread in threading.enumerate() if thread.name == "VideoFile"]
    assert not list(tmp_path.iterdir())


def test_keep_deletes_the_oldest_and_logs_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(1, 5):
        (tmp_path / f"a_{number}.ts").write_bytes(bytes(1 << 20))
    (tmp_path / "a_2.ts.keep").touch()
    (tmp_path / "b_1.ts").write_bytes(bytes(1 << 20))
    with caplog.at_level(logging.INFO, "freshframe"):
        record(tmp_path / "a_%d.ts", 50, keep_bytes=2.5 * (1 << 20))
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["a_2.ts", "a_2.ts.keep", "a_4.ts", "a_5.ts", "a_6.ts", "b_1.ts"]
    lines = [each.message for each in caplog.records if "deleted the segment" in each.message]
    assert len(lines) == 2
    assert "a_1.ts" in lines[0]
    assert "keep_bytes" in lines[0]


def test_a_limit_below_the_reserve_leaves_the_newest_segment(tmp_path: Path) -> None:
    told: list[ff.types.Segment] = []
    record(tmp_path / "a_%d.mkv", 60, keep_bytes=65536, on_segment=told.append)
    assert [path.name for path in tmp_path.iterdir()] == ["a_3.mkv"]
    assert told[-1].size_bytes == (tmp_path / "a_3.mkv").stat().st_size
    assert all(each.size_bytes > 0 for each in told)


FILL = """
import os, sys, freshframe as ff
folder, keep = sys.argv[1], sys.argv[2] == "keep"
os.makedirs(folder)
os.system(f"mount -t tmpfs -o size=2M none {folder}") and sys.exit(77)
for number in (1, 2):
    open(f"{folder}/a_{number:03}.ts", "wb").write(bytes(400_000))
open(f"{folder}/other", "wb").write(bytes(900_000))
pipeline = ff.Pipeline()
source = pipeline.add(ff.open("demo:circles?size=320x240&fps=25&pace=0&frames=200"))
limit = 300 if keep else None
pipeline.add(ff.VideoFile(f"{folder}/a_%03d.ts", segment_every=2, crf=4, keep_days=limit), source)
try:
    print(pipeline.run().complete)
except ff.NodeError as error:
    print("failed:", error)
left = sorted(os.listdir(folder))
print(*left)
frames = [sample.seq for sample in ff.stream(ff.open(f"{folder}/{[n for n in left if n != 'other'][-1]}"))]
print(len(frames))
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare")
@pytest.mark.parametrize("keep", [True, False])
def test_a_full_disk_costs_the_oldest_segment(tmp_path: Path, keep: bool) -> None:
    alone = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    command = [*alone, sys.executable, "-c", FILL, str(tmp_path / "full"), "keep" if keep else "no"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=WATCHDOG, check=False)
    if ended.returncode == 77 or "unshare" in ended.stderr:
        pytest.skip("mount namespaces are not permitted here")
    said = ended.stdout.splitlines()
    if not keep:
        assert said[0].startswith("failed:"), ended
        return
    assert said[0] == "True", ended
    assert "other" in said[1].split()
    assert "a_001.ts" not in said[1].split()
    assert "a_006.ts" in said[1].split()
    assert int(said[2]) == 50


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (lambda: ff.VideoFile("a_%d.mp4", segment_every=1, keep_days=0), "keep_days must be above 0"),
        (lambda: ff.VideoFile("a_%d.mp4", segment_every=1, keep_bytes=0.5), "keep_bytes must be at least 1"),
        (
            lambda: ff.VideoFile("a_%d.mp4", segment_every=1, keep_free_bytes=0),
            "keep_free_bytes must be at least 1",
        ),
        (
            lambda: ff.VideoFile("a.mp4", keep_days=1),
            "keep_days, .*need segment_every",
        ),
        (lambda: ff.VideoFile("a.mp4", on_segment=print), "segment"),
        (lambda: ff.VideoFile("{time:%Y}.mp4"), "segment"),
        (lambda: ff.VideoFile("{time:%q}.mp4", segment_every=1), "%q"),
    ],
)
def test_what_cannot_be_is_refused(make: Any, wrong: str) -> None:
    with pytest.raises(ff.OptionError, match=wrong):
        make()
