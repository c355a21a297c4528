"""Nodes in worker processes: exceptions that cannot be printed, modified, pickled or caught as usual."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys

import pytest
from rigs.process import odd_errors as odd
from rigs.process.remains import nothing_is_left  # noqa: F401  (a fixture)
from support import Count, run_node, until

import freshframe as ff
from freshframe._process import pickling

KINDS = {
    "frozen": "Frozen: 7",
    "sealed": "Sealed: for the test",
    "mute": r"Mute: \(its message is not available: its __str__\(\) raised ValueError\)",
    "not_utf_8": r"ValueError: cannot read /data/caf\\udce9.jpg",
    "nul": r"ValueError: cannot read a\\x00b",
    "cancelled": "CancelledError: for the test",
    "exit": "SystemExit: no model",
    "interrupt": "KeyboardInterrupt: for the test",
}


@pytest.mark.slow
@pytest.mark.table
@pytest.mark.parametrize("way", ["sample", "batch", "open", "close"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_exception_is_a_node_error_whatever_it_is(kind: str, way: str) -> None:
    pipeline = ff.Pipeline()
    node = odd.RaisesABatch(kind) if way == "batch" else odd.Raises(kind, way)
    batch = ff.Batch(4) if way == "batch" else None
    pipeline.add(node, pipeline.add(Count(5)), process=True, name="n", batch=batch)
    with pytest.raises(ff.NodeError, match=KINDS[kind]) as info:
        pipeline.run()
    cause = info.value.__cause__
    assert cause is not None
    # A frozen dataclass can be pickled, but not unpickled.
    assert type(cause).__name__ == ("RuntimeError" if kind == "frozen" else KINDS[kind].partition(":")[0])
    assert "in raise_it" in str(cause.__cause__)
    assert "worker" not in pipeline.stats().nodes["n"].drops


@pytest.mark.slow
def test_skip_goes_on_after_an_exception_that_is_no_exception() -> None:
    pipeline = ff.Pipeline()
    port = pipeline.add(
        odd.Raises("exit", "sample"), pipeline.add(Count(5)), process=True, on_error="skip", name="n"
    )
    reader = pipeline.reader(port)
    with pipeline:
        assert [sample.value for sample in reader] == [0, 1, 2, 4]
        node = pipeline.stats().nodes["n"]
        assert (node.drops, node.workers[0].restarts) == ({"error": 1}, 0)


@pytest.mark.slow
def test_an_exception_that_exits_when_it_is_unpickled_is_told_by_its_text() -> None:
    with pytest.raises(ff.NodeError, match="ExitsHere: of the worker") as info:
        run_node(odd.raise_one_that_exits, [1], process=True)
    assert type(info.value.__cause__) is RuntimeError


@pytest.mark.slow
def test_a_result_that_exits_when_it_is_unpickled_ends_no_program() -> None:
    [sample] = run_node(odd.result_that_exits, [1], process=True)
    with pytest.raises(ff.FreshframeError, match="cannot be unpickled here: SystemExit: not here"):
        sample.value  # noqa: B018


@pytest.mark.slow
def test_a_record_of_a_name_that_is_not_utf_8_arrives(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        run_node(odd.log_a_name, [1], process=True)
        until(lambda: r"cannot read /data/caf\udce9.jpg" in caplog.text, "the record")


@pytest.mark.slow
def test_a_worker_whose_parent_has_ended_prints_nothing() -> None:
    code = (
        "import socket, os\n"
        "ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
        "ours.close()\n"
        "os.dup2(theirs.detach(), 3)\n"
        "from freshframe._process.worker import main\n"
        "main(0)\n"  # without the guard thread, which would sometimes end it first
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_an_exception_that_refuses_assignments_gets_its_traceback() -> None:
    parts: list[bytes | bytearray] = [bytes(part) for part in pickling.dumps(odd.Sealed("x"))]
    error = pickling.exception(parts, "Sealed", "lines")
    assert type(error) is odd.Sealed
    assert str(error.__cause__) == "\nlines"


def test_the_odd_exceptions_are_as_odd_as_they_say() -> None:
    assert not issubclass(asyncio.CancelledError, Exception)
    with pytest.raises(AttributeError):
        odd.Frozen(1).__traceback__ = None
    with pytest.raises(UnicodeEncodeError):
        os.fsdecode(b"/data/caf\xe9.jpg").encode()
