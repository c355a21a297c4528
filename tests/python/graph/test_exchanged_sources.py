"""Nodes that keep state per source start afresh when the source upstream of a merge is replaced."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from rigs.counting import LINE, ZONE, at
from support import WATCHDOG, Push

import freshframe as ff

COUNT = 13  # samples of a source
STEP = 0.04  # seconds between two
PTS = 1000.0  # timestamp of the first sample of the first source

Port = ff.Port[Any]


def crossing(n: int) -> ff.Detections:
    """Returns two boxes that cross the line in opposite directions."""
    return at((50, 60 + 10 * n), (250, 180 - 10 * n))


class Smooth(ff.Node[Any, Any]):
    """A node in Python that gets batches."""

    def process_batch(self, samples: list[ff.Sample[Any]], /) -> list[Any]:
        return [len(sample.value.xyxy) for sample in samples]


def below_tracker(node: Any) -> Callable[[ff.Pipeline, Port], tuple[Port, Port]]:
    def made(pipeline: ff.Pipeline, parent: Port) -> tuple[Port, Port]:
        merge = pipeline.add(ff.BoxTracker(), [parent])
        return merge, pipeline.add(node(), merge)

    return made


def alone(node: Any, **options: Any) -> Callable[[ff.Pipeline, Port], tuple[Port, Port]]:
    def made(pipeline: ff.Pipeline, parent: Port) -> tuple[Port, Port]:
        merge = pipeline.add(node(), [parent], **options)
        return merge, merge

    return made


# How a pipeline gets the merge and the last node downstream of it, and what is compared of the last one's
# values.
NODES: dict[str, tuple[Callable[[ff.Pipeline, Port], tuple[Port, Port]], Callable[[Any], Any]]] = {
    "BoxTracker": (alone(ff.BoxTracker), lambda tracks: len(tracks.xyxy)),
    "LineCounter": (below_tracker(lambda: ff.LineCounter(*LINE)), lambda c: (c.forward, c.backward)),
    "ZoneCounter": (
        below_tracker(lambda: ff.ZoneCounter({"till": ZONE})),
        lambda c: (c["till"].entered, c["till"].left),
    ),
    "batch": (alone(Smooth, batch=ff.Batch(4)), lambda count: count),
}


@pytest.mark.parametrize("second_pts", [0.0, 5000.0], ids=["begins at 0", "has run for longer"])
@pytest.mark.parametrize("kind", NODES)
def test_the_second_source_is_as_the_first_one_was(kind: str, second_pts: float) -> None:
    make, seen_of = NODES[kind]
    pipeline = ff.Pipeline(keep_running=True)
    sources = {"hall": (Push(), PTS), "vault": (Push(), second_pts)}
    port = pipeline.add(sources["hall"][0], name="hall")
    merge, last = make(pipeline, port)
    reader = pipeline.reader(last, queue=ff.Queue(200, "drop_newest"))
    outcomes: dict[str, list[Any]] = {"hall": [], "vault": []}
    with pipeline:
        for name, (source, pts) in sources.items():
            if name == "vault":
                pipeline.remove(port)
                parent = pipeline.add(source, name=name)
                pipeline.connect(merge, parent)
            for n in range(COUNT):
                source.push_stamped(crossing(n), pts + n * STEP, time.monotonic())
                sample = reader.get(WATCHDOG)
                assert sample.source == name
                outcomes[name].append(seen_of(sample.value))
    assert outcomes["vault"] == outcomes["hall"]
    assert len(outcomes["hall"]) == COUNT
