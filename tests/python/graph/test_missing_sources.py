"""A port without any source: calls that take it work, or raise an exception of freshframe."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from support import Ticker

import freshframe as ff


def same(value: Any) -> Any:
    return value


def alike(value: Any) -> Any:
    return value


def pair(one: Any, other: Any) -> Any:
    return one


class World:
    """A pipeline in which neither `empty` nor `below`, which is downstream of it, has a source."""

    def __init__(self, state: str) -> None:
        self.state = state
        self.pipeline = ff.Pipeline(keep_running=True, stall_timeout=None)
        self.camera = self.pipeline.add(Ticker(), name="camera")
        self.fed = self.pipeline.add(same, [self.camera], name="fed")
        self.gone = self.pipeline.add(Ticker(), name="gone")
        self.empty = self.pipeline.add(same, [self.gone] if state != "never connected" else [], name="empty")
        self.below = self.pipeline.add(same, self.empty, name="below")
        self.other = ff.Pipeline()
        self.foreign = self.other.add(Ticker(), name="foreign")

    def leave(self) -> None:
        """Removes the only source, in the way that the state requires."""
        if self.state == "disconnected":
            self.pipeline.disconnect(self.empty, self.gone)
        elif self.state == "removed":
            self.pipeline.remove(self.gone)


CALLS: dict[str, Callable[[World], object]] = {
    "empty.of(empty)": lambda w: w.empty.of(w.empty),
    "empty.of(below)": lambda w: w.empty.of(w.below),
    "below.of(empty)": lambda w: w.below.of(w.empty),
    "below.of(below)": lambda w: w.below.of(w.below),
    "camera.of(empty)": lambda w: w.camera.of(w.empty),
    "fed.of(below)": lambda w: w.fed.of(w.below),
    "empty.of(camera)": lambda w: w.empty.of(w.camera),
    "empty.of(gone)": lambda w: w.empty.of(w.gone),
    "gone.of(empty)": lambda w: w.gone.of(w.empty),
    "gone.of(gone)": lambda w: w.gone.of(w.gone),
    "empty.of(foreign)": lambda w: w.empty.of(w.foreign),
    "foreign.of(empty)": lambda w: w.foreign.of(w.empty),
    "add": lambda w: w.pipeline.add(same, w.below),
    "add a merge": lambda w: w.pipeline.add(same, [w.empty, w.below]),
    "add with of": lambda w: w.pipeline.add(same, w.below.of(w.empty)),
    "add a join": lambda w: w.pipeline.add(pair, [w.empty, w.below], join=ff.Join(within=1)),
    "add a join with a camera": lambda w: w.pipeline.add(pair, [w.camera, w.empty], join=ff.Join(max_wait=1)),
    "add a partial join": lambda w: w.pipeline.add(
        pair, [w.empty, w.camera], join=ff.Join(within=1, max_wait=1, partial=True)
    ),
    "add a batch": lambda w: w.pipeline.add(lambda values: values, w.empty, batch=ff.Batch(2)),
    "add a worker": lambda w: w.pipeline.add(abs, w.empty, process=True),
    "add a spool": lambda w: w.pipeline.add(ff.JsonLines("/dev/null"), w.below),
    "reader": lambda w: w.pipeline.reader(w.empty).poll(),
    "reader of two": lambda w: w.pipeline.reader([w.empty, w.below]).poll(),
    "reader with a join": lambda w: w.pipeline.reader([w.empty, w.below], join=ff.Join(within=1)),
    "connect to itself": lambda w: w.pipeline.connect(w.empty, w.empty),
    "connect upstream": lambda w: w.pipeline.connect(w.empty, w.below),
    "connect downstream": lambda w: w.pipeline.connect(w.fed, w.below),
    "connect the camera": lambda w: w.pipeline.connect(w.empty, w.camera),
    "connect what has gone": lambda w: w.pipeline.connect(w.empty, w.gone),
    "connect another pipeline's": lambda w: w.pipeline.connect(w.empty, w.foreign),
    "disconnect": lambda w: w.pipeline.disconnect(w.empty, w.gone),
    "disconnect another": lambda w: w.pipeline.disconnect(w.fed, w.below),
    "remove": lambda w: w.pipeline.remove(w.empty),
    "remove and drain": lambda w: w.pipeline.remove(w.below, drain=True),
    "replace": lambda w: w.pipeline.replace(w.below, alike),
    "set_max_wait": lambda w: w.pipeline.set_max_wait(w.empty, 1),
    "why": lambda w: str(w.pipeline.why()),
    "stats": lambda w: str(w.pipeline.stats()),
    "draw": lambda w: w.pipeline._repr_html_(),
    "print": lambda w: print(w.pipeline, repr(w.empty), repr(w.gone)),
    "serve a view": lambda w: w.pipeline.serve(view=[w.below]).close(),
    "packets": lambda w: w.empty.packets,
    "node": lambda w: (w.empty.node, w.gone.node),
}
PHASES = ("new", "running", "stopped")


@pytest.mark.table
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("state", ["never connected", "disconnected", "removed"])
def test_a_call_for_a_port_without_a_source_ends_no_process(state: str, phase: str, call: str) -> None:
    world = World(state)
    if phase != "new":
        world.pipeline.start()
    elif state == "removed":  # a pipeline that is not running removes nothing
        world.pipeline.disconnect(world.empty, world.gone)
    if not (phase == "new" and state == "removed"):
        world.leave()
    if phase == "stopped":
        world.pipeline.stop()
    with contextlib.suppress(ff.FreshframeError):
        CALLS[call](world)
    world.pipeline.stop()


@pytest.mark.parametrize("state", ["never connected", "disconnected", "removed"])
@pytest.mark.parametrize("call", ["empty.of(empty)", "empty.of(below)", "below.of(empty)", "below.of(below)"])
def test_of_names_the_port_that_has_no_source_and_what_to_do(state: str, call: str) -> None:
    world = World(state)
    world.pipeline.start()
    world.leave()
    name = call.split("(")[1][:-1]
    with pytest.raises(ff.GraphError, match=f"'{name}' has no source upstream: pass the port of a source"):
        CALLS[call](world)
    world.pipeline.stop()
