"""Mistakes that newcomers make raise an error that says what to do, or are logged as a WARNING."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.attempts import GivesSample
from support import Count, Pictures, Push

import freshframe as ff
from freshframe._pipeline import unstarted
from freshframe._results import checked_columns

SCENE = "demo:circles?size=160x120&frames=4&pace=0"
HAS_NOTES = hasattr(BaseException, "add_note")


def with_camera(use: Callable[[ff.Pipeline, Any], object], scene: str = SCENE) -> Callable[[], object]:
    def attempt() -> object:
        pipeline = ff.Pipeline()
        return use(pipeline, pipeline.add(ff.open(scene), name="camera"))

    return attempt


def with_sample(use: Callable[[Any], object]) -> Callable[[], object]:
    """Uses the first sample inside of `with pipeline:`."""

    def read(pipeline: ff.Pipeline, camera: Any) -> None:
        reader = pipeline.reader(camera)
        with pipeline:
            use(reader.get())

    return with_camera(read)


def reads_like_a_capture(pipeline: ff.Pipeline, camera: Any) -> None:
    reader: Any = pipeline.reader(camera)
    with pipeline:
        reader.read()


def reads_like_a_queue(pipeline: ff.Pipeline, camera: Any) -> None:
    reader: Any = pipeline.reader(camera)
    with pipeline:
        reader.get_nowait()


def swapped_replace() -> None:
    pipeline, source = ff.Pipeline(), Push()
    port = pipeline.add(lambda value: value, pipeline.add(source), name="old")
    with pipeline:
        pipeline.replace(lambda value: value, port)  # type: ignore[arg-type]


def gives_a_lock(value: Any) -> Any:
    return threading.Lock()


def results_of_a_worker(pipeline: ff.Pipeline, camera: Any) -> None:
    pipeline.reader(pipeline.add(gives_a_lock, camera, process=True))
    pipeline.run()


def capture() -> object:
    cv2 = pytest.importorskip("cv2")
    return ff.Pipeline().add(cv2.VideoCapture())


def reads_after_the_end(pipeline: ff.Pipeline, camera: Any) -> None:
    reader = pipeline.reader(camera)
    with pipeline:
        pass
    reader.get()


def loops_over_a_closed_port() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        for _ in ff.open(f"rtsp://127.0.0.1:{unused.getsockname()[1]}/door"):
            pass


def records_a_wall() -> None:
    class Wall(ff.Node[Any, Any]):
        tick_every = 0.1

        def process(self, sample: ff.Sample[Any], /) -> None:
            pass

        def on_tick(self, now: float, /) -> Any:
            return None

    pipeline = ff.Pipeline()
    cameras = [pipeline.add(ff.open(SCENE)) for _ in range(2)]
    pipeline.add(ff.VideoFile("wall.mp4"), pipeline.add(Wall(), cameras, name="wall"))


def boxes(frame: ff.Frame) -> ff.Detections:
    return ff.Detections([[0, 0, 9, 9]])


def first_id(found: Any) -> Any:
    return found.tracker_id[0]


def ids_without_a_tracker(pipeline: ff.Pipeline, camera: Any) -> None:
    pipeline.add(first_id, pipeline.add(boxes, camera))
    pipeline.run()


def names_without_a_model(pipeline: ff.Pipeline, camera: Any) -> None:
    reader = pipeline.reader(pipeline.add(boxes, camera))
    with pipeline:
        list(reader.get().value.class_name)  # type: ignore[arg-type]


CIRCLES: Any = ff.Circles([[9, 9, 5]])
RAISED: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "add(cv2.VideoCapture())": (capture, ff.OptionTypeError, "freshframe.open(0)"),
    "for sample in pipeline": (lambda: list(ff.Pipeline()), TypeError, "loop over pipeline.reader(port)"),  # type: ignore[call-overload]
    "for sample in port": (with_camera(lambda _, camera: list(camera)), TypeError, "pipeline.reader(port)"),
    "next(source)": (lambda: next(ff.open(SCENE)), TypeError, "next(iter(source))"),  # type: ignore[call-overload]
    "video_file.write(image)": (
        lambda: ff.VideoFile("a.mp4").write(0),  # type: ignore[attr-defined]
        AttributeError,
        "pipeline.add(video_file, camera)",
    ),
    "stats()['camera']": (
        with_camera(lambda pipeline, _: pipeline.stats()["camera"]),  # type: ignore[index]
        TypeError,
        "stats.nodes['camera']",
    ),
    "circles.x": (lambda: CIRCLES.x, AttributeError, "circles.xyr[:, 0]"),
    "circles.radius": (lambda: CIRCLES.radius, AttributeError, "circles.xyr[:, 2]"),
    "circles.xyxy": (lambda: CIRCLES.xyxy, AttributeError, "xyr has the centres"),
    "stream(source, [a, b])": (
        lambda: ff.stream(ff.open(SCENE), [ff.CircleTracker(), print]),  # type: ignore[call-overload]
        ff.OptionTypeError,
        "stream(source, a, b)",
    ),
    "open([a, b])": (lambda: ff.open(["a", "b"]), ff.OptionTypeError, "open each one"),  # type: ignore[arg-type]
    "classes=[0, 2]": (
        lambda: ff.OnnxDetector(ff.demo.shapes_model(), classes=[0, 2]),  # type: ignore[list-item]
        ff.OptionTypeError,
        "names such as 'person'",
    ),
    "replace(node, port)": (swapped_replace, ff.OptionTypeError, "replace(port, node): got the port 'old'"),
    "a lock from a worker": (
        with_camera(results_of_a_worker),
        ff.NodeError,
        "Return arrays, numbers, strings",
    ),
    "frame.gray": (with_sample(lambda sample: sample.frame.gray), AttributeError, "frame.luma"),
    "frame.data": (with_sample(lambda sample: sample.frame.data), AttributeError, "frame.bgr"),
    "sample.timestamp": (with_sample(lambda sample: sample.timestamp), AttributeError, "Its times are pts"),
    "reader.read()": (with_camera(reads_like_a_capture), AttributeError, "get() for the next sample"),
    "reader.get_nowait()": (
        with_camera(reads_like_a_queue),
        AttributeError,
        "poll() returns the next sample",
    ),
    "get() after `with`": (
        with_camera(reads_after_the_end),
        ff.EndOfStreamError,
        "read inside the `with` block",
    ),
    "a camera that is off": (loops_over_a_closed_port, ff.SourceError, "check the port, or pass"),
    "VideoFile of what on_tick() gives": (records_a_wall, ff.GraphError, "port.of(port) of 'wall'"),
    "tracker_id[0] without a tracker": (
        with_camera(ids_without_a_tracker),
        ff.NodeError,
        "tracker_id is None here: a BoxTracker",
    ),
    "a model that is not there": (
        lambda: ff.OnnxDetector("yolo.onnx"),
        ff.OptionError,
        f"there is no such file in '{Path.cwd()}'",
    ),
    "Look().now()": (lambda: ff.Look().now(), ff.StaleFrameError, "start its pipeline"),
}
NOTED: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "for x in frame": (with_sample(lambda sample: list(sample.frame)), TypeError, "its array is frame.bgr"),
    "names without a model": (with_camera(names_without_a_model), TypeError, "pass the names to Detections("),
}


@pytest.mark.parametrize("usage", [*RAISED, *(NOTED if HAS_NOTES else ())])
def test_the_error_says_how(usage: str) -> None:
    attempt, kind, way = (RAISED | NOTED)[usage]
    with pytest.raises(kind) as raised:
        attempt()
    text = "\n".join([str(raised.value), *getattr(raised.value, "__notes__", ())])
    assert way in text


def run_in_a_coroutine() -> None:
    async def program() -> None:
        pipeline = ff.Pipeline()
        pipeline.add(Count(1))
        pipeline.run()

    asyncio.run(program())


def loop_in_a_coroutine() -> None:
    async def program() -> None:
        for _ in ff.open(SCENE):
            pass

    asyncio.run(program())


def reads_samples_of_samples(pipeline: ff.Pipeline, camera: Any) -> None:
    pipeline.reader(pipeline.add(GivesSample(), camera, name="mine"))


def reader_in_a_coroutine() -> None:
    async def program() -> None:
        pipeline = ff.Pipeline()
        reader = pipeline.reader(pipeline.add(Count(1)))
        with pipeline:
            for _ in reader:
                pass

    asyncio.run(program())


def loops_after_the_end(pipeline: ff.Pipeline, camera: Any) -> None:
    reader = pipeline.reader(camera)
    with pipeline:
        pass
    for _ in range(2):
        assert list(reader) == []


def loops_in_a_coroutine_after_the_end(pipeline: ff.Pipeline, camera: Any) -> None:
    async def program() -> None:
        reader = pipeline.reader(camera)
        async with pipeline:
            pass
        async for _ in reader:
            raise AssertionError("a stopped pipeline gave a sample")

    asyncio.run(program())


def loops_over_a_closed_reader(pipeline: ff.Pipeline, camera: Any) -> None:
    with pipeline:
        with pipeline.reader(camera) as reader:
            pass
        assert list(reader) == []


def loops_within_and_after(pipeline: ff.Pipeline, camera: Any) -> None:
    reader = pipeline.reader(camera)
    with pipeline:
        assert len(list(reader)) > 0
    assert list(reader) == []


def loops_after_a_failure(pipeline: ff.Pipeline, camera: Any) -> None:
    def fails(frame: ff.Frame) -> int:
        raise ValueError(frame)

    reader: ff.Reader[Any] = pipeline.reader(pipeline.add(fails, camera))
    with pytest.raises(ff.NodeError):  # noqa: SIM117
        with pipeline:
            pipeline.wait()
    with pytest.raises(ff.NodeError):
        list(reader)


def loops_within_and_again(pipeline: ff.Pipeline, camera: Any) -> None:
    reader = pipeline.reader(camera)
    with pipeline:
        assert len(list(reader)) == 4
        assert list(reader) == []


def loops_after_run(pipeline: ff.Pipeline, camera: Any) -> None:
    reader = pipeline.reader(camera)
    pipeline.run()
    assert len(list(reader)) == 4


def with_boxes(*rows: tuple[float, float, float, float]) -> Callable[[], object]:
    """A step that finds these boxes in each image of 160x120."""

    def find(frame: ff.Frame) -> ff.Detections:
        return ff.Detections(rows)

    def attempt(pipeline: ff.Pipeline, camera: Any) -> None:
        pipeline.add(find, camera, name="find", queue=ff.Queue(1, "block"))
        pipeline.run()

    return with_camera(attempt, SCENE.replace("frames=4", "frames=8"))


class FindsBoxes(ff.Node[ff.Frame, ff.Detections]):
    """Finds these boxes in each image."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def process(self, sample: ff.Sample[ff.Frame], /) -> ff.Detections:
        return ff.Detections(self.rows)


