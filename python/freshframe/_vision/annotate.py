"""Annotate: the native node that draws results into frames."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numbers
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
        f'labels must be a string such as "{{class_name}} {{confidence:.2f}}", or "" for no labels; '
        f"got {_check.show(labels)}"
    )


def list_fields(labels: str) -> list[str]:
    """Returns the field names in a label pattern that Annotate has accepted."""
    with fork.explaining(), fork.loading():
        from string import Formatter  # noqa: PLC0415  (few labels are given)

    return [name for _, name, _, _ in Formatter().parse(labels) if name is not None]


class Annotate(NativeNode["Circles | Detections | LineCounts | Zones", "Frame"]):
    """Draws circles, boxes or counts with labels and trails into a copy of each sample's frame. Native.

    Accepts Circles, Detections (also supervision's), and the results of LineCounter and ZoneCounter, drawn as
    the line or zones with their counts. The copy keeps the pixel format: a frame decoded to I420 stays I420,
    so an encoder needs no conversion. A gray frame becomes I420, so that it can show colours.

    The colour of a circle depends on its id or, without one, on its confidence; that of a box on its class.
    Lines and text scale with the frame size. Labels are ASCII only: accents are removed, and any other
    character becomes an empty box.

    Args:
        labels: Text for each object, with fields in braces, such as ``"{class_name} {speed:.0f} m/s
            {plate}"``. Fields are the keys of to_dicts(), dwell (downstream of a ZoneCounter), and each
            column of ``data`` with one value per box of float32, float64, int32, int64, bool or str; convert
            other types first. A colon starts a Python format specification of the form
            [+][0][width][.precision][type] with the types d, e, f, g, % and s. A field without a value (NaN,
            "") is left out, with the text up to the next field. By default, objects are labelled with their
            id, and boxes also with class name and confidence. "": no labels.
        caption: Text in a corner of the frame, with the fields pts, seq, count (of objects) and utc, which
            has a strftime format: ``"door {utc:%H:%M:%S}"``.
        trail: Seconds of a tracked object's path to draw, at most 60; 0: none.
        line_width: Pixels, at most 100; None: chosen by the frame size.
        blur: Names of classes whose boxes (or masks, if there are any) are pixelated beyond recognition,
            before anything is drawn.
        masks: Whether to colour the masks of column ``mask`` (see ``freshframe.masks.encode``).
        skeletons: Whether to draw the key points of column ``keypoints``: (n, k, 2) float32, or (n, k, 3)
            with confidences, where points of at least 0.5 are drawn. The 17 key points of a COCO person are
            joined by lines. For others give the pairs to join, counted from 0: ``[(0, 1), (1, 2)]``. Boxes
            with a column ``corners``, (n, 4, 2) float32, are drawn as oriented boxes.

    Raises:
        OptionError: An option is out of range, or ``labels`` or ``caption`` has an unknown field or an
            invalid format.
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
        skeletons: bool | Sequence[tuple[int, int]] = True,
    ) -> None:
        rules = _native.make_annotate_rules(
            _labels(labels),
            "" if caption is None else _check.text("caption", caption),
            _names("blur", blur),
            _check.flag("masks", masks),
            skeletons is not False,
            _bones(skeletons),
        )
        self._handle = _native.make_annotate(
            _check.number("trail", trail),
            None if line_width is None else _check.number("line_width", line_width),
            rules,
        )
        self._labels = labels or ""
        self._updating = threading.Lock()

    def _check_parents(self, types: Sequence[Any]) -> None:
        """Checks the label fields for Circles, which cannot have further columns.

        Raises:
            OptionError: ``labels`` has a field that none of the parents' values has.
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
        """Draws into a copy of one frame, without a pipeline.

        Args:
            frame: The frame; it is not changed.
            found: Circles, Detections (also supervision's), LineCounts or Zones.
            pts: Timestamp in seconds, ascending, for the trails; None: no trails.

        Raises:
            StateError: This Annotate was added to a pipeline.
            OptionTypeError: An argument has the wrong type.
            OptionError: pts is infinite or nan.
        GIL: released.
        """
        if not isinstance(frame, _native.Frame):
            raise OptionTypeError(
                f"draw() needs a Frame, such as Frame.from_array() returns, got {_check.show(frame)}"
            )
        seconds = None if pts is None else _check.number("pts", pts)
        with self._updating:
            return _native.annotate(self._handle, frame, found, seconds)


def _bones(given: Any) -> list[tuple[int, int]]:
    wanted = "skeletons must be True, False or pairs of key points, such as [(0, 1), (1, 2)]"
    if isinstance(given, bool):
        return []
    items = _check.items(given, wanted)
    if any(isinstance(item, numbers.Number) for item in items):
        raise OptionTypeError(f"{wanted}, got {_check.show(given)}; one pair is [(0, 1)]")
    pairs = [_check.several(pair, 2, wanted) for pair in items]
    if not pairs:
        raise OptionError(f"{wanted}, got no pair; pass True to draw the points without lines")
    return [
        (_check.integer("a key point of skeletons", start), _check.integer("a key point of skeletons", end))
        for start, end in pairs
    ]


def _names(option: str, given: Any) -> list[str]:
    names = _check.items(given, f"{option} must be names of classes, such as ['face']")
    return [_check.text(f"a name of {option}", name) for name in names]
