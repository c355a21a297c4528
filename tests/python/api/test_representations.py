"""What print() and repr() show, and which attributes of native nodes cannot be set."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import Count, until

import freshframe as ff


def test_a_report_prints_as_a_few_short_lines() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(Count(10), name="cam")
    pipeline.add(lambda value: 1 // value, camera, name="divide", on_error="skip")
    report = pipeline.run()
    lines = str(report).splitlines()
    assert lines[0].startswith("not complete: 10 frames in ")
    assert lines[1] == "  'divide' lost 1 (error 1) samples"
    assert any(line.split()[:3] == ["cam", "ended", "10"] for line in lines)
    assert any(line.startswith("cam -> divide") for line in lines)
    assert any("1 (error 1)" in line for line in lines)
    assert "last error of 'divide': ZeroDivisionError" in lines[-1]
    assert max(map(len, lines)) < 120
    assert str(pipeline.stats()) == "\n".join(lines[2:])


def test_stats_print_why_a_camera_delivers_nothing() -> None:
    pipeline = ff.Pipeline()
    pipeline.reader(pipeline.add(ff.open("/dev/video254", reconnect=True), name="cam"))

    def last_error() -> str | None:
        source = pipeline.stats().nodes["cam"].source
        return source.last_error if source else None

    with pipeline:
        until(last_error, "the camera to be missed")
        last = str(pipeline.stats()).splitlines()[-1]
    assert last.startswith("last error of 'cam': cannot open camera '/dev/video254': there is no such camera")


def test_stats_print_why_nothing_is_published() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?size=64x64&fps=30"))
    pipeline.add(ff.Publish("tcp://127.0.0.1:1"), camera, name="publish")

    def last_error() -> str | None:
        publish = pipeline.stats().nodes["publish"].publish
        return publish.last_error if publish else None

    with pipeline:
        until(last_error, "the server to refuse")
        last = str(pipeline.stats()).splitlines()[-1]
    assert last.startswith(
        "last error of 'publish': cannot publish to 'tcp://127.0.0.1:1': connection refused"
    )


def test_stats_print_before_the_start() -> None:
    assert str(ff.Pipeline().stats()).startswith("up 0.00 s")


def test_readers_and_native_nodes_show_their_names(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Count(0)), name="numbers")
    assert repr(reader) == "<Reader 'numbers'>"
    assert repr(ff.open("rtsp://me:secret@host/x")) == "<VideoSource 'rtsp://me:***@host/x'>"
    assert repr(ff.VideoFile(tmp_path / "a.webm")) == f"<VideoFile '{tmp_path / 'a.webm'}' vp9>"


@pytest.mark.parametrize(
    ("node", "name"),
    [
        (ff.CircleTracker(), "radius"),
        (ff.Annotate(), "trail"),
        (ff.testing.MockCamera(ff.Frame.from_array(np.zeros((8, 8), np.uint8), "gray")), "fps"),
        (ff.open("demo:circles"), "live"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_an_attribute_of_a_native_node_cannot_be_set(node: Any, name: str) -> None:
    with pytest.raises(AttributeError, match=f"cannot set '{name}'.*options are fixed at construction"):
        setattr(node, name, 1)


def test_an_attribute_that_does_not_exist_is_told_from_those_that_may_be_set() -> None:
    counter = ff.LineCounter((0, 0), (10, 0))
    with pytest.raises(
        AttributeError,
        match=r"has no option 'lines'\. Did you mean 'line'\? It may change 'line' while it works",
    ):
        counter.lines = ((0, 0), (5, 5))


@pytest.mark.slow
def test_a_reader_that_was_made_by_hand_is_refused() -> None:
    code = "import freshframe as ff; ff.Reader.__new__(ff.Reader).get(0)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "was not made by Pipeline.reader()" in ended.stderr
