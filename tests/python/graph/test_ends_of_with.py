"""The end of `with pipeline:` loses nothing if all sources have ended, and does not wait otherwise."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import json
import threading
import time
from pathlib import Path

import pytest

import freshframe as ff
from freshframe._pipeline import run_by_with

FILE = "demo:circles?frames=40&pace=0&size=64x48"


def slowly(frame: ff.Frame) -> int:
    time.sleep(0.01)
    return frame.width


def test_a_slow_branch_is_whole_when_the_loop_over_a_fast_one_has_ended(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(FILE))
    lines = tmp_path / "lines.jsonl"
    pipeline.add(ff.JsonLines(lines), pipeline.add(slowly, camera, queue=ff.Queue(64)))
    reader = pipeline.reader(camera)
    with pipeline:
        assert len(list(reader)) == 40
    assert [json.loads(line)["seq"] for line in lines.read_text().splitlines()] == list(range(40))


def test_a_reader_that_nobody_reads_does_not_hold_up_the_end(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(FILE))
    slow = pipeline.add(slowly, camera, queue=ff.Queue(64))
    lines = tmp_path / "lines.jsonl"
    pipeline.add(ff.JsonLines(lines), slow)
    pipeline.reader(slow, queue=ff.LOSSLESS, name="unread")
    reader = pipeline.reader(camera, queue=ff.Queue(64))
    with pipeline:
        assert len(list(reader)) == 40
    assert len(lines.read_text().splitlines()) == 40


@pytest.mark.parametrize("leaves_by", ["a live source", "an exception", "keep_running"])
def test_other_ends_wait_for_no_node(leaves_by: str) -> None:
    begun, over = threading.Event(), threading.Event()

    def blocked(_: ff.Frame) -> None:
        begun.set()
        over.wait()

    pipeline = ff.Pipeline(keep_running=leaves_by == "keep_running")
    url = "demo:circles?size=64x48&fps=50" if leaves_by == "a live source" else FILE
    camera = pipeline.add(ff.open(url), name="camera")
    pipeline.add(blocked, camera, queue=ff.Queue(64), name="blocked")
    reader = pipeline.reader(camera, queue=ff.Queue(64))
    frames = 9 if leaves_by == "a live source" else 40
    with contextlib.suppress(ZeroDivisionError), pipeline:
        assert begun.wait(60)
        for _ in range(frames):
            reader.get(60)
        threading.Timer(0.2, over.set).start()  # the exit waits for a call
        if leaves_by == "an exception":
            raise ZeroDivisionError
    dropped = {edge.child: edge.drops for edge in pipeline.stats().edges}
    assert dropped["blocked"]["stop"] > 0


def test_a_node_that_waits_for_the_stop_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_by_with, "_PATIENCE", 0.3)

    class Waits(ff.Node[ff.Frame, int]):
        def process(self, sample: ff.Sample[ff.Frame]) -> None:
            while not self.stop_token.wait(1):
                pass

    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(FILE))
    pipeline.add(Waits(), camera, queue=ff.Queue(64))
    reader = pipeline.reader(camera, queue=ff.Queue(64))
    with pipeline:
        assert len(list(reader)) == 40
