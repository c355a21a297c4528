"""freshframe.testing.run_node(): one node alone."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

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
    with pytest.raises(ff.OptionError, match="as many as values, 3, got 2"):
        ff.testing.run_node(Levels(), ["a", "b", "c"], frames=frames)
    with pytest.raises(ff.OptionTypeError, match="each of frames must be a Frame, got 1"):
        ff.testing.run_node(Levels(), ["a"], frames=[1])  # type: ignore[list-item]


@pytest.mark.parametrize(("fps", "error"), [(0, ff.OptionError), ("fast", ff.OptionTypeError)])
def test_bad_options_are_refused(fps: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="fps must be"):
        ff.testing.run_node(Odd(), [], fps=fps)
