"""MockCamera: delivers one frame repeatedly, for tests and development without a camera."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .. import _check, _native
from .._graph.contract import Contract
from .._graph.source import NativeSource
from .._interpreter import fork

if TYPE_CHECKING:
    from .._native import Frame


class MockCamera(NativeSource["Frame"]):
    """Delivers the same frame ``fps`` times per second, like a camera.

    Frames that it cannot deliver in time are counted as dropped with the cause ``device``.

    Args:
        frame: An image's path, a Frame, or a uint8 array, (H, W, 3) BGR or (H, W) gray. Default: a red disc
            on white, 640x480.
        fps: Frames per second, more than 0 and at most 1000.

    Raises:
        OptionError: fps is out of range, or the array has a wrong shape.
        OptionTypeError: An argument is of the wrong type.

    Example:
        >>> import numpy as np
        >>> import freshframe as ff
        >>> camera = ff.testing.MockCamera(ff.Frame.from_array(np.zeros((48, 64, 3), np.uint8)), fps=14)
        >>> next(iter(ff.stream(camera))).seq
        0
    """

    def _freshframe_contract(self) -> Contract:
        return Contract(types=(None, _native.Frame))

    def __init__(self, frame: Any = None, *, fps: float = 14.0) -> None:
        """Loads the frame, or draws the default one."""
        if isinstance(frame, (str, os.PathLike)):
            picture: str | Frame = _check.path("frame", frame)
        elif isinstance(frame, _native.Frame):
            picture = frame
        elif frame is None:
            picture = _red_disc()
        else:
            gray = _dimensions(frame) == 2
            picture = _native.Frame.from_array(frame, "gray" if gray else "bgr")
        self._handle = _native.make_mock_camera(picture, _check.number("fps", fps))


def _dimensions(image: Any) -> int | None:
    if hasattr(image, "ndim"):
        return int(image.ndim)
    try:
        return memoryview(image).ndim
    except TypeError:  # from_array() raises a better error
        return None


def _red_disc() -> Frame:
    with fork.explaining(), fork.loading():
        import numpy as np  # noqa: PLC0415

    y, x = np.mgrid[:480, :640]
    pixels = np.full((480, 640, 3), 255, np.uint8)
    pixels[np.hypot(x - 320, y - 240) < 120] = (40, 40, 200)
    return _native.Frame.from_array(pixels, "bgr")
