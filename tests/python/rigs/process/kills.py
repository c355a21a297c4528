"""A node in worker processes that are killed again and again."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from functools import partial

from support import Pictures, until

import freshframe as ff
from rigs.process import nodes as process_nodes


def _is_replaced(pipeline: ff.Pipeline, pid: int) -> bool:
    return pid not in {worker.pid for worker in pipeline.stats().nodes["n"].workers}


def _kill_one(pipeline: ff.Pipeline, number: int) -> None:
    """Kills a worker and waits until another replaces it."""
    workers = pipeline.stats().nodes["n"].workers
    pid = next((worker.pid for worker in workers if worker.pid), 0)
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(partial(_is_replaced, pipeline, pid), f"the end of worker {pid}, number {number}")


def survive_kills(kills: int, *, after_each: Callable[[int], None] = lambda number: None) -> None:
    """Reads results while `kills` workers are killed, and checks that each sample is delivered or counted as
    dropped. `after_each` is called with each kill's number, while the pipeline runs."""
    pipeline = ff.Pipeline()
    port = pipeline.add(
        process_nodes.mean,
        pipeline.add(Pictures(1 << 30, live=True, size=(640, 480))),
        process=ff.Process(workers=2, max_restarts=2 * kills),
        name="n",
    )
    reader = pipeline.reader(port, frames=False)
    with pipeline:
        for number in range(kills):
            reader.get()
            _kill_one(pipeline, number)
            after_each(number)
        reader.get()
    node = pipeline.stats().nodes["n"]
    [edge] = [edge for edge in pipeline.stats().edges if edge.child == "n"]
    assert edge.delivered == node.processed + node.dropped
    assert node.in_flight == 0
    assert pipeline.stats().held_bytes == 0
