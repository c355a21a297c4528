"""Ground truth of the scenes ``demo:circles`` and ``demo:shapes``, and a model that detects the shapes."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import _check, _native
from ._interpreter import calls as _calls

__all__ = ["DemoCircle", "DemoShape", "circles", "shapes", "shapes_model"]


@dataclass(frozen=True, slots=True)
class DemoCircle:
    """A circle in the ground truth of ``demo:circles``.

    Attributes:
        id: Number of the ball, from 0.
        x: Centre in pixels; the centre of the top left pixel is (0, 0).
        y: Likewise, downwards.
        r: Radius in pixels.
        visible: Fraction of the outline that is inside the frame and not occluded, 0 to 1.
    """

    id: int
    x: float
    y: float
    r: float
    visible: float


def circles(url: str, seq: int) -> list[DemoCircle]:
    """Returns the ground truth of frame ``seq`` of a ``demo:circles?...`` URL.

    Raises:
        OptionError: The URL is of another kind, or seq is negative.
    """
    return [
        DemoCircle(circle.id, circle.x, circle.y, circle.r, circle.visible)
        for circle in _native.demo_circles(_check.text("url", url), _check.integer("seq", seq))
    ]


@dataclass(frozen=True, slots=True)
class DemoShape:
    """A shape in the ground truth of ``demo:shapes``.

    Attributes:
        id: Number of the shape, from 0.
        class_name: "ball", "square" or "triangle".
        x1: Left edge in pixels; the frame's top left corner is (0, 0).
        y1: Upper edge.
        x2: Right edge.
        y2: Lower edge.
        visible: Fraction of its circumscribed circle that is inside the frame and not occluded, 0 to 1.
    """

    id: int
    class_name: str
    x1: float
    y1: float
    x2: float
    y2: float
    visible: float


def shapes(url: str, seq: int) -> list[DemoShape]:
    """Returns the ground truth of frame ``seq`` of a ``demo:shapes?...`` URL.

    Raises:
        OptionError: The URL is of another kind, or seq is negative.
    """
    return [
        DemoShape(shape.id, shape.class_name, shape.x1, shape.y1, shape.x2, shape.y2, shape.visible)
        for shape in _native.demo_shapes(_check.text("url", url), _check.integer("seq", seq))
    ]


def shapes_model() -> Path:
    """Returns the path of an ONNX model that detects balls, squares and triangles, for OnnxDetector.

    The file is 0.6 MB. The model was trained on synthetic scenes and has this project's licence.
    """
    return Path(__file__).with_name("_shapes") / "shapes.onnx"


_calls.explain(__all__, globals())
