"""Predicted boxes for the pictures between a detector's results."""
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


# Any: mypy finds no common type for a list of ports of two. Pipeline.add() checks them.
class BoxPredictor(NativeNode[Any, Detections]):
    """Gives the tracks' predicted boxes for each frame of a camera. Native.

    Where a detector is slower than its camera, its tracks come for every n-th frame, and a drawn box does not
    move in between. Below the camera and the tracker this node gives one result per frame of the camera: the
    newest tracks, each moved with its velocity to the time of the frame. The columns ``place``, ``keypoints``
    and ``corners`` of ``data`` move along, and ``mask`` is left out. The result of a frame does not wait for
    the detector's result.

    Args:
        max_age: Seconds after which tracks are too old to predict from, more than 0, at most 60. Without
            newer ones the result has no boxes.

    Raises:
        GraphError: add() has no frames or no boxes for it.
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
        """Without frames it gives nothing, and without tracks no box. Any type may be either."""
        for wanted, what in ((_native.Frame, "a camera"), (Detections, "a tracker")):
            if types and not any(fits(given, wanted) for given in types):
                raise GraphError(
                    "BoxPredictor needs the frames of a camera and the boxes of its tracker, and none of its "
                    f"parents is {what}: add(ff.BoxPredictor(), [camera, tracks])"
                )

    def __init__(self, *, max_age: float = 0.5) -> None:
        """Checks the option. There are no tracks yet."""
        self._handle = _native.make_box_predictor(_check.number("max_age", max_age))
