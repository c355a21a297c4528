"""One node alone, for tests of nodes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from .. import _check
from .._errors import OptionError, OptionTypeError
from .._graph.batch import Batch
from .._graph.nodes import Source
from .._pipeline.pipeline import Pipeline

if TYPE_CHECKING:
    from .._native import Sample, StopToken
    from .._process.options import Process


class _Values(Source[Any]):
    """The values of a test; waits for a slow consumer."""

    live = False

    def __init__(self, values: Iterable[Any], fps: float) -> None:
        self._values = values
        self._fps = fps

    def read(self, stop: StopToken, /) -> Iterator[tuple[Any, float]]:
        for number, value in enumerate(self._values):
            if stop.wait(0):
                return
            yield value, number / self._fps


def run_node(
    node: Any,
    values: Iterable[Any],
    *,
    fps: float = 30.0,
    process: bool | Process = False,
    batch: Batch | None = None,
) -> list[Sample[Any]]:
    """Runs one node alone over ``values`` and returns the samples that it emits, for tests of nodes.

    The node runs as in a pipeline, on a thread of its own or natively, and nothing is dropped.

    Args:
        node: A Node, native or not, or a callable, as of Pipeline.add().
        values: Its inputs, in order. A value that is a frame is also its sample's frame.
        fps: Value number ``seq`` has the pts ``seq / fps``.
        process: As of Pipeline.add().
        batch: As of Pipeline.add().

    Raises:
        NodeError: The node failed; ``__cause__`` is its exception.
        OptionError: An option is out of range.
        OptionTypeError: An argument is of the wrong type.

    Example:
        >>> import numpy as np
        >>> import freshframe as ff
        >>> frame = ff.Frame.from_array(np.zeros((48, 64, 3), np.uint8))
        >>> [sample.value for sample in ff.run_node(lambda frame: float(frame.luma.mean()), [frame])]
        [0.0]

    GIL: released while waiting.
    """
    if not _check.number("fps", fps) > 0:
        raise OptionError(f"fps must be more than 0, got {fps!r}")
    if not isinstance(values, Iterable):
        raise OptionTypeError(f"values must be iterable, got {_check.shown(values)}")
    pipeline = Pipeline("run_node")
    source = pipeline.add(_Values(values, fps), name="values")
    reader = pipeline.reader(pipeline.add(node, source, process=process, batch=batch))
    with pipeline:
        return list(reader)
