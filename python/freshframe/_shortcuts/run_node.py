"""One node alone, for tests of nodes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from .. import _check, _native
from .._errors import OptionError, OptionTypeError
from .._graph.batch import Batch
from .._graph.source import Source
from .._pipeline.pipeline import Pipeline

if TYPE_CHECKING:
    from .._graph.port import Port
    from .._native import Frame, Sample
    from .._process.process import Process


class _Values(Source[Any]):
    """The values of a test; waits for a slow consumer."""

    live = False
    _may_be_empty = True  # no warning that it gave nothing

    def __init__(self, values: Iterable[Any], fps: float) -> None:
        self._values = values
        self._fps = fps

    def read(self) -> Iterator[tuple[Any, float]]:
        for number, value in enumerate(self._values):
            if self.stop_token.wait(0):
                return
            yield value, number / self._fps


def _values_port(
    pipeline: Pipeline, values: Iterable[Any], frames: Iterable[Frame] | None, fps: float
) -> Port[Any]:
    if frames is None:
        return pipeline.add(_Values(values, fps), name="values")
    if not isinstance(frames, Iterable):
        raise OptionTypeError(f"frames must be iterable, got {_check.show(frames)}")
    given, pictures = list(values), list(frames)
    for picture in pictures:
        if not isinstance(picture, _native.Frame):
            raise OptionTypeError(f"each of frames must be a Frame, got {_check.show(picture)}")
    if len(given) != len(pictures):
        raise OptionError(f"frames must be as many as values, {len(given)}, got {len(pictures)}")
    each = iter(given)

    def get_value(_: Frame) -> Any:
        return next(each)

    return pipeline.add(get_value, pipeline.add(_Values(pictures, fps), name="frames"), name="values")


def run_node(
    node: Any,
    values: Iterable[Any],
    *,
    fps: float = 30.0,
    frames: Iterable[Frame] | None = None,
    process: bool | Process = False,
    batch: Batch | None = None,
) -> list[Sample[Any]]:
    """Runs one node alone over ``values`` and returns the samples that it emits, for tests of nodes.

    The node runs as in a pipeline, on its own thread or natively, and nothing is dropped.

    Args:
        node: A Node, native or not, or a callable, as of Pipeline.add().
        values: Its inputs, in order. A value that is a frame is also its sample's frame.
        frames: The frame of each value's sample, needed by a node that reads ``sample.frame``. As many as
            values.
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
        >>> [sample.value for sample in ff.testing.run_node(lambda frame: float(frame.luma.mean()), [frame])]
        [0.0]

    GIL: released while waiting.
    """
    if not _check.number("fps", fps) > 0:
        raise OptionError(f"fps must be more than 0, got {_check.show(fps)}")
    if not isinstance(values, Iterable):
        raise OptionTypeError(f"values must be iterable, got {_check.show(values)}")
    pipeline = Pipeline("run_node")
    source = _values_port(pipeline, values, frames, fps)
    reader = pipeline.reader(pipeline.add(node, source, process=process, batch=batch))
    with pipeline:
        return list(reader)
