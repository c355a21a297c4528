"""Nodes and pipelines with batches."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Any

from support import Count

import freshframe as ff

LONG = 1000.0  # seconds; so long that the test completes each batch in another way


def values(samples: list[ff.Sample[Any]]) -> list[Any]:
    return [sample.value for sample in samples]


class Doubled(ff.Node[int, int]):
    """Doubles its values, and keeps those of each call."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []

    def process_batch(self, samples: list[ff.Sample[int]]) -> list[int | Exception | None]:
        self.calls.append([sample.value for sample in samples])
        return [2 * sample.value for sample in samples]


def run(node: Any, count: int = 20, **options: Any) -> tuple[ff.Pipeline, list[ff.Sample[Any]]]:
    """Runs the node on 0, 1, ... in batches of 8, of which only the last may be smaller."""
    pipeline = ff.Pipeline()
    source = pipeline.add(Count(count), name="count")
    options.setdefault("batch", ff.Batch(8, max_wait=LONG))
    reader = pipeline.reader(pipeline.add(node, source, name="node", **options))
    with pipeline:
        return pipeline, list(reader)


def merged() -> tuple[ff.Pipeline, list[ff.Port[int]], ff.Port[int]]:
    pipeline = ff.Pipeline()
    ports = [pipeline.add(Count(5 + i), name=f"cam{i}") for i in range(3)]
    return pipeline, ports, pipeline.add(Doubled(), ports, name="boxes", batch=ff.Batch(4))
