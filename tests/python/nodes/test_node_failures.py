"""What happens when a node fails: NodeError with node, sample, source and cause, or a counted skip."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from support import Collect, Count, Push

import freshframe as ff


def test_a_node_error_names_node_sample_source_and_keeps_the_original() -> None:
    def boom(value: int) -> float:
        return 1 / (value - 3)

    pipeline = ff.Pipeline()
    pipeline.add(boom, pipeline.add(Count(10), name="cam0"))
    with pytest.raises(ff.NodeError) as caught:
        pipeline.run()
    error = caught.value
    assert str(error) == "node 'boom' failed on sample 3 of 'cam0': ZeroDivisionError: division by zero"
    assert (error.node, error.seq, error.source) == ("boom", 3, "cam0")
    assert isinstance(error.__cause__, ZeroDivisionError)
    names, traceback = [], error.__cause__.__traceback__
    while traceback is not None:
        names.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    assert names[-1] == "boom"


def test_the_message_of_an_exception_without_a_text_has_its_type() -> None:
    def boom(_: int) -> None:
        raise KeyError

    pipeline = ff.Pipeline()
    pipeline.add(boom, pipeline.add(Count(1)))
    with pytest.raises(ff.NodeError, match=r"'boom' failed on sample 0 of 'Count': KeyError"):
        pipeline.run()


def test_an_exception_whose_str_fails_is_reported_all_the_same() -> None:
    class NastyError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("cannot be printed")

    def boom(_: int) -> None:
        raise NastyError

    pipeline = ff.Pipeline()
    pipeline.add(boom, pipeline.add(Count(1)))
    with pytest.raises(ff.NodeError, match="NastyError") as caught:
        pipeline.run()
    assert isinstance(caught.value.__cause__, NastyError)


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), StopIteration("x"), MemoryError("big")], ids=repr
)
def test_unusual_exceptions_in_a_node_are_node_errors_too(error: BaseException) -> None:
    def boom(_: int) -> None:
        raise error

    pipeline = ff.Pipeline()
    pipeline.add(boom, pipeline.add(Count(1)))
    with pytest.raises(ff.NodeError, match=type(error).__name__) as caught:
        pipeline.run()
    assert caught.value.__cause__ is error


def test_on_error_skip_counts_the_sample_and_goes_on() -> None:
    def odd_only(value: int) -> int:
        if value % 2 == 0:
            raise ValueError("even")
        return value

    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(odd_only, pipeline.add(Count(10)), on_error="skip"))
    with pipeline:
        assert [s.value for s in reader] == [1, 3, 5, 7, 9]
        stats = pipeline.stats().nodes["odd_only"]
        assert stats.drops == {"error": 5}
        assert stats.errors == 5


def test_a_run_that_skipped_an_error_is_not_complete() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(lambda value: 1 // value, pipeline.add(Count(3)), on_error="skip")
    report = pipeline.run()
    assert not report.complete
    assert report.nodes["lambda"].drops == {"error": 1}


def test_a_failing_source_is_a_node_error_with_its_cause() -> None:
    pipeline, source = ff.Pipeline(), Push()
    pipeline.add(Collect(), pipeline.add(source, name="cam0"))
    with pipeline:
        source.push(1, 2)
        source.fail(ZeroDivisionError("lens cap"))
        with pytest.raises(ff.NodeError, match=r"'cam0'.*lens cap") as caught:
            pipeline.wait()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_node_error_names_the_camera_below_a_merge() -> None:
    pipeline, left, right = ff.Pipeline(), Push(), Push()

    def boom(value: str) -> None:
        if value == "bad":
            raise ValueError("bad")

    pipeline.add(boom, [pipeline.add(left, name="left"), pipeline.add(right, name="right")])
    with pipeline:
        left.push("good")
        right.push("bad")
        with pytest.raises(ff.NodeError) as caught:
            pipeline.wait()
    assert caught.value.source == "right"


@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_an_exception_whose_class_has_an_odd_name_is_reported(on_error: Literal["stop", "skip"]) -> None:
    class Meta(type):
        @property
        def __name__(cls) -> int:  # type: ignore[override]
            return 5

    class OddError(Exception, metaclass=Meta):
        pass

    def boom(_: int) -> None:
        raise OddError("the reason")

    pipeline = ff.Pipeline()
    pipeline.add(boom, pipeline.add(Count(2)), on_error=on_error)
    if on_error == "stop":
        with pytest.raises(ff.NodeError, match="OddError: the reason") as caught:
            pipeline.run()
        assert isinstance(caught.value.__cause__, OddError)
    else:
        node = pipeline.run().nodes["boom"]
        assert (node.errors, node.last_error) == (2, "OddError: the reason")


def test_a_message_is_whole_beyond_a_nul() -> None:
    def boom(_: int) -> None:
        raise ValueError("left\0right")

    pipeline = ff.Pipeline()
    pipeline.add(boom, pipeline.add(Count(1)))
    with pytest.raises(ff.NodeError, match=r"left\\x00right"):
        pipeline.run()


@pytest.mark.parametrize("hook", ["open", "close"])
def test_an_exception_of_looking_up_a_hook_is_a_failure_of_the_node(hook: str) -> None:
    class Looked(ff.Node[int, int]):
        def process(self, sample: ff.Sample[int]) -> int:
            return sample.value

    def lost(_: object) -> None:
        raise KeyError("lost")

    setattr(Looked, hook, property(lost))
    pipeline = ff.Pipeline()
    pipeline.add(Looked(), pipeline.add(Count(1)))
    with pytest.raises(ff.NodeError, match="KeyError: 'lost'"):
        pipeline.run()


def test_a_value_of_the_wrong_type_names_the_node_that_gave_it(tmp_path: Path) -> None:
    def paint(value: int):  # type: ignore[no-untyped-def]
        return np.zeros((48, 64, 3), np.uint8)

    pipeline = ff.Pipeline()
    pipeline.add(ff.VideoFile(tmp_path / "out.mp4"), pipeline.add(paint, pipeline.add(Count(3))))
    with pytest.raises(
        ff.NodeError,
        match=r"'paint' failed .* returned a ndarray, but its child 'VideoFile' takes Frame: .*from_array",
    ):
        pipeline.run()


def test_a_source_that_gives_a_wrong_type_is_named() -> None:
    pipeline = ff.Pipeline()
    source = Push(live=False)
    pipeline.add(ff.CircleDetector(), pipeline.add(source, name="mine"))
    source.push([1, 2])
    with pytest.raises(
        ff.NodeError, match=r"'mine' failed: .*returned a list, but its child 'CircleDetector'"
    ):
        pipeline.run()


@pytest.mark.parametrize("value", [[1], {"xyxy": []}, np.zeros((1, 4))], ids=["list", "dict", "ndarray"])
def test_a_tracker_names_the_node_that_gave_no_detections(value: object) -> None:
    pipeline = ff.Pipeline()
    detect = pipeline.add(lambda _: value, pipeline.add(Count(1)), name="detect")
    pipeline.add(ff.BoxTracker(), detect)  # type: ignore[misc]
    with pytest.raises(
        ff.NodeError, match=f"'detect' failed.*returned a .*{type(value).__name__}, but .* takes Detections"
    ):
        pipeline.run()
