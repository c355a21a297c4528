"""Clips of events, with the seconds before and after."""

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

if TYPE_CHECKING:
    from .._native import Frame, Packet  # noqa: F401  (in strings)


class ClipRecorder(NativeNode["Frame | Packet", None]):
    """Keeps the last seconds of a stream and writes clips of events, with the seconds before and after.

    The recorder encodes all the time, once for all clips, so ``save()`` costs no encoding. It makes a
    keyframe each second, and a clip begins with the last keyframe before its ``before`` seconds. Native.

    Below ``camera.packets`` it keeps and writes what the camera has sent, and encodes nothing: add()
    refuses ``codec``, ``crf`` and ``preset``. A clip then begins with the camera's last keyframe
    before its ``before`` seconds. The log reports how much earlier that is.

    When the size or the colours of the frames change, or when there was no frame for 6 hours, open clips end
    and the held frames are dropped. When a live source has given no frame for 10 s, a clip ends at its time,
    without waiting for the next frame. A clip that cannot be written is an error of the node. The other clips
    continue.

    Args:
        before: Seconds of a clip before its event, 0 to 86400.
        after: Seconds of a clip after its event, 0 to 86400.
        codec: As for VideoFile.
        crf: As for VideoFile.
        preset: As for VideoFile.
        max_bytes: Limit for the encoded frames in memory. The last second is kept in any case. If the limit
            is too small, clips begin later, and one WARNING reports it.
        options: As for VideoFile.

    Raises:
        OptionError: The codec is not possible, or an option is out of range.
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
    ) -> None:
        """Checks the options. Nothing is encoded yet."""
        if (most := _check.size_bytes("max_bytes", max_bytes)) < 1:
            raise OptionError(f"max_bytes of clips must be at least 1, got {max_bytes}")
        self._handle = _native.make_clip_recorder(
            _check.number("before", before),
            _check.number("after", after),
            most,
            encoding("ClipRecorder()", codec, crf, preset, options),
        )

    def save(self, path: str | os.PathLike[str], *, pts: float | None = None) -> None:
        """Writes the clip of an event to a file, from any thread. Does not wait for the end of the clip.

        A second call for a file that is being written makes that clip longer. An existing file is replaced
        when the first frame is written.

        Args:
            path: A name that ends in .mp4, .mov or .mkv; .webm too, of packets.
            pts: The time of the event, in seconds, as the ``pts`` of a sample. Default: now. The clip has the
                frames of its time that are still in memory. If memory has none of them, or the stream of the
                recorder has ended, a WARNING is logged, and the file stays as it is.

        Raises:
            OptionError: The name has another suffix, or ``pts`` is not a finite number.
            StateError: The pipeline has not started, or it runs in the parent of this forked process.
            FreshframeError: The file cannot be created, another recorder writes it, a source of this process
                reads it, or it cannot hold the codec of the camera's packets.
        GIL: released.
        """
        _native.save_clip(
            self._handle, _check.path("path", path), None if pts is None else _check.number("pts", pts)
        )

    @property
    def writing(self) -> tuple[str, ...]:
        """The paths of the clips that are not yet closed. Callable from any thread."""
        return tuple(_native.clips_in_writing(self._handle))
