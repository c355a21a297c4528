"""pipeline.what_if(): predictions of real pipelines, what is not known, and what is refused."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import pytest
from support import WATCHDOG

import freshframe as ff

BUSY = ("waits for a processor", "do not explain the present", "waits for the GIL", "holds the GIL")


def sleeper(seconds: float) -> Callable[[ff.Frame], int]:
    def sleep(frame: ff.Frame) -> int:
        time.sleep(seconds)
        return frame.width

    return sleep


def sleeping(fps: int, sleep: float, queue: ff.Queue) -> tuple[ff.Pipeline, ff.Port[Any], ff.Reader[Any]]:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(f"demo:circles?fps={fps}&size=64x48"), name="camera")
    node = pipeline.add(sleeper(sleep), camera, name="A", queue=queue)
    return pipeline, node, pipeline.reader(node, name="reader", queue=ff.Queue(64))


@pytest.mark.repeats
def test_another_queue_of_a_node_that_sleeps_is_predicted() -> None:
    pipeline, node, reader = sleeping(100, 0.02, ff.Queue(8))
    with pipeline:
        for _ in range(230):
            reader.get(timeout=WATCHDOG)
        answer = pipeline.what_if(node, queue=ff.NEXT)
    if any(each in str(answer.reason) for each in BUSY):
        pytest.skip(f"this machine is too busy: {answer.reason}")
    assert answer.known
    assert (answer.node, answer.change, answer.reason) == ("A", "queue=NEXT", None)
    assert answer.calls >= 200
    [outcome] = answer.outcomes
    assert (outcome.consumer, outcome.is_reader) == ("reader", True)
    assert outcome.age_mean is not None
    assert outcome.age_p50 is not None
    assert outcome.rate is not None
    assert outcome.age_mean.high >= 0.02
    assert outcome.age_mean.low < outcome.age_mean.high < outcome.age_mean_now
    assert outcome.age_p50.middle in outcome.age_p50
    assert str(answer).startswith("A with queue=NEXT, by the last ")
    assert "reader: samples are " in str(answer)


@pytest.mark.repeats
def test_few_calls_are_not_enough() -> None:
    pipeline, node, reader = sleeping(30, 0.01, ff.LATEST)
    with pipeline:
        reader.get(timeout=WATCHDOG)
        answer = pipeline.what_if(node, queue=ff.NEXT, workers=2)
        by_name = pipeline.what_if("A", max_rate=10.0)
    assert not answer.known
    assert answer.change == "queue=NEXT, workers=2"
    assert str(answer.reason).startswith("not yet: ")
    assert answer.outcomes == ()
    assert str(answer) == f"A with queue=NEXT, workers=2: not known: {answer.reason}."
    assert not by_name.known
    with pytest.raises(dataclasses.FrozenInstanceError):
        answer.reason = ""  # type: ignore[misc]


def test_joins_and_nodes_with_results_of_their_own_are_not_known() -> None:
    class Ticks(ff.Node[Any, int]):
        tick_every = 0.5

        def process(self, sample: ff.Sample[Any]) -> int:
            return 1

        def on_tick(self, now: float) -> int:
            return 2

    pipeline = ff.Pipeline()
    left, right = (pipeline.add(ff.open("demo:circles?fps=30&size=64x48")) for _ in range(2))
    both = pipeline.add(
        lambda one, two: 1, (left, right), name="both", join=ff.Join(within=0.1, max_wait=0.1)
    )
    ticks = pipeline.add(Ticks(), left, name="ticks")
    with pipeline:
        join = pipeline.what_if(both, queue=ff.Queue(4))
        own = pipeline.what_if(ticks, queue=ff.NEXT)
    assert join.reason == "'both' is a join: how its parents meet would change"
    assert str(own.reason).startswith("'ticks' gives results of its own (on_tick() or finish())")


def test_an_ended_pipeline_knows_nothing() -> None:
    pipeline, node, _ = sleeping(30, 0.01, ff.LATEST)
    with pipeline:
        pass
    assert pipeline.what_if(node, queue=ff.NEXT).reason == "the pipeline does not run"


def test_wrong_questions_are_refused() -> None:
    pipeline, node, _ = sleeping(30, 0.01, ff.LATEST)
    camera = "camera"
    with pytest.raises(ff.OptionError, match="needs a change"):
        pipeline.what_if(node)
    with pytest.raises(ff.OptionError, match="workers must be 1 to 256, got 0"):
        pipeline.what_if(node, workers=0)
    with pytest.raises(ff.OptionError, match="speed must be more than 0, got -1"):
        pipeline.what_if(node, speed=-1)
    with pytest.raises(ff.OptionError, match="is a source: only its rate= can change"):
        pipeline.what_if(camera, queue=ff.NEXT)
    with pytest.raises(ff.OptionError, match="is no source"):
        pipeline.what_if(node, rate=10)
    with pytest.raises(ff.GraphError, match="no node 'B' in this pipeline; its nodes are 'camera', 'A'"):
        pipeline.what_if("B", queue=ff.NEXT)
    with pytest.raises(ff.OptionTypeError, match="queue of 'A' must be LATEST"):
        pipeline.what_if(node, queue="NEXT")  # type: ignore[arg-type]
    with pytest.raises(ff.OptionTypeError, match="batch must be a Batch"):
        pipeline.what_if(node, batch=4)  # type: ignore[arg-type]
    with pytest.raises(ff.OptionTypeError, match="speed must be a number"):
        pipeline.what_if(node, speed="fast")  # type: ignore[arg-type]
    with pytest.raises(ff.OptionTypeError, match="node must be a port"):
        pipeline.what_if(7, queue=ff.NEXT)  # type: ignore[arg-type]
    other, elsewhere, _ = sleeping(30, 0.01, ff.LATEST)
    with pytest.raises(ff.GraphError, match="belongs to another pipeline"):
        pipeline.what_if(elsewhere, queue=ff.NEXT)
    del other
