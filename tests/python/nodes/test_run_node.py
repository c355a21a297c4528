"""freshframe.testing.run_node() runs a single node."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

import freshframe as ff


class Odd(ff.Node[int, str]):
    closed = 0

    def process(self, sample: ff.Sample[int]) -> str | None:
        if sample.value == 13:
            raise ValueError("unlucky")
        return f"{sample.value} at {sample.pts:g}" if sample.value % 2 else None

    def close(self) -> None:
        self.closed += 1


def test_it_returns_the_samples_that_the_node_emits() -> None:
    node = Odd()
    samples = ff.testing.run_node(node, [1, 2, 3], fps=10)
    assert [(sample.seq, sample.value) for sample in samples] == [(0, "1 at 0"), (2, "3 at 0.2")]
    assert node.closed == 1


def test_an_exception_of_the_node_is_a_node_error() -> None:
    with pytest.raises(ff.NodeError, match=r"'Odd' failed on sample 1 of 'values': ValueError: unlucky"):
        ff.testing.run_node(Odd(), [1, 13])


@pytest.mark.slow
def test_native_nodes_functions_and_processes_are_nodes_too() -> None:
    frame = ff.Frame.from_array(np.zeros((48, 64), np.uint8), "gray")
    (sample,) = ff.testing.run_node(ff.CircleDetector(), [frame])
    assert len(sample.value) == 0
    assert [s.value for s in ff.testing.run_node(lambda value: -value, range(3))] == [0, -1, -2]
    assert [s.value for s in ff.testing.run_node(Odd(), [5], process=True)] == ["5 at 0"]


def test_values_may_have_frames() -> None:
    frames = [ff.Frame.from_array(np.full((48, 64), level, np.uint8), "gray") for level in (10, 20)]

    class Levels(ff.Node[str, str]):
        def process(self, sample: ff.Sample[str]) -> str:
            return f"{sample.value} {sample.frame.luma.mean():g}"

    samples = ff.testing.run_node(Levels(), ["a", "b"], frames=frames, fps=10)
    assert [(sample.seq, sample.pts, sample.value) for sample in samples] == [
        (0, 0, "a 10"),
        (1, 0.1, "b 20"),
    ]
    with pytest.raises(ff.OptionError, match="one entry for each of the 3 values, got 2"):
        ff.testing.run_node(Levels(), ["a", "b", "c"], frames=frames)
    with pytest.raises(ff.OptionTypeError, match="each entry of frames must be a Frame, got 1"):
        ff.testing.run_node(Levels(), ["a"], frames=[1])  # type: ignore[list-item]


class Stamps(ff.Node[Any, Any]):
    def process(self, sample: ff.Sample[Any]) -> Any:
        return sample.value, sample.seq, sample.pts, sample.captured, sample.source


class Refuses7(ff.Node[ff.Frame, float]):
    def process(self, sample: ff.Sample[ff.Frame]) -> float:
        if sample.seq == 7:
            raise ValueError("it is 7")
        return sample.pts


def test_values_may_have_stamps() -> None:
    before = time.monotonic()
    stamps = [
        ff.testing.stamp(seq=2, pts=0.5, captured=3.25, source="door"),
        ff.testing.stamp(seq=3, source="door"),
        ff.testing.stamp(seq=100_000, pts=0.75, source="door"),
    ]
    samples = ff.testing.run_node(Stamps(), ["a", "b", "c"], stamps=stamps, fps=10)
    values = [sample.value for sample in samples]
    assert values[0] == ("a", 2, 0.5, 3.25, "door")
    assert values[1][:3] == ("b", 3, 0.3)
    assert values[2][:3] == ("c", 100_000, 0.75)
    assert [sample.seq for sample in samples] == [2, 3, 100_000]
    assert before <= values[1][3] <= values[2][3] <= time.monotonic()
    assert ff.testing.run_node(Stamps(), [], stamps=[]) == []


@pytest.mark.parametrize("process", [False, True], ids=["thread", "process"])
def test_a_failed_sample_fails_again_with_its_stamp(process: bool) -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?size=64x48&frames=9&pace=0"), name="camera")
    pipeline.add(Refuses7(), camera, process=process)
    with pytest.raises(ff.NodeError) as failed:
        pipeline.run()
    sample = failed.value.sample
    assert sample is not None
    ff.testing.run_node(Refuses7(), [sample.value])  # has seq 0
    for stamp in (sample, sample.stamp, ff.testing.stamp(seq=7, pts=sample.pts, source="camera")):
        with pytest.raises(ff.NodeError, match=r"sample 7 of 'camera': ValueError: it is 7") as again:
            ff.testing.run_node(Refuses7(), [sample.value], stamps=[stamp], process=process)
        assert again.value.sample is not None
        assert (again.value.sample.frame.luma == sample.frame.luma).all()
        assert again.value.sample.pts == sample.pts


def test_values_with_stamps_may_have_frames() -> None:
    frames = [ff.Frame.from_array(np.full((48, 64), level, np.uint8), "gray") for level in (10, 20)]

    class Levels(ff.Node[str, str]):
        def process(self, sample: ff.Sample[str]) -> str:
            return f"{sample.value} {sample.seq} {sample.frame.luma.mean():g}"

    stamps = [ff.testing.stamp(seq=seq) for seq in (1, 5)]
    samples = ff.testing.run_node(Levels(), ["a", "b"], frames=frames, stamps=stamps)
    assert [sample.value for sample in samples] == ["a 1 10", "b 5 20"]


@pytest.mark.parametrize(
    ("stamps", "error", "message"),
    [
        ([ff.testing.stamp()], ff.OptionError, "stamps must have one entry for each of the 2 values, got 1"),
        ([ff.testing.stamp(seq=3)] * 2, ff.OptionError, "greater than the previous one, 3, got 3"),
        (
            [ff.testing.stamp(), ff.testing.stamp(seq=1, source="b")],
            ff.OptionError,
            r"to one source, got \['b', 'values'\]",
        ),
        ([1, 2], ff.OptionTypeError, "list of ff.testing.stamp.*, got 1"),
        (7, ff.OptionTypeError, "list of ff.testing.stamp.*, got 7"),
    ],
)
def test_impossible_stamps_are_refused(stamps: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ff.testing.run_node(Odd(), [1, 2], stamps=stamps)


def test_impossible_parts_of_a_stamp_are_refused() -> None:
    with pytest.raises(ff.OptionError, match="seq must be at least 0, got -1"):
        ff.testing.stamp(seq=-1)
    with pytest.raises(ff.OptionTypeError, match="pts must be a number, got 'now'"):
        ff.testing.stamp(pts="now")  # type: ignore[arg-type]
    with pytest.raises(ff.OptionError, match="values must not contain None"):
        ff.testing.run_node(Odd(), [None], stamps=[ff.testing.stamp()])


@pytest.mark.parametrize(("fps", "error"), [(0, ff.OptionError), ("fast", ff.OptionTypeError)])
def test_bad_options_are_refused(fps: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="fps must be"):
        ff.testing.run_node(Odd(), [], fps=fps)
