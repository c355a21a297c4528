"""Nodes in worker processes: exceptions, deaths, limits."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import gc
import logging
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from rigs.process import nodes as process_nodes
from rigs.process.kills import survive_kills
from rigs.process.remains import nothing_is_left  # noqa: F401  (a fixture)
from support import WATCHDOG, Count, Pictures, Push, run_node, until

import freshframe as ff


def values(samples: list[ff.Sample[Any]]) -> list[Any]:
    return [sample.value for sample in samples]


# ---- exceptions


def test_an_exception_is_a_node_error_with_the_workers_traceback() -> None:
    with pytest.raises(
        ff.NodeError, match="failed on sample 2 of 'values': ValueError: wrong in process"
    ) as info:
        run_node(process_nodes.FailsIn("process", 2), range(5), process=True, name="n")
    assert (info.value.node, info.value.seq, info.value.source) == ("n", 2, "values")
    cause = info.value.__cause__
    assert type(cause) is ValueError
    assert 'in _check\n    raise ValueError(f"wrong in {hook}")' in str(cause.__cause__)


@pytest.mark.slow
def test_an_exception_that_cannot_be_opened_is_reported_by_its_text() -> None:
    with pytest.raises(ff.NodeError, match="Odd: 1 and 2") as info:
        run_node(process_nodes.raise_odd, range(5), process=True)
    assert type(info.value.__cause__) is RuntimeError
    assert "raise Odd(1, 2)" in str(info.value.__cause__.__cause__)


@pytest.mark.slow
def test_skip_goes_on_and_counts() -> None:
    pipeline = ff.Pipeline()
    port = pipeline.add(
        process_nodes.FailsIn("process", 2), pipeline.add(Count(5)), process=True, on_error="skip", name="n"
    )
    reader = pipeline.reader(port)
    with pipeline:
        assert values(list(reader)) == [0, 1, 3, 4]
        node = pipeline.stats().nodes["n"]
        assert (node.processed, node.drops, node.errors, node.in_flight) == (4, {"error": 1}, 1, 0)
        assert node.last_error == "ValueError: wrong in process"


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_failed_open_fails_start(workers: int) -> None:
    pipeline = ff.Pipeline()
    pipeline.add(
        process_nodes.FailsIn("open"), pipeline.add(Count(5)), process=ff.Process(workers=workers), name="n"
    )
    with pytest.raises(ff.NodeError, match="node 'n' failed: ValueError: wrong in open"):
        pipeline.start()


@pytest.mark.slow
def test_a_failed_close_is_reported() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(process_nodes.FailsIn("close"), pipeline.add(Count(5)), process=True, name="n")
    with pytest.raises(ff.NodeError, match="node 'n' failed: ValueError: wrong in close"):
        pipeline.run()


@pytest.mark.slow
def test_a_result_that_cannot_be_pickled_is_an_error_of_the_node() -> None:
    with pytest.raises(ff.NodeError, match="a list cannot be sent to another process"):
        run_node(lambda value: [(value for _ in range(2))], [1], process=True)


# ---- deaths


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("SIGKILL", r"killed by signal 9"),
        ("SIGSEGV", r"killed by signal 11"),
        ("exit", "exited with status 7"),
    ],
)
def test_a_death_takes_one_sample_and_the_next_worker_goes_on(
    how: str, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = ff.Pipeline()
    port = pipeline.add(process_nodes.Dies(how), pipeline.add(Count(6)), process=True, name=how)
    reader = pipeline.reader(port)
    with caplog.at_level(logging.WARNING), pipeline:
        assert values(list(reader)) == [0, 1, 2, 4, 5]
        node = pipeline.stats().nodes[how]
        assert (node.processed, node.drops, node.in_flight) == (5, {"worker": 1}, 0)
        assert node.workers[0].restarts == 1
    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert text in logged
    assert "on sample 3 of 'Count'" in logged


def test_restarts_0_makes_the_first_death_the_last() -> None:
    with pytest.raises(ff.NodeError, match="its worker died: killed by signal 9"):
        run_node(process_nodes.Dies("SIGKILL"), range(6), process=ff.Process(max_restarts=0))


@pytest.mark.slow
@pytest.mark.parametrize("hook", ["on_tick", "finish"])
def test_a_death_without_a_sample_names_the_hook(hook: str) -> None:
    pipeline = ff.Pipeline()
    push = Push()
    node = process_nodes.DiesWithoutSample("exit", hook=hook)
    pipeline.add(node, pipeline.add(push), process=ff.Process(max_restarts=0), name="n")
    pipeline.start()
    if hook == "finish":
        push.end()
    with pytest.raises(
        ff.NodeError, match=rf"failed in {hook}\(\): its worker died: exited with status 7"
    ) as info:
        pipeline.wait()
    assert (info.value.seq, info.value.sample, info.value.batch) == (None, None, ())


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_death_in_open_fails_start(workers: int) -> None:
    pipeline = ff.Pipeline()
    node = process_nodes.Dies("SIGKILL", hook="open")
    pipeline.add(node, pipeline.add(Count(5)), process=ff.Process(workers=workers), name="n")
    with pytest.raises(ff.NodeError, match=r"its worker died: killed by signal 9 .* while it was starting"):
        pipeline.start()


@pytest.mark.slow
def test_many_kills_leave_nothing_behind() -> None:
    survive_kills(30)


# ---- limits


@pytest.mark.slow
def test_a_timeout_dumps_the_stacks_and_kills(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        options = ff.Process(timeout=3.0)
        assert values(run_node(process_nodes.sleep_on_three, range(6), process=options)) == [0, 1, 2, 4, 5]
    logged = caplog.text
    assert "it took longer than timeout=3 s" in logged
    assert "on sample 3 of 'values'" in logged
    assert "in sleep_on_three" in logged


@pytest.mark.slow
def test_a_close_that_does_not_return_is_killed_with_a_timeout() -> None:
    with pytest.raises(
        ff.NodeError, match=r"it took longer than 5 s \(timeout=1 s\) in its close\(\)"
    ) as info:
        run_node(process_nodes.ClosesForever(), range(3), process=ff.Process(timeout=1.0))
    assert "nodes.py" in str(info.value)


@pytest.mark.slow
def test_the_time_of_a_close_begins_when_the_worker_has_opened(tmp_path: Path) -> None:
    pipeline, source = ff.Pipeline(keep_running=True), Push(live=True)
    camera = pipeline.add(source, name="camera")
    node = process_nodes.OpensSlowlyAgain(str(tmp_path))
    port = pipeline.add(node, camera, process=ff.Process(workers=2, timeout=1.0), name="n")
    with pipeline:
        source.push(1)
        until(lambda: pipeline.stats().nodes["n"].processed == 1, "its result")
        process_nodes.OpensSlowlyAgain.slow(str(tmp_path))
        worker = pipeline.stats().nodes["n"].workers[0]
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        until(lambda: pipeline.stats().nodes["n"].workers[0].restarts == 1, "its successor")
        stats = pipeline.remove(port, drain=True, timeout=WATCHDOG)
    assert stats is not None
    assert stats.nodes["n"].processed == 1


@pytest.mark.slow
def test_a_worker_that_is_stopped_before_its_close_does_not_hold_a_drain() -> None:
    pipeline, source = ff.Pipeline(keep_running=True), Push(live=True)
    camera = pipeline.add(source, name="camera")
    port = pipeline.add(
        process_nodes.ClosesForever(), camera, process=ff.Process(workers=2, timeout=1.0), name="n"
    )
    with pipeline:
        source.push(1)
        until(lambda: pipeline.stats().nodes["n"].processed == 1, "its result")
        for worker in pipeline.stats().nodes["n"].workers:
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGSTOP)
        with pytest.raises(ff.NodeError, match=r"in its close\(\)"):
            pipeline.remove(port, drain=True, timeout=WATCHDOG)


@pytest.mark.slow
def test_a_c_loop_that_keeps_the_gil_is_killed(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        options = ff.Process(timeout=3.0)
        assert values(run_node(process_nodes.hold_the_gil, range(6), process=options)) == [0, 1, 2, 4, 5]
    assert "in re_bomb" in caplog.text


@pytest.mark.slow
def test_memory_is_a_memory_error_in_the_node() -> None:
    with pytest.raises(ff.NodeError, match="MemoryError") as info:
        run_node(process_nodes.balloon, range(6), process=ff.Process(max_bytes=1 << 30))
    assert type(info.value.__cause__) is MemoryError


@pytest.mark.slow
def test_memory_that_open_needs_is_missed_at_the_start() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(
        process_nodes.NeedsMemory(), pipeline.add(Count(5)), process=ff.Process(max_bytes=512 << 20), name="n"
    )
    with pytest.raises(ff.NodeError, match="node 'n' failed: MemoryError"):
        pipeline.start()


@pytest.mark.slow
def test_a_result_beyond_the_limit_is_refused() -> None:
    with pytest.raises(ff.NodeError, match=r"a result of 301 MiB is more than a worker may send, 256 MiB"):
        run_node(process_nodes.shared_array, [1], process=ff.Process(max_bytes=256 << 20))


@pytest.mark.slow
def test_the_error_of_a_node_that_keeps_every_frame_says_so(pipelines: list[ff.Pipeline]) -> None:
    pipeline = ff.Pipeline(max_held_bytes=10 << 20)
    pipeline.add(
        process_nodes.KeepsFrames(), pipeline.add(Pictures(1000, size=(640, 480))), process=True, name="n"
    )
    with pytest.raises(ff.NodeError, match="node 'n' receives no more frames") as info:
        pipeline.run()
    assert type(info.value.__cause__) is ff.FramesHeldError
    pipelines.clear()
    del info, pipeline  # both refer to the failed sample
    gc.collect()


@pytest.mark.slow
def test_a_node_that_keeps_frames_and_may_fail_goes_on_without_them() -> None:
    pipeline = ff.Pipeline(max_held_bytes=10 << 20)
    frames = pipeline.add(Pictures(60, size=(640, 480)))
    port = pipeline.add(process_nodes.KeepsFrames(), frames, process=True, on_error="skip", name="n")
    reader = pipeline.reader(port, frames=False)
    with pipeline:
        kept = len(list(reader))
    node = pipeline.stats().nodes["n"]
    assert 60 - kept == node.drops["error"] > 0
    assert "FramesHeldError" in str(node.last_error) or "receives no more frames" in str(node.last_error)


@pytest.mark.slow
@pytest.mark.table
@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("SIGSEGV", "killed by signal 11"),
        ("SIGKILL", "killed by signal 9"),
        ("exit", "exited with status 7"),
    ],
)
@pytest.mark.parametrize("restarts", [0, 3])
def test_a_death_in_close_is_a_node_error(how: str, text: str, restarts: int) -> None:
    pipeline = ff.Pipeline()
    pipeline.add(
        process_nodes.Dies(how, hook="close"),
        pipeline.add(Count(3)),
        process=ff.Process(max_restarts=restarts),
        name="n",
    )
    with pytest.raises(ff.NodeError, match=f"its worker died: {text}.* in its close"):
        pipeline.run()
    assert pipeline.stats().nodes["n"].processed == 3


@pytest.mark.slow
def test_restarts_0_holds_for_the_last_sample_too() -> None:
    pipeline = ff.Pipeline()
    node = process_nodes.Dies("SIGKILL", value=2)
    pipeline.add(node, pipeline.add(Count(3)), process=ff.Process(max_restarts=0), name="n")
    with pytest.raises(ff.NodeError, match="its worker died: killed by signal 9"):
        pipeline.run()
