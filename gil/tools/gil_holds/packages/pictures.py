"""Calls of pictures and drawings."""

# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D103 (calls.py says what each is)
from __future__ import annotations

import io
from typing import Any

from inputs import picture_of
from row import Prepared


def cv2_blur() -> Prepared:
    import cv2  # noqa: PLC0415

    picture = picture_of()
    return lambda: cv2.GaussianBlur(picture, (31, 31), 0)


def cv2_jpeg() -> Prepared:
    import cv2  # noqa: PLC0415

    picture = picture_of()
    return lambda: cv2.imencode(".jpg", picture)


def pil(height: int = 2160) -> Any:
    from PIL import Image  # noqa: PLC0415

    return Image.fromarray(picture_of(height))


def pil_resize() -> Prepared:
    image = pil()
    return lambda: image.resize((1920, 1080))


def pil_jpeg() -> Prepared:
    image = pil()
    return lambda: image.save(io.BytesIO(), "JPEG")


def pil_colors() -> Prepared:
    image = pil(1080)
    return lambda: image.getcolors(2_000_000)


def matplotlib() -> Prepared:
    import numpy as np  # noqa: PLC0415
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(12, 8))
    axes = figure.add_subplot()
    axes.scatter(*np.random.default_rng(6).normal(size=(2, 100_000)), s=4)
    canvas = FigureCanvasAgg(figure)
    call: Prepared = canvas.draw
    return call


def contour() -> Prepared:
    import contourpy  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    heights = np.random.default_rng(7).normal(size=(3000, 3000)).cumsum(0).cumsum(1)
    generator = contourpy.contour_generator(z=heights)
    return lambda: generator.lines(0.0)