class SaveAt(ff.Node[Any, None]):
    """Saves a clip of a time that it computes from that of the first sample."""

    def __init__(self, clips: ff.ClipRecorder, path: Path, pts: Callable[[float], float]) -> None:
        self.clips, self.path, self.pts = clips, path, pts

    def process(self, sample: ff.Sample[Any], /) -> None:
        if sample.seq == 0:
            self.clips.save(self.path, pts=self.pts(sample.pts))


def with_clip(pts: Callable[[float], float], folder: Path) -> None:
    pipeline, clips = ff.Pipeline(), ff.ClipRecorder(before=0, after=0)
    camera = pipeline.add(ff.open(SCENE))
    pipeline.add(clips, camera)
    pipeline.add(SaveAt(clips, folder / "clip.mp4", pts), camera, queue=ff.Queue(1, "block"))
    pipeline.run()


LOGGED: dict[str, tuple[Callable[[], object], str]] = {
    "process() returns the sample": (with_camera(reads_samples_of_samples), "return sample.value instead"),
    "boxes in shares": (lambda: ff.Detections([[0.1, 0.1, 0.5, 0.5]]), "Detections.xyxy is in pixels"),
    "run() in a coroutine": (run_in_a_coroutine, "event loop of asyncio until the pipeline has ended"),
    "a loop in a coroutine": (loop_in_a_coroutine, "use `async for`"),
    "a reader in a coroutine": (
        reader_in_a_coroutine,
        "event loop of asyncio while it waits for each sample",
    ),
    "a loop after `with`": (
        with_camera(loops_after_the_end),
        "ends immediately: reader 'reader': the pipeline was",
    ),
    "`async for` after `with`": (
        with_camera(loops_in_a_coroutine_after_the_end),
        "read inside the `with` block",
    ),
    "a loop over a closed reader": (with_camera(loops_over_a_closed_reader), "reader 'reader' was closed"),
    "boxes of another scale": (with_boxes((200, 90, 300, 110)), "most of its boxes are outside of the image"),
}


