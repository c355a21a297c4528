"""ClipRecorder: writes clips of events, including the seconds before them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .. import _check, _native
from .._errors import OptionError
from .._graph.contract import Contract
from .._graph.node import NativeNode
from .ffmpeg_options import Preset, encoding
from .video_file import disk_size

if TYPE_CHECKING:
    from .._native import Frame, Packet  # noqa: F401  (in strings)


class ClipRecorder(NativeNode["Frame | Packet", None]):
    """Keeps the last seconds of a stream and writes clips of events, with the seconds before and after.

    It encodes continuously, once for all clips, so ``save()`` costs no encoding. There is a keyframe every
    second, and a clip starts at the last keyframe before its ``before`` seconds. Native.

    With ``camera.packets`` as parent it stores the camera's own packets without encoding: add() then rejects
    ``codec``, ``crf`` and ``preset``. A clip starts at the camera's last keyframe before its ``before``
    seconds; the log says how much earlier that is.

    If the frame size or pixel format changes, or after 6 hours without a frame, open clips are closed and the
    buffered frames dropped. If a live source delivers no frame for 10 s, a clip is closed when its time is up
    instead of with the next frame. A clip that cannot be written is an error of the node; other clips
    continue.

    Args:
        before: Seconds to keep before the event, 0 to 86400.
        after: Seconds to record after the event, 0 to 86400.
        codec: As for VideoFile.
        crf: As for VideoFile.
        preset: As for VideoFile.
        max_bytes: Limit for the encoded frames in memory. The last second is always kept. If the limit is too
            small, clips start later, and a WARNING is logged once.
        options: As for VideoFile.
        keep_bytes: Deletes the oldest clips whose names match ``keep_names``, by modification time, so that
            all of them, including the open ones and those of earlier runs, take at most this much disk space.
            It only deletes regular files of this user, never an open one, and none while a file ``NAME.keep``
            exists for it. If only such files are left, a WARNING is logged and recording continues. If the
            disk is full, the oldest clip is deleted and the write is tried again. Nothing is deleted while
            the pipeline is not running. Default: keep all.
        keep_names: The pattern of the clips' names for ``keep_bytes``, which needs it: a number, such as
            "clips/event_%d.mp4", or a time, such as "clips/{time:%Y-%m-%d_%H-%M-%S}.mp4", in the file name,
            as for VideoFile, with a suffix that save() accepts. Any digits count as a time. save() then
            rejects paths that do not match. Two recorders of a process must not have patterns with a name in
            common.

    Raises:
        OptionError: The codec is unknown or unavailable, an option is out of range, or ``keep_names`` is not
            a valid pattern.
        OptionTypeError: An argument is of the wrong type.

    Example:
        >>> import freshframe as ff
        >>> pipeline = ff.Pipeline()
        >>> clips = ff.ClipRecorder(before=1, after=1)
        >>> recorder = pipeline.add(clips, pipeline.add(ff.open("demo:circles?frames=60&size=320x240")))
        >>> with pipeline:
        ...     clips.save("event.mp4")
    """

    def _freshframe_contract(self) -> Contract:
        return Contract(types=(_native.Frame | _native.Packet, None))

    def __init__(
        self,
        *,
        before: float = 5.0,
        after: float = 5.0,
        codec: str = "auto",
        crf: int = 23,
        preset: Preset = "fast",
        max_bytes: float = 1 << 28,
        options: Mapping[str, str] | None = None,
        keep_bytes: float | None = None,
        keep_names: str | os.PathLike[str] | None = None,
    ) -> None:
        if (most := _check.size_bytes("max_bytes", max_bytes)) < 1:
            raise OptionError(f"max_bytes must be at least 1, got {max_bytes}")
        self._handle = _native.make_clip_recorder(
            _check.number("before", before),
            _check.number("after", after),
            most,
            (
                disk_size("keep_bytes", keep_bytes),
                "" if keep_names is None else _check.path("keep_names", keep_names),
            ),
            encoding("ClipRecorder()", codec, crf, preset, options),
        )

    def save(self, path: str | os.PathLike[str], *, pts: float | None = None) -> None:
        """Writes the clip of an event to a file. Returns without waiting for the clip to finish. Thread-safe.

        A second call for a file that is still being written extends that clip. An existing file is replaced
        when the first frame is written.

        Args:
            path: Must end in .mp4, .mov or .mkv; with packets also .webm. With ``keep_names``, it must match
                that pattern.
            pts: The time of the event in seconds, like ``sample.pts``. Default: now. The clip contains only
                frames that are still in memory. If there are none, or the recorder's stream has ended, a
                WARNING is logged and no file is written.

        Raises:
            OptionError: The suffix is not supported, the name does not match ``keep_names``, or ``pts`` is
                not a finite number.
            StateError: The pipeline has not started, or this is a forked child.
            FreshframeError: The file cannot be created, another recorder is writing it, a source of this
                process is reading it, or the container does not support the codec of the camera's packets.
        GIL: released.
        """
        _native.save_clip(
            self._handle, _check.path("path", path), None if pts is None else _check.number("pts", pts)
        )

    @property
    def writing(self) -> tuple[str, ...]:
        """The paths of the clips that are not closed yet. Thread-safe."""
        return tuple(_native.clips_in_writing(self._handle))
