"""Programs with typical mistakes, for the tests of wrong usages."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from support import Count, Push, until

import freshframe as ff


def joined(function: Any, first: str = "left", second: str = "right") -> Callable[[], object]:
    def attempt() -> object:
        pipeline = ff.Pipeline()
        parents = [pipeline.add(Count(3), name=name) for name in (first, second)]
        return pipeline.add(function, parents, join=ff.Join(by="seq"))

    return attempt


def reads(items: Any) -> Callable[[], object]:
    """Returns an attempt to run a source whose read() is this function."""

    class Own(ff.Source[Any]):
        live = False

        def read(self) -> Any:
            return items()

    def attempt() -> None:
        pipeline = ff.Pipeline()
        pipeline.add(lambda value: value, pipeline.add(Own()))
        pipeline.run()

    return attempt


def numbers() -> Iterator[int]:
    yield 1


class GivesSample(ff.Node[Any, Any]):
    def process(self, sample: ff.Sample[Any], /) -> Any:
        return sample


def swapped(right: int, left: int) -> int:
    return right - left


def forgot_return(take: Callable[[ff.Reader[Any]], object]) -> Callable[[], object]:
    def light(value: int) -> Any:
        _ = value + 1

    def attempt() -> object:
        pipeline, camera = ff.Pipeline(), Push()
        reader = pipeline.reader(pipeline.add(light, pipeline.add(camera), name="light", queue=ff.Queue(99)))
        with pipeline:
            camera.push(*range(60))
            until(lambda: pipeline.stats().nodes["light"].processed == 60, "all samples")
            return take(reader)

    return attempt
