"""The errors that beginners make most: their messages say what to do."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import freshframe as ff

SCENE = "demo:circles?size=64x48&frames=3&pace=0"


class Wants(ff.Node[Any, Any]):
    """Calls a function with its sample."""

    def __init__(self, call: Callable[[Any], Any]) -> None:
        self.call = call

    def process(self, sample: ff.Sample[Any]) -> Any:
        return self.call(sample)


def message(node: Any, **options: Any) -> str:
    """Returns the message of the error with which a node downstream of a camera ends its pipeline."""
    pipeline = ff.Pipeline()
    pipeline.add(node, pipeline.add(ff.open(SCENE)), **options)
    with pytest.raises(ff.NodeError) as caught:
        pipeline.run()
    return str(caught.value)


def test_a_sample_that_is_taken_for_its_frame() -> None:
    said = message(Wants(lambda sample: sample.bgr))
    assert said.endswith(
        "sample.frame.bgr its pixels. process() receives a Sample: sample.value is the Frame"
    )


def test_a_value_that_is_taken_for_its_sample() -> None:
    said = message(lambda frame: frame.value.luma)
    assert said.endswith(
        "no attribute 'value'. A function receives the value itself, here the Frame. "
        "A Node's process() receives the Sample"
    )


def test_drawing_on_the_picture_itself() -> None:
    def draw(frame: ff.Frame) -> None:
        frame.bgr[:10] = 0

    assert message(draw).endswith(
        'read-only. The pixels of a frame are read-only: draw on a copy, frame.copy("bgr")'
    )


def test_drawing_on_a_picture_of_a_batch() -> None:
    def draw(frames: list[ff.Frame]) -> list[None]:
        for frame in frames:
            frame.bgr[:10] = 0
        return [None for _ in frames]

    assert 'draw on a copy, frame.copy("bgr")' in message(draw, batch=ff.Batch(2))


def test_opencv_with_a_frame_or_on_its_pixels(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    assert 'frame.copy("bgr")' in message(lambda frame: cv2.circle(frame.bgr, (9, 9), 5, (0, 0, 255)))
    assert message(lambda frame: cv2.imwrite(str(tmp_path / "a.png"), frame)).endswith(
        ". OpenCV takes arrays: pass frame.bgr instead of the frame"
    )


def test_a_frame_has_no_shape_but_says_what_has() -> None:
    frame = ff.Frame.from_array(np.zeros((4, 4, 3), np.uint8))
    assert not hasattr(frame, "shape")
    with pytest.raises(AttributeError, match=r"no attribute 'shape'. .*: frame\.bgr\.shape"):
        frame.shape  # type: ignore[attr-defined]  # noqa: B018
    assert message(lambda frame: frame.shape).count("frame.bgr.shape") == 1


def test_a_node_that_is_taken_for_its_port() -> None:
    pipeline = ff.Pipeline()
    camera = ff.open(SCENE)
    port = pipeline.add(camera)
    with pytest.raises(
        ff.OptionTypeError, match=r"the parent of 'CircleTracker'.*: add\(\) it, and give what"
    ):
        pipeline.add(ff.CircleTracker(), camera)  # type: ignore[call-overload]
    with pytest.raises(ff.OptionTypeError, match=r"the parent of 'reader'.*: add\(\) it, and give what"):
        pipeline.reader(camera)  # type: ignore[call-overload]
    with pytest.raises(ff.OptionTypeError, match=r"a parent of 'reader'.*: add\(\) it, and give what"):
        pipeline.reader([port, camera])  # type: ignore[arg-type]


def test_a_queue_that_is_a_word_or_a_number() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(SCENE))
    for wrong in ("latest", 5):
        with pytest.raises(
            ff.OptionTypeError, match=r"queue of 'CircleTracker' must be LATEST, .*, RECORDING, or"
        ):
            pipeline.add(ff.CircleTracker(), camera, queue=wrong)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("shape", "advice"),
    [
        ((4, 6, 4), r'pass format="bgra" \(screen capture.*\), or format="rgba"'),
        ((4, 6), 'pass format="gray"'),
        ((3, 4, 6), r"pass array\.transpose\(1, 2, 0\)"),
    ],
)
def test_an_array_of_other_colours(shape: tuple[int, ...], advice: str) -> None:
    with pytest.raises(ff.OptionError, match=advice):
        ff.Frame.from_array(np.zeros(shape, np.uint8))


def test_other_errors_have_no_hint() -> None:
    def fails(frame: ff.Frame) -> None:
        raise AttributeError("something else")

    assert message(fails).endswith("AttributeError: something else")


class Yields(ff.Node[Any, Any]):
    def process(self, sample: ff.Sample[Any]) -> Iterator[int]:
        yield 1


def yields(frame: ff.Frame) -> Iterator[int]:
    yield 1


class YieldsWhenCalled:
    def __call__(self, frame: ff.Frame) -> Iterator[int]:
        yield 1


@pytest.mark.parametrize("node", [yields, Yields(), YieldsWhenCalled()])
def test_a_generator_is_a_node_whose_values_are_those_that_it_yields(node: Any) -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(SCENE))
    assert repr(pipeline.add(node, camera, name="numbers")) == "Port('numbers', int)"


def test_a_recorder_may_name_its_file_with_a_path(tmp_path: Path) -> None:
    class Writes(ff.Node[ff.Frame, None]):
        records_to = tmp_path / "out.txt"

        def process(self, sample: ff.Sample[ff.Frame]) -> None:
            return None

    class Wrong(Writes):
        records_to = 3  # type: ignore[assignment]

    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(SCENE))
    pipeline.add(Writes(), camera)
    with pytest.raises(ff.OptionTypeError, match="records_to must be the path of a file, or None, got 3"):
        pipeline.add(Wrong(), camera)
    pipeline.add(Writes(), camera)
    with pytest.raises(ff.GraphError, match=r"out\.txt"):
        pipeline.start()


def test_a_home_that_nothing_expands_is_named() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(ff.open("~/no such video.mp4"))
    with pytest.raises(ff.SourceError, match=r"'~' is not a folder here, .* os\.path\.expanduser"):
        pipeline.run()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions have no notes")
@pytest.mark.parametrize(
    ("use", "note"),
    [
        (lambda sample: sample.xyr, "A reader returns Samples: sample.value is the Circles."),
    ],
    ids=["a sample for its value"],
)
def test_a_reader_that_takes_one_thing_for_another(use: Callable[[Any], object], note: str) -> None:
    pipeline = ff.Pipeline()
    tracker = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open("demo:circles?frames=3")))
    circles = pipeline.reader(tracker, frames=False)

    def read() -> None:
        with pipeline:
            use(circles.get())

    with pytest.raises(AttributeError) as caught:
        read()
    assert [each[: len(note)] for each in caught.value.__notes__] == [note]
