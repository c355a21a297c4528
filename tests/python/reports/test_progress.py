"""Stalls, progress and the printed graph: the reports of a running pipeline."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable

import pytest
from support import Collect, Count, Gate, Pictures, Ticker, edge, until

import freshframe as ff


def double(value: int) -> int:
    return 2 * value


# --- stalls -------------------------------------------------------------------------------------------------


def test_a_lossless_reader_that_is_not_read_is_named_as_the_stall() -> None:
    pipeline = ff.Pipeline(stall_timeout=0.1)
    _unread = pipeline.reader(pipeline.add(Count()), name="forgotten")
    with pytest.raises(ff.StalledError, match="reader 'forgotten' is not read") as caught:
        pipeline.run()
    assert isinstance(caught.value, TimeoutError)


def test_a_node_at_work_is_no_stall() -> None:
    pipeline, gate = ff.Pipeline(stall_timeout=0.05), Gate()
    pipeline.add(Collect(gate), pipeline.add(Count(50)))
    with pipeline:
        until(lambda: gate.arrived, "the node to be at work")
        assert pipeline.wait(timeout=0.3) is False
        gate.open()
        assert pipeline.wait()


# --- progress and text --------------------------------------------------------------------------------------


def test_progress_calls_back_in_the_thread_of_run() -> None:
    pipeline, gate, calls = ff.Pipeline(), Gate(), []

    def progress(now: ff.stats.Progress) -> None:
        calls.append((threading.current_thread(), now))
        gate.open()

    pipeline.add(Collect(gate), pipeline.add(Count(20)))
    pipeline.run(progress=progress, progress_every=0.01)
    assert {thread for thread, _ in calls} == {threading.current_thread()}
    now = calls[-1][1]
    assert isinstance(now.samples, int)
    assert now.total is None  # a Python source does not report its length
    assert now.remaining is None
    assert now.elapsed > 0
    assert now.dropped == 0
    done = [progress.samples for _, progress in calls]
    assert done == sorted(done)


def test_an_exception_in_the_progress_callback_stops_the_pipeline_and_is_raised() -> None:
    def progress(_: ff.stats.Progress) -> None:
        raise LookupError("in the callback")

    pipeline = ff.Pipeline()
    pipeline.add(Collect(), pipeline.add(Ticker()))
    with pytest.raises(LookupError, match="in the callback"):
        pipeline.run(progress=progress, progress_every=0.01)
    assert pipeline.wait(timeout=0) is True


def test_progress_true_writes_its_bar_to_stderr_only(capfd: pytest.CaptureFixture[str]) -> None:
    pipeline = ff.Pipeline()
    pipeline.add(Collect(), pipeline.add(Pictures(100)))
    assert pipeline.run(progress=True).complete
    assert capfd.readouterr().out == ""


class GoneError(OSError):
    """Raised by a terminal that has been closed."""


class Gone(io.StringIO):
    """A terminal that is closed at some point."""

    writes = 0

    def isatty(self) -> bool:
        return False

    def write(self, text: str) -> int:
        Gone.writes += 1
        raise GoneError


def closed() -> io.StringIO:
    file = io.StringIO()
    file.close()
    return file


@pytest.mark.parametrize("make", [lambda: None, closed, Gone], ids=["None", "closed", "gone"])
def test_a_run_goes_on_without_its_bar_where_there_is_no_terminal(
    make: Callable[[], io.StringIO | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("freshframe._look.progress._LINE_EVERY", 0.0)
    monkeypatch.setattr(sys, "stderr", make())
    pipeline = ff.Pipeline()
    sink = Collect()
    pipeline.add(sink, pipeline.add(Count(5)))
    assert pipeline.run(progress=True, progress_every=0.01).complete
    assert len(sink.seen) == 5
    assert Gone.writes in (0, 1)


def test_printing_a_pipeline_shows_each_edge_with_its_chosen_policy_and_counts() -> None:
    pipeline = ff.Pipeline("both")
    live, file = pipeline.add(Ticker(), name="cam"), pipeline.add(Count(5), name="clip")
    pipeline.add(Collect(), live, name="fresh")
    pipeline.add(Collect(), file, name="all")
    _reader = pipeline.reader(file, queue=ff.Queue(3, "drop_newest"), name="some")
    before = str(pipeline)
    assert "both" in before
    with pipeline:
        until(lambda: edge(pipeline, "all").delivered == 5, "the file to be read")
        lines = str(pipeline).splitlines()
    for parent, child, policy in [
        ("cam", "fresh", "LATEST"),
        ("clip", "all", "LOSSLESS"),
        ("clip", "some", "drop_newest"),
    ]:
        (line,) = [line for line in lines if parent in line and child in line]
        assert policy in line
        assert "delivered" in line
    (line,) = [line for line in lines if "clip" in line and "all" in line]
    assert " 5" in line


def test_printing_marks_an_edge_that_paces_the_nodes_above_it() -> None:
    pipeline = ff.Pipeline()
    step = pipeline.add(double, pipeline.add(Ticker()))
    pipeline.add(Collect(), step, name="slow", queue=ff.LOSSLESS)
    with pipeline:
        (line,) = [line for line in str(pipeline).splitlines() if "-> slow" in line]
    assert "paces" in line
    assert "double" in line
