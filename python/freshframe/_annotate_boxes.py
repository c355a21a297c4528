"""Draws boxes and what is known of them: a node in Python around the native painter."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _check, _native
from ._errors import OptionError, OptionTypeError
from ._nodes import Node
from ._tracker import boxes_of
from .results import Detections

if TYPE_CHECKING:
    from ._native import Frame, Sample


class AnnotateBoxes(Node[Detections, "Frame"]):
    """Draws boxes and labels into a copy of each sample's frame; takes supervision's Detections, too.

    The copy has the frame's own format, and a gray frame becomes I420, as of Annotate. A tracked box has
    the colour of its id, another one a colour from red to green by its confidence.

    Args:
        ids: Label boxes with their tracker_id.
        names: Label boxes with the names of their classes, where the Detections have them.
        confidences: Label boxes with their confidence.
        line_width: Pixels, at most 100; 0: chosen from the picture's size.

    Raises:
        OptionError: line_width is out of range.
        OptionTypeError: An option is of the wrong type.
    """

    def __init__(
        self, *, ids: bool = True, names: bool = True, confidences: bool = False, line_width: float = 0.0
    ) -> None:
        """See the class."""
        self._ids = _check.flag("ids", ids)
        self._names = _check.flag("names", names)
        self._confidences = _check.flag("confidences", confidences)
        self._painter = _native.BoxPainter(_check.number("line_width", line_width))

    def draw(self, frame: Frame, detections: Detections) -> Frame:
        """A copy of one frame with its boxes, for programs without a pipeline.

        Args:
            frame: The picture.
            detections: Its boxes; supervision's Detections do, too.

        Raises:
            OptionTypeError: An argument is of another type.
        GIL: released while drawing.
        """
        if not isinstance(frame, _native.Frame):
            raise OptionTypeError(
                f"draw() needs a Frame, as Frame.from_array() makes it, got {_check.shown(frame)}"
            )
        return self._drawn(frame, boxes_of("AnnotateBoxes", detections, "draw() got a"))

    def process(self, sample: Sample[Detections], /) -> Frame:
        """A copy of the frame in which the boxes were found, with the boxes. GIL: released while drawing."""
        found = boxes_of("AnnotateBoxes", sample.value, f"{sample.node!r} gave a")
        frame = sample.frame
        if frame is None:
            raise OptionError(
                "AnnotateBoxes needs the frame in which the boxes were found, but this sample carries none"
            )
        return self._drawn(frame, found)

    def _drawn(self, frame: Frame, found: Detections) -> Frame:
        return self._painter.draw(frame, found.xyxy, found.confidence, found.tracker_id, self._labels(found))

    def _labels(self, found: Detections) -> list[str]:
        columns: list[list[str]] = []
        if self._ids and found.tracker_id is not None:
            columns.append([f"#{number}" for number in found.tracker_id.tolist()])
        names = found.class_name if self._names else None
        if names is not None:
            columns.append([str(name) for name in names.tolist()])
        if self._confidences:
            columns.append([f"{confidence:.2f}" for confidence in found.confidence.tolist()])
        if not columns:
            return [""] * len(found)
        return [" ".join(parts) for parts in zip(*columns, strict=True)]
