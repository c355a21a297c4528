"""Mistakes that newcomers make raise an error that says what to do, or are logged as a WARNING."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.attempts import GivesSample
from support import Count, Pictures, Push

import freshframe as ff
from freshframe._results import checked_columns

SCENE = "demo:circles?size=160x120&frames=4&pace=0"
HAS_NOTES = hasattr(BaseException, "add_note")


def with_camera(use: Callable[[ff.Pipeline, Any], object]) -> Callable[[], object]:
    def attempt() -> object:
        pipeline = ff.Pipeline()
        return use(pipeline, pipeline.add(ff.open(SCENE), name="camera"))

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
    "Look().now()": (lambda: ff.Look().now(), ff.StaleFrameError, "while its pipeline runs"),
}
NOTED: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "frame.gray": (with_sample(lambda sample: sample.frame.gray), AttributeError, "frame.luma"),
    "frame.data": (with_sample(lambda sample: sample.frame.data), AttributeError, "frame.bgr"),
    "for x in frame": (with_sample(lambda sample: list(sample.frame)), TypeError, "frame.bgr is its array"),
    "reader.read()": (with_camera(reads_like_a_capture), AttributeError, "get() for the next sample"),
    "sample.timestamp": (with_sample(lambda sample: sample.timestamp), AttributeError, "Its times are pts"),
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


LOGGED: dict[str, tuple[Callable[[], object], str]] = {
    "process() returns the sample": (with_camera(reads_samples_of_samples), "return sample.value instead"),
    "boxes in shares": (lambda: ff.Detections([[0.1, 0.1, 0.5, 0.5]]), "Detections.xyxy is in pixels"),
    "run() in a coroutine": (run_in_a_coroutine, "run() blocks the event loop"),
    "a loop in a coroutine": (loop_in_a_coroutine, "use `async for`"),
}


@pytest.mark.parametrize("usage", LOGGED)
def test_what_goes_on_is_logged(
    usage: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checked_columns, "_has_warned", False)
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


QUIET: dict[str, Callable[[], object]] = {
    "a name used twice": with_camera(
        lambda pipeline, camera: pipeline.reader(pipeline.add(Filter(), camera))
    ),
    "a box of one pixel": lambda: ff.Detections([[0, 0, 1, 1]]),
    "no boxes": lambda: ff.Detections(np.zeros((0, 4))),
    "async for": async_loop,
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


def test_a_source_that_can_wait_loses_nothing_to_a_slow_loop() -> None:
    assert [sample.dropped for sample in ff.stream(Pictures(3), lambda frame: 1)] == [0, 0, 0]


@pytest.mark.parametrize("name", [name for name in ff.__all__ if name.endswith("Error")])
def test_a_traceback_shows_the_public_name_of_an_error(name: str) -> None:
    assert getattr(ff, name).__module__ == "freshframe"


def test_the_page_about_sources_says_that_they_are_live() -> None:
    page = Path(__file__).parents[3] / "docs/how-to/own-source.md"
    assert "live = False" in page.read_text(encoding="utf-8")
