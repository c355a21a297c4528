"""Recorders downstream of a merge whose camera is replaced: no file, clip or connection mixes both."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import csv
import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.publishing import counts
from support import WATCHDOG, Push, until

import freshframe as ff

COUNT = 40  # frames of each camera
FIRST, SECOND = 50, 200  # the brightness of their frames
BEGINS = pytest.mark.parametrize("begin", [0.0, 500.0], ids=["begins at 0", "has run for longer"])


def exchange(
    recorder: ff.Node[Any, None],
    begin: float,
    before: Callable[[], object] = lambda: None,
    after: Callable[[], object] = lambda: None,
    *,
    pipeline: ff.Pipeline | None = None,
) -> None:
    """Sends the recorder the frames of one camera, from pts 10 on, and then the frames of another one.

    Args:
        recorder: The node.
        begin: The pts of the second camera's first frame.
        before: Called between the two.
        after: Called when half of the second camera's frames have arrived.
        pipeline: The pipeline to add the nodes to; a new one by default.
    """
    first, second = Push(), Push()
    pipeline = ff.Pipeline() if pipeline is None else pipeline
    old, new = pipeline.add(first, name="first"), pipeline.add(second, name="second")
    port = pipeline.add(recorder, [old], name="recorder", queue=ff.Queue(4 * COUNT))

    def push(source: Push, begin: float, grey: int, total: int) -> None:
        picture = np.full((96, 128, 3), grey, np.uint8)
        for n in range(COUNT):
            source.push_stamped(ff.Frame.from_array(picture), begin + n / 25, time.monotonic())
        until(
            lambda: (node := pipeline.stats().nodes["recorder"]).processed >= total or node.errors, "frames"
        )

    with pipeline:
        push(first, 10, FIRST, COUNT)
        before()
        pipeline.disconnect(port, old)
        pipeline.connect(port, new, queue=ff.Queue(4 * COUNT))
        push(second, begin, SECOND, 2 * COUNT)
        after()
        push(second, begin + COUNT / 25, SECOND, 3 * COUNT)
        first.end()
        second.end()
        pipeline.wait()


def brightness(path: Path) -> list[int]:
    """Returns the brightness of each frame of a clip, and checks that all come from one camera."""
    found = [int(sample.value.bgr.mean()) for sample in ff.stream(ff.open(path))]
    cameras = {min((FIRST, SECOND), key=lambda grey: abs(grey - value)) for value in found}
    assert len(cameras) == 1, found
    return [cameras.pop()] * len(found)


@BEGINS
def test_segments_have_one_camera_each(tmp_path: Path, begin: float) -> None:
    told: list[ff.types.Segment] = []
    exchange(
        ff.VideoFile(tmp_path / "a_%d.mkv", codec="mpeg4", segment_every=1000, on_segment=told.append), begin
    )
    assert brightness(tmp_path / "a_1.mkv") == [FIRST] * COUNT
    assert brightness(tmp_path / "a_2.mkv") == [SECOND] * 2 * COUNT
    assert [each.first_pts for each in told] == pytest.approx([10, begin])


@BEGINS
def test_one_file_refuses_another_camera(tmp_path: Path, begin: float) -> None:
    with pytest.raises(ff.NodeError, match=r"of one source, but this one comes from another.*segment_every="):
        exchange(ff.VideoFile(tmp_path / "a.mkv", codec="mpeg4"), begin)
    assert brightness(tmp_path / "a.mkv") == [FIRST] * COUNT


@BEGINS
def test_clips_have_one_camera_each(tmp_path: Path, begin: float) -> None:
    clips = ff.ClipRecorder(before=5, after=600, codec="mpeg4")
    exchange(
        clips,
        begin,
        lambda: clips.save(tmp_path / "old.mkv", pts=11.5),
        lambda: clips.save(tmp_path / "new.mkv", pts=begin + 1.5),
    )
    assert set(brightness(tmp_path / "old.mkv")) == {FIRST}
    assert set(brightness(tmp_path / "new.mkv")) == {SECOND}


class Receiver:
    """Accepts streams over TCP, and writes each to a file."""

    def __init__(self, folder: Path) -> None:
        self.files: list[Path] = []
        self._folder = folder
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self._server.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.files.append(self._folder / f"{len(self.files)}.ts")
            self._threads.append(threading.Thread(target=self._take, args=(connection, self.files[-1])))
            self._threads[-1].start()

    def _take(self, connection: socket.socket, path: Path) -> None:
        with connection, path.open("wb") as file:
            while data := connection.recv(1 << 16):
                file.write(data)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join(WATCHDOG)


@BEGINS
def test_a_published_stream_has_one_camera_for_each_connection(tmp_path: Path, begin: float) -> None:
    receiver = Receiver(tmp_path)
    pipeline = ff.Pipeline()
    try:
        exchange(
            ff.Publish(receiver.url, codec="mpeg4", max_wait=60),
            begin,
            lambda: until(lambda: counts(pipeline).sent == COUNT, lambda: str(counts(pipeline))),
            lambda: until(lambda: counts(pipeline).sent == 2 * COUNT, lambda: str(counts(pipeline))),
            pipeline=pipeline,
        )
    finally:
        receiver.close()
    assert counts(pipeline).connections == 2
    first, second = (brightness(path) for path in receiver.files)
    assert set(first) == {FIRST}
    assert set(second) == {SECOND}


SINKS: dict[str, tuple[Callable[[Path], ff.Node[Any, None]], Callable[[Path], list[dict[str, Any]]]]] = {
    "JsonLines": (ff.JsonLines, lambda path: [json.loads(line) for line in path.read_text().splitlines()]),
    "Csv": (ff.Csv, lambda path: list(csv.DictReader(path.read_text().splitlines()))),
}


@pytest.mark.parametrize("name", SINKS)
@pytest.mark.parametrize(
    ("place", "has_source"),
    [("the merge", True), ("below it", True), ("a node below", True), ("of()", False), ("a camera", False)],
)
def test_lines_of_several_cameras_have_their_source(
    tmp_path: Path, place: str, has_source: bool, name: str
) -> None:
    make, read = SINKS[name]
    path = tmp_path / {"JsonLines": "a.jsonl", "Csv": "a.csv"}[name]
    first, second = Push(), Push()
    pipeline = ff.Pipeline()
    old, new = pipeline.add(first, name="first"), pipeline.add(second, name="second")
    deep = ff.Queue(4 * COUNT)

    def same(value: Any) -> Any:
        return value

    if place == "the merge":
        port: ff.Port[Any] = pipeline.add(make(path), [old], name="sink", queue=deep)
    else:
        port = pipeline.add(same, [old], queue=deep)
        above = {"below it": port, "of()": port.of(old), "a camera": old}
        below = above[place] if place in above else pipeline.add(same, port, queue=deep)
        pipeline.add(make(path), below, name="sink", queue=deep)
    cameras = ["first", "second"] if has_source else ["first"]

    def push(source: Push, total: int) -> None:
        source.push(0, 1, 2)
        until(lambda: pipeline.stats().nodes["sink"].processed == total, "the lines")

    with pipeline:
        push(first, 3)
        if has_source:
            pipeline.disconnect(port, old)
            pipeline.connect(port, new, queue=deep)
            push(second, 6)
        first.end()
        second.end()
        pipeline.wait()
    lines = read(path)
    assert [int(line["seq"]) for line in lines] == [0, 1, 2] * len(cameras)
    wanted = [each for each in cameras for _ in range(3)] if has_source else [None] * 3
    assert [line.get("source") for line in lines] == wanted
