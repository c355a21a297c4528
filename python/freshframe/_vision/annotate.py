"""Annotate: the native node that draws results into pictures."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .. import _check, _native
from .._errors import OptionError, OptionTypeError
from .._graph.contract import Contract
from .._graph.node import NativeNode
from .._interpreter import fork
from .._results.circles import Circles
from .._results.columns import CIRCLE_COLUMNS
from .._results.detections import Detections

if TYPE_CHECKING:
    from .._native import Frame
    from .line_counts import LineCounts
    from .zones import Zones


def _labels(labels: Any) -> str | None:
    if labels is None or isinstance(labels, str):
        return labels if not labels else _check.text("labels", labels)
    raise OptionTypeError(
        f'labels must be a text such as "{{class_name}} {{confidence:.2f}}", or "" for no labels; '
        f"got {_check.show(labels)}"
    )


def list_fields(labels: str) -> list[str]:
    """The names of the fields of a pattern that Annotate has accepted."""
    with fork.explaining(), fork.loading():
        from string import Formatter  # noqa: PLC0415  (few labels are given)

    return [name for _, name, _, _ in Formatter().parse(labels) if name is not None]


class Annotate(NativeNode["Circles | Detections | LineCounts | Zones", "Frame"]):
    """Draws circles, boxes or counts with their labels and trails into a copy of each sample's frame. Native.

    Takes Circles, Detections (also supervision's), or the counts of LineCounter and ZoneCounter, which it
    draws with the line or the zones and the numbers. The copy has the frame's own format: a frame that was
    decoded to I420 stays I420, so an encoder needs no conversion. A gray frame becomes I420, to show colours.

    The colour of a circle depends on its id or, without one, on its confidence. The colour of a box depends
    on its class. Lines and letters are larger in larger pictures. Labels have ASCII letters only: accents are
    left out, and any other letter becomes an empty box.

    Args:
        labels: The text at each object, with fields in braces, such as ``"{class_name} {speed:.0f} m/s
            {plate}"``. Fields are the keys of to_dicts(), dwell (below a zone), and each column of ``data``
            with one value per box of float32, float64, int32, int64, bool or text: convert others, which are
            Python's. After a colon stands Python's format specification, of the forms
            [+][0][width][.precision][type] with the types d, e, f, g, % and s. A field without a value (NaN,
            "") is left out, with the text up to the next field. Without this option an object has its
            id, and a box also the name of its class and its confidence. "": no labels.
        caption: None, or a text in the picture's corner, with the fields pts, seq, count (of objects) and
            utc, whose format is strftime's: ``"door {utc:%H:%M:%S}"``.
        trail: Seconds of the path of a tracked object to draw, at most 60; 0 means no path.
        line_width: Pixels, at most 100; None means a width that fits the picture's size.
        blur: Names of classes whose boxes (within their masks, if there are any) are made unrecognisable
            by squares of one colour. It is done before anything is drawn.
        masks: Whether to colour the masks of column ``mask`` (see ``freshframe.masks.encode``).
        skeletons: Whether to draw the key points of column ``keypoints``: (n, k, 2) float32, or (n, k, 3)
            with confidences, where points of at least 0.5 are drawn. The 17 of COCO's persons are joined by
            lines. Boxes with a column ``corners``, (n, 4, 2) float32, are drawn with these corners.

    Raises:
        OptionError: An option is out of range, or a text has a field or a format that cannot be.
        OptionTypeError: An option is of the wrong type.

    Example:
        >>> import freshframe as ff
        >>> pipeline = ff.Pipeline()
        >>> tracked = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open("demo:circles?frames=3")))
        >>> drawn = pipeline.reader(pipeline.add(ff.Annotate(), tracked))
        >>> with pipeline:
        ...     next(iter(drawn)).value.bgr.shape
        (720, 1280, 3)
    """

    def __init__(
        self,
        *,
        labels: str | None = None,
        caption: str | None = None,
        trail: float = 1.0,
        line_width: float | None = None,
        blur: Sequence[str] = (),
        masks: bool = True,
        skeletons: bool = True,
    ) -> None:
        """Checks the options. There are no trails yet."""
        rules = _native.make_annotate_rules(
            _labels(labels),
            "" if caption is None else _check.text("caption", caption),
            _names("blur", blur),
            _check.flag("masks", masks),
            _check.flag("skeletons", skeletons),
        )
        self._handle = _native.make_annotate(
            _check.number("trail", trail),
            None if line_width is None else _check.number("line_width", line_width),
            rules,
        )
        self._labels = labels or ""
        self._updating = threading.Lock()

    def _check_parents(self, types: Sequence[Any]) -> None:
        """Circles have no further columns: their fields are known before the first picture.

        Raises:
            OptionError: ``labels`` has a field that none of its parents' values has.
        """
        if not self._labels or any(given is not Circles for given in types):
            return
        known = ", ".join(CIRCLE_COLUMNS)
        for name in list_fields(self._labels):
            if name not in CIRCLE_COLUMNS:
                raise OptionError(f"Annotate(labels=) has a field {{{name}}}, but circles have only {known}")

    def _freshframe_contract(self) -> Contract:
        with fork.explaining(), fork.loading():
            from .line_counts import LineCounts  # noqa: PLC0415  (few programs count)
            from .zones import Zones  # noqa: PLC0415  (few programs count)

        types = Circles | Detections | LineCounts | Zones, _native.Frame
        return Contract(types=types, check_parents=self._check_parents)

    def draw(
        self, frame: Frame, found: Circles | Detections | LineCounts | Zones, *, pts: float | None = None
    ) -> Frame:
        """Draws into a copy of one frame, for programs without a pipeline.

        Args:
            frame: The picture.
            found: Circles, Detections (also supervision's), LineCounts or Zones.
            pts: Seconds, ascending, used for the trails; None means without trails.

        Raises:
            StateError: This Annotate was added to a pipeline.
            OptionTypeError: An argument is of another type.
            OptionError: pts is infinite or nan.
        GIL: released.
        """
        if not isinstance(frame, _native.Frame):
            raise OptionTypeError(
                f"draw() needs a Frame, as Frame.from_array() makes it, got {_check.show(frame)}"
            )
        seconds = None if pts is None else _check.number("pts", pts)
        with self._updating:
            return _native.annotate(self._handle, frame, found, seconds)


def _names(option: str, given: Any) -> list[str]:
    names = _check.items(given, f"{option} must be names of classes, such as ['face']")
    return [_check.text(f"a name of {option}", name) for name in names]
