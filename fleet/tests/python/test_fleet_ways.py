"""An agent counts the frames of those sources whose samples reach an output."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import freshframe as ff
from freshframe_fleet._agent.run import add_final_counts

FRAMES = {"a": 5, "b": 7, "c": 11}


class Numbers(ff.Source[int]):
    live = False

    def __init__(self, end: int) -> None:
        self.end = end

    def read(self) -> Iterator[tuple[int, float]]:
        for number in range(self.end):
            yield number, number * 0.04


class Sums(ff.Node[int, int]):
    """Starts a stream, which has one sample."""

    def process(self, sample: ff.Sample[int]) -> int:
        return sample.value

    def finish(self) -> Iterator[int]:
        yield 0


def same(value: Any) -> Any:
    return value


def first(value: Any, _: Any) -> Any:
    return value


class Build:
    """A pipeline with three sources, and the last nodes of some outputs."""

    def __init__(self) -> None:
        self.pipeline = ff.Pipeline()
        self.ends: list[Any] = []
        self.a, self.b, self.c = (self.pipeline.add(Numbers(end), name=name) for name, end in FRAMES.items())

    def add(self, parent: Any, node: Any = same, **options: Any) -> ff.Port[Any]:
        return self.pipeline.add(node, parent, **options)

    def joined(self, *parents: ff.Port[Any]) -> ff.Port[Any]:
        return self.add(parents, first, join=ff.Join(within=10.0))

    def end(self, port: ff.Port[Any]) -> None:
        outlet: Any = self.pipeline.add(lambda _: None, port, name=f"outlet {len(self.ends)}")
        self.ends.append(SimpleNamespace(name_in_pipeline=outlet.name, counts=Counter()))


def a_merge(build: Build) -> ff.Port[Any]:
    return build.add([build.a, build.b])


def one_of_two_branches(build: Build) -> None:
    build.end(build.add([build.add(build.a), build.add(build.b)]).of(build.a))


def above_a_branch(build: Build) -> None:
    build.end(build.add(build.add(a_merge(build).of(build.a))))


def two_limits(build: Build) -> ff.Port[Any]:
    return build.add([a_merge(build).of(build.a), build.c])


def two_outputs(build: Build) -> None:
    merged = build.add([build.a, build.b, build.c])
    for source in (build.a, build.c):
        build.end(merged.of(source))


def a_join_below_a_limit(build: Build) -> None:
    build.end(build.joined(a_merge(build).of(build.a), build.c))


def a_limit_below_a_join(build: Build) -> None:
    build.end(build.add([build.joined(build.a, build.b), build.c]).of(build.a))


def a_stream_of_a_node(build: Build) -> None:
    sums = build.add([build.a, build.b], Sums(), name="sums")
    build.end(build.add([sums, build.c]).of(sums.of(sums)))


WAYS: dict[Callable[[Build], None], str] = {
    lambda build: build.end(a_merge(build)): "ab",
    lambda build: build.end(a_merge(build).of(build.a)): "a",
    one_of_two_branches: "a",
    above_a_branch: "a",
    lambda build: build.end(two_limits(build)): "ac",
    lambda build: build.end(two_limits(build).of(build.c)): "c",
    lambda build: build.end(two_limits(build).of(build.a)): "a",
    two_outputs: "ac",
    a_join_below_a_limit: "ac",
    a_limit_below_a_join: "ab",
    a_stream_of_a_node: "ab",
}


@pytest.mark.table(cases=4)
@pytest.mark.parametrize("way", WAYS, ids=range(len(WAYS)))
def test_only_frames_that_can_come_to_an_output_are_counted(way: Callable[[Build], None]) -> None:
    build = Build()
    way(build)
    build.pipeline.run()
    counts = add_final_counts(build.pipeline, build.ends)
    assert counts["frames"] == sum(FRAMES[source] for source in WAYS[way])
