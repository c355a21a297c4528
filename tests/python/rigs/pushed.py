"""A pipeline of a source into which the test pushes values, and a reader."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from support import Push, edge, until

import freshframe as ff


def pushed(
    queue: ff.Queue | None = None, *, live: bool = True
) -> tuple[ff.Pipeline, Push, ff.Reader[object]]:
    """Returns the pipeline, its source and the reader."""
    pipeline, source = ff.Pipeline(), Push(live=live)
    return pipeline, source, pipeline.reader(pipeline.add(source), queue=queue)


def arrived(pipeline: ff.Pipeline, count: int) -> None:
    """Waits until `count` samples have entered the edge to the reader."""
    until(lambda: edge(pipeline, "reader").passed_in == count, f"{count} samples to be offered to the reader")
