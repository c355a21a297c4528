"""Node.stop_token: a node that waits in its call learns that it has to end."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import threading
from typing import Any

import pytest
from support import WATCHDOG, Ticker, run_node, until

import freshframe as ff

FOREVER = 1e6


class Waits(ff.Node[Any, None]):
    """Waits in its first call until it is told to end."""

    def __init__(self) -> None:
        self.waits = threading.Event()
        self.told: bool | None = None

    def process(self, sample: ff.Sample[Any]) -> None:
        assert self.stop_token is not None
        self.waits.set()
        self.told = self.stop_token.wait(FOREVER)


def test_stop_ends_the_waits_of_two_nodes() -> None:
    pipeline, nodes = ff.Pipeline(), [Waits(), Waits()]
    source = pipeline.add(Ticker())
    for node in nodes:
        pipeline.add(node, source)
    assert nodes[0].stop_token is None
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
        pipeline.wait(WATCHDOG)
    assert node.told


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


class Slotted(Passes):
    __slots__ = ("seen",)


class Own(Passes):
    stop_token = "mine"  # type: ignore[assignment]


@pytest.mark.parametrize(("cls", "found"), [(Own, "mine"), (Slotted, None)])
def test_a_class_with_a_name_of_its_own_keeps_it_and_one_with_slots_runs(
    cls: type[Passes], found: Any
) -> None:
    node = cls()
    assert [sample.value for sample in run_node(node, range(3))] == [0, 1, 2]
    if found is not None:
        assert node.stop_token == found


def test_the_token_says_stopped_after_the_run() -> None:
    node = Passes()
    run_node(node, range(3))
    until(lambda: node.stop_token is not None, "the token")
    assert node.stop_token is not None
    assert bool(node.stop_token) is node.stop_token.stopped