@pytest.mark.parametrize("usage", LOGGED)
def test_what_goes_on_is_logged(
    usage: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checked_columns, "_has_warned", False)
    monkeypatch.setattr(unstarted, "_warned", set())
    attempt, text = LOGGED[usage]
    with caplog.at_level(logging.WARNING, "freshframe"):
        attempt()
    assert text in caplog.text


class Filter(ff.Node[Any, Any]):
    """Renames the columns of its result."""

    def process(self, sample: ff.Sample[Any], /) -> Any:
        sample = sample.value
        return sample


def async_loop() -> None:
    async def program() -> None:
        async for _ in ff.open(SCENE):
            pass

    asyncio.run(program())


@pytest.mark.parametrize("rows", [[(200, 90, 300, 110)], [(2, 2, 9, 9)]], ids=["outside", "inside"])
def test_boxes_of_another_scale_from_a_worker_are_logged(rows: Any, caplog: pytest.LogCaptureFixture) -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(SCENE.replace("frames=4", "frames=8")))
    pipeline.add(FindsBoxes(rows), camera, name="find", queue=ff.Queue(1, "block"), process=True)
    pipeline.run()
    assert caplog.text.count("'find': most of its boxes are outside") == (rows[0][0] == 200)


QUIET: dict[str, Callable[[], object]] = {
    "a name used twice": with_camera(
        lambda pipeline, camera: pipeline.reader(pipeline.add(Filter(), camera))
    ),
    "a box of one pixel": lambda: ff.Detections([[0, 0, 1, 1]]),
    "no boxes": lambda: ff.Detections(np.zeros((0, 4))),
    "boxes that leave the image": with_boxes((-40, 20, 10, 60), (80, 60, 90, 70)),
    "async for": async_loop,
    "a second loop after the end of the stream": with_camera(loops_within_and_again),
    "a loop after run()": with_camera(loops_after_run),
    "a loop after one that read everything": with_camera(loops_within_and_after),
    "a loop that raises": with_camera(loops_after_a_failure),
    "fps= as it is": with_camera(
        lambda pipeline, camera: pipeline.add(ff.VideoFile("a.mp4", fps=25), camera, max_rate=25)
    ),
}


