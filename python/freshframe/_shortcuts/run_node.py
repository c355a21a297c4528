"""run_node(): runs a single node, for tests."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from .. import _check, _native
from .._errors import OptionError, OptionTypeError
from .._graph.batch import Batch
from .._graph.source import Source
from .._pipeline.pipeline import Pipeline
from .made_stamp import MadeStamp, stamp

if TYPE_CHECKING:
    from .._graph.port import Port
    from .._native import Frame, Sample, Stamp
    from .._process.process import Process


class _Values(Source[Any]):
    """Emits the values of a test; waits for a slow consumer."""

    live = False
    _may_be_empty = True  # no warning if it gives nothing

    def __init__(self, values: Iterable[Any], fps: float) -> None:
        self._values = values
        self._fps = fps

    def read(self) -> Iterator[tuple[Any, float]]:
        for number, value in enumerate(self._values):
            if self.stop_token.wait(0):
                return
            yield value, number / self._fps


_GAPS = Batch(64, max_wait=0)  # one call for many samples: about 2 us per skipped number


class _StampedValues(Source[Any]):
    """Values with given stamps. The engine numbers a source's samples, so None fills the gaps."""

    live = False
    _may_be_empty = True  # no warning that it gave nothing

    def __init__(self, values: list[Any], stamps: list[MadeStamp], fps: float) -> None:
        self._values = values
        self._stamps = stamps
        self._fps = fps

    def read(self) -> Iterator[tuple[Any, float] | tuple[Any, float, float]]:
        seq = 0
        for value, given in zip(self._values, self._stamps, strict=True):
            pts = given.seq / self._fps if given.pts is None else given.pts
            while seq < given.seq:
                if self.stop_token.stopped:
                    return
                yield None, pts
                seq += 1
            yield (value, pts) if given.captured is None else (value, pts, given.captured)
            seq += 1


def _read_stamps(stamps: Any, count: int) -> list[MadeStamp]:
    wanted = "stamps must be a list of ff.testing.stamp(), samples or their stamps"
    given = [_made(each, wanted) for each in _check.items(stamps, wanted)]
    if len(given) != count:
        raise OptionError(f"stamps must have one entry for each of the {count} values, got {len(given)}")
    if len(sources := {each.source for each in given}) > 1:
        raise OptionError(f"stamps must all belong to one source, got {_check.show(sorted(sources))}")
    for one, following in itertools.pairwise(given):
        if following.seq <= one.seq:
            raise OptionError(
                f"each seq of stamps must be greater than the previous one, {one.seq}, got {following.seq}"
            )
    return given


def _made(given: Any, wanted: str) -> MadeStamp:
    if isinstance(given, MadeStamp):
        return given
    if not isinstance(given, _native.Sample | _native.Stamp):
        raise OptionTypeError(f"{wanted}, got {_check.show(given)}")
    return stamp(seq=given.seq, pts=given.pts, captured=given.captured, source=given.source)


def _stamped_port(
    pipeline: Pipeline, given: list[Any], pictures: list[Any], stamps: list[MadeStamp], fps: float
) -> Port[Any]:
    if any(each is None for each in given):
        raise OptionError("values must not contain None if stamps= is given, because None is not a result")
    each = iter(given)

    def values(samples: list[Any]) -> list[Any]:
        return [None if sample is None else next(each) for sample in samples]

    name = stamps[0].source if stamps else "values"
    source = pipeline.add(_StampedValues(pictures, stamps, fps), name=name)
    return pipeline.add(values, source, batch=_GAPS)


def _values_port(
    pipeline: Pipeline, values: Iterable[Any], frames: Iterable[Frame] | None, stamps: Any, fps: float
) -> Port[Any]:
    if frames is None and stamps is not None:
        given = list(values)
        return _stamped_port(pipeline, given, given, _read_stamps(stamps, len(given)), fps)
    if frames is None:
        return pipeline.add(_Values(values, fps), name="values")
    if not isinstance(frames, Iterable):
        raise OptionTypeError(f"frames must be iterable, got {_check.show(frames)}")
    given, pictures = list(values), list(frames)
    for picture in pictures:
        if not isinstance(picture, _native.Frame):
            raise OptionTypeError(f"each entry of frames must be a Frame, got {_check.show(picture)}")
    if len(given) != len(pictures):
        raise OptionError(
            f"frames must have one entry for each of the {len(given)} values, got {len(pictures)}"
        )
    if stamps is not None:
        return _stamped_port(pipeline, given, pictures, _read_stamps(stamps, len(given)), fps)
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
    stamps: Iterable[MadeStamp | Sample[Any] | Stamp] | None = None,
    process: bool | Process = False,
    batch: Batch | None = None,
) -> list[Sample[Any]]:
    """Runs one node alone over ``values`` and returns the samples that it emits, for tests of nodes.

    The node runs as in a pipeline, on its own thread or natively, and nothing is dropped.

    Args:
        node: A Node, native or not, or a callable, as for Pipeline.add().
        values: Its inputs, in order. A value that is a frame is also its sample's frame.
        frames: One frame per value, for nodes that read ``sample.frame``.
        fps: Value number ``seq`` has the pts ``seq / fps``.
        stamps: The number, times and source of each value's sample, to run a node on a sample that it failed
            on: ``run_node(node, [error.sample.value], stamps=[error.sample])``, or ``ff.testing.stamp()`` in
            another program. As many as values, of one source, with ascending ``seq``. Skipping to a high
            ``seq`` takes about 2 us per number.
        process: As for Pipeline.add().
        batch: As for Pipeline.add().

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
    source = _values_port(pipeline, values, frames, stamps, fps)
    reader = pipeline.reader(pipeline.add(node, source, process=process, batch=batch))
    with pipeline:
        return list(reader)
