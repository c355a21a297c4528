"""Node.stop_token: a node that waits in its call is notified that it has to end."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import copy
import itertools
import pickle
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from support import WATCHDOG, Ticker, measured_until, run_node, until

import freshframe as ff

FOREVER = 1e6


class Waits(ff.Node[Any, None]):
    """Blocks in its first call until it is told to stop."""

    def __init__(self) -> None:
        self.waits = threading.Event()
        self.told: bool | None = None

    def process(self, sample: ff.Sample[Any]) -> None:
        self.waits.set()
        self.told = self.stop_token.wait(FOREVER)


def test_stop_ends_the_waits_of_two_nodes() -> None:
    pipeline, nodes = ff.Pipeline(), [Waits(), Waits()]
    source = pipeline.add(Ticker())
    for node in nodes:
        pipeline.add(node, source)
    assert not nodes[0].stop_token.wait(0.001)
    with pipeline:
        assert all(node.waits.wait(WATCHDOG) for node in nodes)
    assert [node.told for node in nodes] == [True, True]


def test_remove_ends_the_wait_of_one_node_alone() -> None:
    pipeline, leaves, stays = ff.Pipeline(), Waits(), Waits()
    source = pipeline.add(Ticker())
    port = pipeline.add(leaves, source)
    pipeline.add(stays, source)
    with pipeline:
        assert leaves.waits.wait(WATCHDOG)
        assert stays.waits.wait(WATCHDOG)
        pipeline.remove(port, timeout=WATCHDOG)
        assert leaves.told
        assert stays.told is None


def test_a_failure_elsewhere_ends_the_wait() -> None:
    pipeline, node, go = ff.Pipeline(), Waits(), threading.Event()

    def fail(value: Any) -> None:
        assert go.wait(WATCHDOG)
        raise ValueError("elsewhere")

    source = pipeline.add(Ticker())
    pipeline.add(node, source)
    pipeline.add(fail, source)
    pipeline.start()
    assert node.waits.wait(WATCHDOG)
    go.set()
    with pytest.raises(ff.NodeError, match="elsewhere"):
        pipeline.wait(WATCHDOG)  # raises immediately, while the node may still be blocked
    until(lambda: node.told, "the end of the wait")


class Gate(ff.Source[int]):
    """A camera that sends nothing."""

    def read(self) -> Iterator[tuple[int, float]]:
        while not self.stop_token.wait(FOREVER):
            yield 0, 0.0


class Paced(ff.Source[int]):
    """Counts the ticks, and needs `work` seconds for each."""

    live = False

    def __init__(self, seconds: float, work: float = 0.0) -> None:
        self.seconds, self.work, self.has_ended = seconds, work, False

    def read(self) -> Iterator[tuple[int, float]]:
        try:
            for number, pts in enumerate(self.stop_token.every(self.seconds)):
                yield number, pts
                self.stop_token.wait(self.work)
        finally:  # a stop before the next tick is awaited closes the generator at its yield
            self.has_ended = True


def first(source: Paced, count: int) -> list[float]:
    """Returns the pts of the first samples, and stops while the source waits for the next tick."""
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(source))
    with pipeline:
        return [reader.get(WATCHDOG).pts for _ in range(count)]


def test_every_paces_a_source_from_0_on() -> None:
    began = time.monotonic()
    times = first(Paced(0.02), 6)
    assert time.monotonic() - began >= 5 * 0.02
    assert times[0] == 0
    assert [later > earlier for earlier, later in itertools.pairwise(times)] == [True] * 5
    assert all(pts / 0.02 == pytest.approx(round(pts / 0.02)) for pts in times)


def test_every_ends_a_long_wait_at_stop() -> None:
    source = Paced(FOREVER)
    assert first(source, 1) == [0.0]
    assert source.has_ended


def test_every_skips_the_ticks_that_a_slow_loop_missed() -> None:
    times = first(Paced(0.01, work=0.035), 4)
    assert all(later - earlier > 0.029 for earlier, later in itertools.pairwise(times))


def test_every_lets_other_threads_run_while_it_waits() -> None:
    ticks = iter(Passes().stop_token.every(0.3))
    assert next(ticks) == 0
    counted, ended = [0], threading.Event()

    def count() -> None:
        while not ended.is_set():
            counted[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()

    def count_during_wait() -> int:
        before = counted[0]
        next(ticks)
        return counted[0] - before

    try:
        # For a tick that is already due, there is no wait.
        measured_until(count_during_wait, lambda rise: rise > 2)
    finally:
        ended.set()
        thread.join()


class Shared(ff.Source[None]):
    """Two threads that wait for the next tick of one iterator."""

    def __init__(self) -> None:
        self.refused: list[str] = []

    def read(self) -> Iterator[tuple[None, float]]:
        ticks = self.stop_token.every(FOREVER)
        yield None, next(iter(ticks))
        threads = [threading.Thread(target=self.take, args=(ticks,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def take(self, ticks: Iterator[float]) -> None:
        try:
            next(ticks, None)
        except ff.StateError as error:
            self.refused.append(str(error))


def test_every_refuses_a_second_thread_while_one_waits() -> None:
    pipeline, source = ff.Pipeline(), Shared()
    pipeline.add(source)
    with pipeline:
        until(lambda: source.refused, "the refusal")
    (text,) = source.refused
    assert "call stop_token.every() once in each thread" in text


@pytest.mark.parametrize("wrong", [0, -1, 1e-9, float("nan"), float("inf"), "1 s", None])
def test_every_refuses_what_is_no_period(wrong: Any) -> None:
    error = ff.OptionError if isinstance(wrong, float | int) else ff.OptionTypeError
    with pytest.raises(error, match=r"every\(\) needs .* seconds.*, got"):
        Passes().stop_token.every(wrong)


class Passes(ff.Node[Any, Any]):
    def process(self, sample: ff.Sample[Any]) -> Any:
        return sample.value


def test_a_node_that_takes_over_has_it() -> None:
    pipeline, later = ff.Pipeline(), Waits()
    port = pipeline.add(Passes(), pipeline.add(Ticker()))
    with pipeline:
        pipeline.replace(port, later)
        assert later.waits.wait(WATCHDOG)
    assert later.told


class Own(Passes):
    stop_token = "mine"  # type: ignore[assignment]


class ReadOnly(Passes):
    @property
    def stop_token(self) -> None:  # type: ignore[override]
        return None


class Without(Passes):
    def __getattribute__(self, name: str) -> Any:
        if name == "stop_token":
            raise AttributeError(name)
        return super().__getattribute__(name)


@pytest.mark.parametrize("cls", [Own, ReadOnly, Without])
def test_a_class_that_has_no_place_for_it_runs(cls: type[Passes]) -> None:
    node = cls()
    assert [sample.value for sample in run_node(node, range(3))] == [0, 1, 2]
    assert getattr(node, "stop_token", None) == ("mine" if cls is Own else None)


@dataclass(frozen=True)
class Frozen(Gate):
    pass


def test_a_frozen_dataclass_has_it(pipelines: list[ff.Pipeline]) -> None:
    pipeline, source = ff.Pipeline(), Frozen()
    pipeline.add(Passes(), pipeline.add(source))
    with pipeline:
        pass
    assert source.stop_token.stopped


class Raises(Passes):
    @property
    def stop_token(self) -> None:  # type: ignore[override]
        raise ValueError("of mine")


def test_an_error_of_the_nodes_own_property_is_not_lost() -> None:
    with pytest.raises(ff.FreshframeError, match="of mine"):
        run_node(Raises(), range(3))


def test_a_node_that_has_run_can_be_copied_and_pickled() -> None:
    node = Passes()
    run_node(node, range(3))
    for copied in (copy.deepcopy(node), pickle.loads(pickle.dumps(node))):
        assert copied.stop_token is not node.stop_token
        assert not copied.stop_token.stopped


def test_a_node_that_was_replaced_gets_the_signal_of_its_next_pipeline() -> None:
    first, node = ff.Pipeline(), Waits()
    port = first.add(node, first.add(Gate()))
    with first:
        until(lambda: "stop_token" in vars(node), "the token")
        first.replace(port, Passes())
    assert node.stop_token.stopped
    second = ff.Pipeline()
    second.add(node, second.add(Ticker()))
    with second:
        assert node.waits.wait(WATCHDOG)
        assert node.told is None
    assert node.told