@pytest.mark.parametrize("usage", QUIET)
def test_what_is_right_is_not_logged(
    usage: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checked_columns, "_has_warned", False)
    QUIET[usage]()
    assert caplog.text == ""


def test_a_loop_that_blocks_an_event_loop_is_logged_once_per_line(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def program() -> None:
        pipeline = ff.Pipeline()
        reader = pipeline.reader(pipeline.add(Count(3)))
        with pipeline:
            for _ in range(3):
                for _ in reader:
                    break
            list(reader)

    monkeypatch.setattr(unstarted, "_warned", set())
    asyncio.run(program())
    assert caplog.text.count("blocks the event loop") == 2


def test_a_clip_at_the_time_of_a_clock_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with_clip(lambda pts: time.time(), tmp_path)
    assert "Pass sample.pts, the seconds in the video" in caplog.text


def test_a_copy_of_a_cameras_frame_is_an_image() -> None:
    with ff.stream(ff.open(SCENE)) as samples:
        assert next(iter(samples)).frame.copy().shape == (120, 160, 3)


def test_a_source_that_can_wait_loses_nothing_to_a_slow_loop() -> None:
    assert [sample.dropped for sample in ff.stream(Pictures(3), lambda frame: 1)] == [0, 0, 0]


@pytest.mark.parametrize("name", [name for name in ff.__all__ if name.endswith("Error")])
def test_a_traceback_shows_the_public_name_of_an_error(name: str) -> None:
    assert getattr(ff, name).__module__ == "freshframe"


def test_the_page_about_sources_says_that_they_are_live() -> None:
    page = Path(__file__).parents[3] / "docs/how-to/own-source.md"
    assert "live = False" in page.read_text(encoding="utf-8")
