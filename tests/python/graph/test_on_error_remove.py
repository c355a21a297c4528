"""A node with on_error="remove" that fails is removed with its branch; the rest keeps running."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from support import Push, until

import freshframe as ff


class Breaks(ff.Node[int, int]):
    def process(self, sample: ff.Sample[int]) -> int:
        raise ValueError("broken")


class Below(ff.Node[int, int]):
    closed = 0

    def process(self, sample: ff.Sample[int]) -> int:
        return sample.value

    def close(self) -> None:
        self.closed += 1


def test_a_node_that_fails_goes_with_its_branch() -> None:
    source = Push()
    below = Below()
    pipeline = ff.Pipeline()
    cam = pipeline.add(source, name="cam")
    breaks = pipeline.add(Breaks(), cam, name="breaks", on_error="remove")
    pipeline.add(below, breaks, name="below")
    reader = pipeline.reader(cam, queue=ff.Queue(8))
    with pipeline:
        source.push(1)
        until(lambda: set(pipeline.stats().nodes) == {"cam"}, "the branch has gone")
        assert below.closed == 1
        source.push(2)
        assert [reader.get(timeout=100).value for _ in range(2)] == [1, 2]
        source.end()
        assert pipeline.wait(100)
        report = pipeline.run()
    assert not report.complete
    (failure,) = report.failures
    assert "'breaks' failed on sample 0 of 'cam'" in failure
    assert "broken" in failure
    assert failure in report.losses


def test_nodes_that_have_failed_are_not_kept() -> None:
    source = Push()
    pipeline = ff.Pipeline(keep_running=True)
    cam = pipeline.add(source, name="cam")
    with pipeline:
        for _ in range(5):
            pipeline.add(Breaks(), cam, name="breaks", on_error="remove")
            source.push(1)
            until(lambda: set(pipeline.stats().nodes) == {"cam"}, "the node has gone")
        assert len(pipeline._graph._kept) <= 2
        assert len(pipeline._graph.in_python) <= 2
