"""replace() of a Python node by a native one, and back."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import ctypes
import logging
import signal
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.native_code import compiled
from support import Gate, Pictures, Push, check_books, edge, picture, until

import freshframe as ff

NONE = ff.Circles(np.zeros((0, 3), np.float32), np.zeros(0, np.float32))
WATCHDOG = 100.0
ROUNDS = 100


class Finds(ff.Node[ff.Frame, ff.Circles]):
    """A Python node that returns empty results."""

    def __init__(self, gate: Gate | None = None) -> None:
        self.gate = gate
        self.opened = self.closed = 0
        self.threads: set[int] = set()

    def open(self) -> None:
        self.opened += 1

    def process(self, sample: ff.Sample[ff.Frame]) -> ff.Circles:
        self.threads.add(threading.get_ident())
        if self.gate is not None:
            self.gate.enter()
        return NONE

    def close(self) -> None:
        self.closed += 1


class Pours(ff.Source[ff.Frame]):
    """Emits frames as fast as they are taken, until the event is set."""

    live = False

    def __init__(self, enough: threading.Event) -> None:
        self.enough = enough
        self.count = 0

    def read(self) -> Iterator[tuple[ff.Frame, float]]:
        frame = ff.Frame.from_array(picture(0), "gray")
        while not self.enough.is_set() and not self.stop_token.wait(0):
            yield frame, self.count / 25
            self.count += 1


@pytest.mark.parametrize("is_native_first", [False, True])
def test_a_node_changes_its_kind_many_times_below_load_and_loses_nothing(is_native_first: bool) -> None:
    enough = threading.Event()
    sources = [Pours(enough) for _ in range(3)]
    pipeline = ff.Pipeline(stall_timeout=None)
    first: Any = ff.CircleTracker() if is_native_first else Finds()
    step = pipeline.add(first, [pipeline.add(each) for each in sources], name="step", queue=ff.LOSSLESS)
    reader = pipeline.reader(step, queue=ff.LOSSLESS, frames=False)
    numbers: dict[str, list[int]] = defaultdict(list)

    def read() -> None:
        for sample in reader:
            numbers[sample.source].append(sample.seq)

    consumer = threading.Thread(target=read)
    in_python: list[Finds] = [] if is_native_first else [first]
    with pipeline:
        consumer.start()
        for _ in range(ROUNDS):
            for is_native in (is_native_first, not is_native_first):
                node: Any = Finds() if is_native else ff.CircleTracker()
                pipeline.replace(step, node, timeout=WATCHDOG)
                if is_native:
                    in_python.append(node)
        enough.set()
        pipeline.wait(WATCHDOG)
        consumer.join(WATCHDOG)
        until(lambda: all(each.closed == 1 for each in in_python), "all closes")
    for number, source in enumerate(sources):
        name = "Pours" if number == 0 else f"Pours_{number + 1}"
        assert numbers[name] == list(range(source.count)), name
    check_books(pipeline)
    total = sum(source.count for source in sources)
    assert total > 0
    assert pipeline.stats().nodes["step"].processed == total
    assert edge(pipeline, "reader").delivered == total
    assert [(each.opened, each.closed) for each in in_python] == [(1, 1)] * len(in_python)


def test_the_thread_of_python_that_took_over_stays_the_nodes() -> None:
    source = Push()
    pipeline = ff.Pipeline()
    step = pipeline.add(ff.CircleTracker(), pipeline.add(source), name="step")
    reader = pipeline.reader(step, queue=ff.Queue(8))
    frame = ff.Frame.from_array(picture(0), "gray")
    with pipeline:
        pipeline.replace(step, one := Finds())
        assert step.node.opened == 1
        source.push(frame)
        assert reader.get(timeout=WATCHDOG).node == "step"
        pipeline.replace(step, native := ff.CircleTracker())
        assert step.node is native
        assert one.closed == 1
        source.push(frame)
        assert reader.get(timeout=WATCHDOG).seq == 1
        pipeline.replace(step, two := Finds())
        source.push(frame)
        assert reader.get(timeout=WATCHDOG).seq == 2
        assert one.threads == two.threads
    assert (two.opened, two.closed) == (1, 1)


def test_a_function_takes_the_place_of_a_native_node() -> None:
    def find(frame: ff.Frame) -> ff.Circles:
        return NONE

    pipeline = ff.Pipeline()
    step = pipeline.add(ff.CircleTracker(), pipeline.add(source := Push()), name="step")
    reader = pipeline.reader(step, queue=ff.Queue(8))
    with pipeline:
        pipeline.replace(step, find)
        source.push(ff.Frame.from_array(picture(0), "gray"))
        assert len(reader.get(timeout=WATCHDOG).value) == 0


def test_nodes_whose_types_do_not_fit_are_refused() -> None:
    class Counts(ff.Node[ff.Frame, int]):
        def process(self, sample: ff.Sample[ff.Frame]) -> int:
            return 1

    class Windows(Finds):
        def finish(self) -> ff.Circles:
            return NONE

    pipeline = ff.Pipeline(keep_running=True)
    camera = pipeline.add(Push(), name="cam")
    in_python = pipeline.add(Counts(), camera, name="counts")
    native = pipeline.add(ff.CircleTracker(), camera, name="tracks")
    with pipeline:
        with pytest.raises(ff.GraphError, match="returns int, but the new node"):
            pipeline.replace(in_python, ff.CircleTracker())
        with pytest.raises(ff.GraphError, match="returns Circles, but the new node"):
            pipeline.replace(native, Counts())
        with pytest.raises(ff.GraphError, match=r"it has no method finish\(\), but the new node has a"):
            pipeline.replace(native, Windows())


def test_a_native_node_that_waits_below_a_call_is_refused_after_the_timeout() -> None:
    pipeline = ff.Pipeline()
    gate = Gate()
    old = Finds(gate)
    step = pipeline.add(old, pipeline.add(source := Push()), name="step")
    reader = pipeline.reader(step, queue=ff.Queue(8))
    with pipeline:
        source.push(ff.Frame.from_array(picture(0), "gray"))
        until(lambda: gate.arrived, "the call")
        with pytest.raises(ff.StopTimeoutError, match="nothing was replaced"):
            pipeline.replace(step, ff.CircleTracker(), timeout=0.05)
        assert step.node is old
        gate.open()
        reader.get(timeout=WATCHDOG)
        assert old.closed == 0
    assert old.closed == 1


@pytest.mark.parametrize("is_native_first", [False, True])
def test_a_loop_over_a_reader_changes_the_kind_of_the_node_that_waits_for_it(is_native_first: bool) -> None:
    pipeline = ff.Pipeline()
    first: Any = ff.CircleTracker() if is_native_first else Finds()
    step = pipeline.add(first, pipeline.add(Pictures(60)), name="step")
    seen = 0
    second: Any = Finds() if is_native_first else ff.CircleTracker()
    reader = pipeline.reader(step, queue=ff.Queue(1, "block"))  # before the start, so that it misses no frame
    with pipeline:
        for sample in reader:
            seen += 1
            assert sample.seq == seen - 1
            if seen == 10:
                pipeline.replace(step, second)
                assert step.node is second
    assert seen == 60
    assert (second if is_native_first else first).closed == 1


def test_a_node_in_python_is_not_opened_where_the_native_one_has_ended() -> None:
    class Ends(Push):
        live = False

    pipeline = ff.Pipeline()
    source = Ends(live=False)
    step = pipeline.add(ff.CircleTracker(), pipeline.add(source), name="step")
    with pipeline:
        source.end()
        pipeline.wait(WATCHDOG)
        late = Finds()
        with pytest.raises(ff.StateError):
            pipeline.replace(step, late)
    assert (late.opened, late.closed) == (0, 0)


def test_a_handler_that_raises_at_the_end_of_the_wait_cuts_no_close() -> None:
    def raise_it(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    pipeline = ff.Pipeline()
    gate = Gate()
    step = pipeline.add(old := Finds(gate), pipeline.add(source := Push()), name="step")
    new = Finds()
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        until(lambda: len(step._place.entries) == 2, "the wait of replace()")
        signal.pthread_kill(main, signal.SIGUSR1)
        gate.open()

    before = signal.signal(signal.SIGUSR1, raise_it)
    try:
        with pipeline:
            source.push(ff.Frame.from_array(picture(0), "gray"))
            until(lambda: gate.arrived, "the call")
            interrupting = threading.Thread(target=interrupt)
            interrupting.start()
            with pytest.raises(KeyboardInterrupt):
                pipeline.replace(step, new, timeout=WATCHDOG)
            interrupting.join(WATCHDOG)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert [(each.opened, each.closed) for each in (old, new)] == [(1, 1)] * 2
    pipeline = ff.Pipeline()
    pipeline.add(old, pipeline.add(Push()))  # nothing holds it
    pipeline.stop()


class Anything(ff.Node[ff.Frame, Any]):
    def process(self, sample: ff.Sample[ff.Frame]) -> Any:
        return None


def gives(value: Any) -> Callable[[ff.Frame], Any]:
    return lambda _frame: value


def test_a_native_node_is_refused_that_the_nodes_beside_an_untyped_one_do_not_fit() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(Push(), name="camera")
    step = pipeline.add(Anything(), camera, name="step")
    pipeline.add(ff.BoxTracker(), step, name="below")
    other = pipeline.add(gives(None), camera, name="other")
    last = pipeline.add(gives(None), other, name="last")
    with pipeline:
        with pytest.raises(ff.GraphError, match="returns Circles, while 'below' takes Detections"):
            pipeline.replace(step, ff.CircleTracker())
        with pytest.raises(ff.GraphError, match="its parent 'other' does not say what it returns"):
            pipeline.replace(last, ff.BoxTracker())


def test_an_untyped_node_that_takes_a_native_ones_place_is_named_when_it_gives_what_none_below_takes() -> (
    None
):
    pipeline = ff.Pipeline()
    step = pipeline.add(ff.CircleTracker(), pipeline.add(source := Push()), name="step")
    pipeline.add(ff.LineCounter((0, 5), (9, 5)), step, name="below")
    pipeline.start()
    pipeline.replace(step, gives(5))
    source.push(ff.Frame.from_array(picture(0), "gray"))
    with pytest.raises(ff.NodeError, match=r"'step'.*'below' takes"):
        pipeline.wait(WATCHDOG)


class Untyped(ff.Node[Any, Any]):
    def __init__(self) -> None:
        self.opened = self.closed = 0

    def open(self) -> None:
        self.opened += 1

    def process(self, sample: ff.Sample[Any]) -> None:
        pass

    def close(self) -> None:
        self.closed += 1


class ClosesBadly(Finds):
    def close(self) -> None:
        super().close()
        raise OSError("the model is busy")


def test_the_error_of_the_close_of_a_node_that_was_replaced_is_raised() -> None:
    pipeline = ff.Pipeline()
    step = pipeline.add(old := ClosesBadly(), pipeline.add(source := Push()), name="step")
    reader = pipeline.reader(step)
    with pipeline:
        with pytest.raises(OSError, match="the model is busy"):
            pipeline.replace(step, native := ff.CircleTracker())
        assert step.node is native
        source.push(ff.Frame.from_array(picture(0), "gray"))
        reader.get(timeout=WATCHDOG)
    assert old.closed == 1


class Asks(ff.Node[ff.Frame, int]):
    """Calls `ask` on its own thread."""

    def __init__(self, ask: Callable[[], object]) -> None:
        self.ask: Callable[[], object] | None = ask
        self.has_asked = False

    def process(self, sample: ff.Sample[ff.Frame]) -> int:
        if self.ask is not None:
            self.ask()
        self.ask, self.has_asked = None, True
        return 1


def test_the_error_is_logged_where_a_node_has_called_replace(caplog: pytest.LogCaptureFixture) -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(source := Push(), name="cam")
    step = pipeline.add(old := ClosesBadly(), camera, name="step")
    pipeline.add(Asks(lambda: pipeline.replace(step, ff.CircleTracker())), camera, name="asks")
    with caplog.at_level(logging.ERROR, "freshframe"), pipeline:
        source.push(ff.Frame.from_array(picture(0), "gray"))
        until(lambda: old.closed, "the close of the old node")
        until(lambda: "close() of ClosesBadly failed" in caplog.text, "the line of the log")
    assert old.closed == 1


class FailsLater(ff.Node[ff.Frame, Any]):
    """Fails once its gate has opened."""

    def __init__(self) -> None:
        self.gate = Gate()

    def process(self, sample: ff.Sample[ff.Frame]) -> Any:
        self.gate.enter()
        raise OSError("the light is off")

    def has_begun(self) -> bool:
        return self.gate.arrived > 0

    def go_on(self) -> None:
        self.gate.open()


FAILS_LATER = """
#define _POSIX_C_SOURCE 199309L
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

