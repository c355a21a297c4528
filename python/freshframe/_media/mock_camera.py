"""MockCamera: delivers one frame repeatedly or several once, for tests and development without a camera."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

from .. import _check, _native
from .._graph.contract import Contract
from .._graph.source import NativeSource
from .._interpreter import fork

if TYPE_CHECKING:
    from .._native import Frame


class MockCamera(NativeSource["Frame"]):
    """Delivers the same frame ``fps`` times per second, like a camera, or each frame of a list once.

    One frame is repeated until the pipeline stops. Frames that it cannot deliver in time are counted as
    dropped with the cause ``device``. The frames of a list are delivered in turn, with the pts 0, 1 / fps,
    ..., and then the stream ends. None of them is dropped: like a file, the camera waits for slow nodes.

    Args:
        frame: An image's path, a Frame, a uint8 array, (H, W, 3) BGR or (H, W) gray, or a list of these.
            Default: a red disc on white, 640x480.
        fps: Frames per second, more than 0 and at most 1000.
        rotate: Degrees clockwise by which the frames are rotated, as in open(): 0, 90, 180 or 270.

    Raises:
        OptionError: fps is out of range, rotate is another number, an array has a wrong shape, or the list is
            empty.
        OptionTypeError: An argument is of the wrong type.
        SourceError: An image of the list, or one to rotate, cannot be read. A single one is otherwise read
            when the pipeline starts.

    Example:
        >>> import numpy as np
        >>> import freshframe as ff
        >>> camera = ff.testing.MockCamera(ff.Frame.from_array(np.zeros((48, 64, 3), np.uint8)), fps=14)
        >>> next(iter(ff.stream(camera))).seq
        0
        >>> frames = [np.full((48, 64), tone, np.uint8) for tone in (0, 99, 200)]
        >>> [s.frame.luma[0, 0].item() for s in ff.stream(ff.testing.MockCamera(frames, fps=100))]
        [0, 99, 200]
    """

    def _freshframe_contract(self) -> Contract:
        return Contract(types=(None, _native.Frame))

    def __init__(
        self, frame: Any = None, *, fps: float = 14.0, rotate: Literal[0, 90, 180, 270] | None = None
    ) -> None:
        """Loads the frames, or draws the default one."""
        degrees = _check.degrees(rotate)
        given: str | Frame | list[Frame]
        if isinstance(frame, (list, tuple)):
            given = [_rotated(each, degrees) for each in frame]
        elif _is_path(frame) and degrees == 0:
            given = _check.path("frame", frame)
        else:
            given = _rotated(_red_disc() if frame is None else frame, degrees)
        handle = _native.make_mock_camera(given, _check.number("fps", fps))
        self.live = handle.live
        self._handle = handle


def _is_path(frame: Any) -> bool:
    return isinstance(frame, (str, os.PathLike))


def _rotated(frame: Any, degrees: int) -> Frame:
    upright = _native.Frame.read(frame) if _is_path(frame) else _frame(frame)
    return _native.rotate_frame(upright, degrees) if degrees else upright


def _frame(frame: Any) -> Frame:
    if isinstance(frame, _native.Frame):
        return frame
    return _native.Frame.from_array(frame, "gray" if _dimensions(frame) == 2 else "bgr")


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
