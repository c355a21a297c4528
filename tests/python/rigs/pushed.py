"""A reader below a source whose values the test pushes."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from support import Push, edge, until

import freshframe as ff


def pushed(
    queue: ff.Queue | None = None, *, live: bool = True
) -> tuple[ff.Pipeline, Push, ff.Reader[object]]:
    """A pipeline, its source and the source's reader."""
    pipeline, source = ff.Pipeline(), Push(live=live)
    return pipeline, source, pipeline.reader(pipeline.add(source), queue=queue)


def arrived(pipeline: ff.Pipeline, count: int) -> None:
    """Waits until the source has offered `count` samples to the reader."""
    until(lambda: edge(pipeline, "reader").passed_in == count, f"{count} samples to be offered to the reader")
