"""Predicts boxes for the frames between a detector's results."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import _check, _native
from .._errors import GraphError
from .._graph.contract import Contract
from .._graph.node import NativeNode
from .._graph.value_types import fits
from .._results.detections import Detections


# Any, because mypy infers no common type for a list of two different ports. Pipeline.add() checks them.
class BoxPredictor(NativeNode[Any, Detections]):
    """Predicts the boxes of tracks for every frame of a camera. Native.

    If a detector is slower than its camera, there are tracks for every n-th frame only, and drawn boxes do
    not move in between. With the camera and the tracker as parents, this node emits one result per frame: the
    newest tracks, each moved by its velocity to the time of the frame. The columns ``place``, ``keypoints``
    and ``corners`` of ``data`` move with the boxes; ``mask`` is left out. It never waits for the detector.

    Args:
        max_age: Tracks older than this many seconds are not used, above 0 and at most 60. Without newer ones
            the result is empty.

    Raises:
        GraphError: The parents of add() are not a port of frames and one of boxes.
        OptionError: An option is out of range.
        OptionTypeError: An option is of the wrong type.

    Example:
        >>> import freshframe as ff
        >>> pipeline = ff.Pipeline()
        >>> camera = pipeline.add(ff.open("demo:shapes?frames=10&pace=0"))
        >>> boxes = pipeline.add(lambda frame: ff.Detections([[9, 9, 50, 50]], [0.9], [0]), camera)
        >>> tracks = pipeline.add(ff.BoxTracker(), boxes)
        >>> smooth = pipeline.add(ff.BoxPredictor(), [camera, tracks])
    """

    def _freshframe_contract(self) -> Contract:
        return Contract(types=(_native.Frame | Detections, Detections), check_parents=self._check_parents)

    def _check_parents(self, types: Sequence[Any]) -> None:
        """Requires a parent with frames and one with boxes; a parent of unknown type may be either."""
        for wanted, what in ((_native.Frame, "a camera"), (Detections, "a tracker")):
            if types and not any(fits(given, wanted) for given in types):
                raise GraphError(
                    "BoxPredictor needs the frames of a camera and the boxes of its tracker, and none of its "
                    f"parents is {what}: add(ff.BoxPredictor(), [camera, tracks])"
                )

    def __init__(self, *, max_age: float = 0.5) -> None:
        self._handle = _native.make_box_predictor(_check.number("max_age", max_age))
