"""The truth of the built-in scenes ``demo:circles`` and ``demo:shapes``, and a model that detects shapes."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import _check, _native
from ._interpreter import calls as _calls

__all__ = ["DemoCircle", "DemoShape", "circles", "shapes", "shapes_model"]


@dataclass(frozen=True, slots=True)
class DemoCircle:
    """One circle of the demo scene's truth.

    Attributes:
        id: Number of the ball, from 0.
        x: Centre in pixels; the centre of the top left pixel is (0, 0).
        y: The same.
        r: Radius in pixels.
        visible: Share of the rim that is inside the picture and not hidden, 0 to 1.
    """

    id: int
    x: float
    y: float
    r: float
    visible: float


def circles(url: str, seq: int) -> list[DemoCircle]:
    """The truth of frame ``seq`` of a ``demo:circles?...`` URL.

    Raises:
        OptionError: Any other URL, or a negative seq.
    """
    return [
        DemoCircle(circle.id, circle.x, circle.y, circle.r, circle.visible)
        for circle in _native.demo_circles(_check.text("url", url), _check.integer("seq", seq))
    ]


@dataclass(frozen=True, slots=True)
class DemoShape:
    """One shape of the truth of ``demo:shapes``.

    Attributes:
        id: Number of the shape, from 0.
        class_name: "ball", "square" or "triangle".
        x1: Pixels, the left edge; the picture's top left corner is (0, 0).
        y1: The upper edge.
        x2: The right edge.
        y2: The lower edge.
        visible: Share of the circle around it that is inside the picture and not hidden, 0 to 1.
    """

    id: int
    class_name: str
    x1: float
    y1: float
    x2: float
    y2: float
    visible: float


def shapes(url: str, seq: int) -> list[DemoShape]:
    """The truth of frame ``seq`` of a ``demo:shapes?...`` URL.

    Raises:
        OptionError: Any other URL, or a negative seq.
    """
    return [
        DemoShape(shape.id, shape.class_name, shape.x1, shape.y1, shape.x2, shape.y2, shape.visible)
        for shape in _native.demo_shapes(_check.text("url", url), _check.integer("seq", seq))
    ]


def shapes_model() -> Path:
    """The ONNX file of a detector of balls, squares and triangles, for OnnxDetector.

    It has 0.6 MB. This project trained it with painted scenes, and its licence is the project's.
    """
    return Path(__file__).with_name("_shapes") / "shapes.onnx"


_calls.explain(__all__, globals())