atomic_int begun, is_open;

int32_t fails_later(const uint8_t* pixels, int32_t width, int32_t height, int64_t stride, double pts,
                    int64_t seq, int32_t source, void* out, int32_t max_rows, void* state) {
  (void)pixels; (void)width; (void)height; (void)stride; (void)pts; (void)seq; (void)source; (void)out;
  (void)max_rows; (void)state;
  atomic_store(&begun, 1);
  while (!atomic_load(&is_open)) nanosleep(&(struct timespec){0, 1000000}, 0);
  return -1;
}
"""


class NativeFailsLater:
    """The same, native."""

    def __init__(self, library: Path) -> None:
        self.node = ff.native.load(library, "fails_later", out=())
        self.library = ctypes.CDLL(str(library))

    def has_begun(self) -> bool:
        return ctypes.c_int.in_dll(self.library, "begun").value == 1

    def go_on(self) -> None:
        ctypes.c_int.in_dll(self.library, "is_open").value = 1


@pytest.mark.parametrize("is_native_first", [False, True])
def test_the_nodes_thread_closes_what_another_node_has_offered_in_vain(
    is_native_first: bool, tmp_path: Path
) -> None:
    first: Any = NativeFailsLater(compiled(tmp_path, FAILS_LATER)) if is_native_first else FailsLater()
    pipeline = ff.Pipeline()
    camera = pipeline.add(source := Push(), name="cam")
    step = pipeline.add(first.node if is_native_first else first, camera, name="step")
    late = Untyped()

    def ask() -> None:
        until(first.has_begun, "the call")
        pipeline.replace(step, late)

    pipeline.add(asks := Asks(ask), camera, name="asks", queue=ff.Queue(2))
    frame = ff.Frame.from_array(picture(0), "gray")
    pipeline.start()
    source.push(frame)
    until(first.has_begun, "the call")
    until(lambda: asks.has_asked, "the call of replace()")
    assert (late.opened, late.closed) == (1, 0)
    first.go_on()
    with pytest.raises(ff.NodeError):
        pipeline.wait(WATCHDOG)
    with contextlib.suppress(ff.NodeError):
        pipeline.stop()
    until(lambda: late.closed, "the close of the node that came too late")
    until(lambda: all(each.name != "step" for each in threading.enumerate()), "the end of its thread")
    assert (late.opened, late.closed) == (1, 1)
    pipeline = ff.Pipeline()
    pipeline.add(late, pipeline.add(Pictures(3)))  # it may be added a second time
    pipeline.run()
    assert (late.opened, late.closed) == (2, 2)
