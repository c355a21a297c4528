"""The recorder of a stream in video files."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .. import _check, _native
from .._errors import OptionError, OptionTypeError
from .._graph.contract import Contract
from .._graph.node import NativeNode
from .._interpreter import fork
from .ffmpeg_options import Preset, encoding

if TYPE_CHECKING:
    from .._native import Frame, Packet  # noqa: F401  (in strings)
    from .segment import Segment


def _keep_days(value: Any) -> float | None:
    if (days := _check.optional_number("keep_days", value)) is not None and not days > 0:
        raise OptionError(f"keep_days must be above 0, got {_check.show(value)}")
    return days


def _keep_bytes(name: str, value: Any) -> int | None:
    if (size := _check.optional_number(name, value)) is not None and not 1 <= size < 1 << 63:
        raise OptionError(f"{name} must be at least 1, got {_check.show(value)}")
    return None if size is None else int(size)


def _report(
    recorder: VideoFile, on_segment: Callable[[Segment], object], segment_every: float | None
) -> Callable[[], None]:
    """The body of the thread that calls ``on_segment``."""
    if not callable(on_segment):
        raise OptionTypeError(
            f"on_segment of a video file must be callable with a Segment, or None; got "
            f"{_check.show(on_segment)}"
        )
    if segment_every is None:
        raise OptionError(
            "on_segment of a video file is for segments, and segment_every, their length, is not given"
        )
    with fork.explaining(), fork.loading():
        from .segment import report_segments  # noqa: PLC0415  (few programs ask for it)

    return lambda: report_segments(recorder._handle, str(recorder.records_to), on_segment)


class VideoFile(NativeNode["Frame | Packet", None]):
    """Writes frames to a video file, each at its pts. The name's suffix determines the container. Native.

    It takes the frames of one source. Below a node with several sources, add it to ``port.of(camera)``.
    Below ``camera.packets`` it writes what the camera has sent, bit for bit, and encodes nothing: add()
    refuses ``codec``, ``fps``, ``crf`` and ``preset``. A file and each segment begin at a keyframe.

    Args:
        path: For example "out.mp4".
        codec: "h264", "h265", "vp8", "vp9", "av1", "mpeg4", "mpeg2", "mjpeg", or FFmpeg's name of
            an encoder. "auto" takes the first of h264, vp9 and mpeg4 that the installed FFmpeg can encode and
            the container can hold. ``.codec`` is the codec that it took. If FFmpeg cannot encode h264, the
            log names the codec that replaces it.
        fps: Nominal frames per second. Default: the rate of the first two frames, with MPEG-1 and MPEG-2 the
            next higher rate that they support. There, and in AVI, the time of a frame is the nearest multiple
            of 1 / fps.
        crf: Constant quality, 0 (lossless) to 51 (worst): x264's scale, with any codec.
        preset: "slow", "medium", "fast" or "fastest", with every codec that has such a choice: h264 with
            x264, h265, vp8, vp9, av1. The others (mpeg4, mpeg2, mjpeg, h264 with OpenH264) have one speed.
            "fast" and "fastest" are for cameras. docs/reference/encoders.md has measurements.
        options: Options for FFmpeg's encoder and muxer; an unknown one is an error. They are the encoder's
            own, so they depend on the codec. They precede ``crf`` and ``preset``.
        segment_every: Length of a file in seconds, at least 1: the video continues in the next file. The name
            then contains a number, such as "out_%05d.mp4", a time, such as
            "rec/{time:%Y-%m-%d}/{time:%H-%M-%S}.mp4", or both. The first number is one above the highest
            existing one, or 1. The time is the computer's clock in UTC when the file begins, and a
            name without a number that is taken gets "_2". So no file is replaced. Folders with a time in
            their names are made.
        keep_days: Before the oldest finished segment is older than this, compared with the newest one, it is
            deleted, by the times of their last changes. The clock's own time does not count, and when the
            clock is set by more than a minute, nothing is deleted by age for a day. Default: all stay.
        keep_bytes: The oldest ones are deleted before all segments of the name, with the open one, take more
            on the disk.
        keep_free_bytes: The oldest ones are deleted before less is free on the disk. Deleted are only files
            whose names this recorder could make: regular files of this user, never through a link below the
            name's first part, and never the open one. A segment ``NAME`` stays, and counts, as long as a file
            ``NAME.keep`` is beside it.
        on_segment: Called with a Segment when one is finished, in their order, on a separate thread with the
            GIL held: a slow call delays no recording. The thread waits for segments without the GIL. An
            exception is logged, and the next segment follows. The end of the pipeline waits 1 s for it.

    The first frame replaces an existing file. Encoded frames are in the file after a second and can be
    played, even if the process is killed or the disk is full. A pause of the source that the container has no
    room for (MP4, MOV and TS: 6 hours, AVI: 60000 frames) ends the file, and the recording continues in the
    next segment, or in "out_2.mp4". A WARNING reports it. Frames of another size or source begin the next
    segment. Without ``segment_every`` they are errors.

    Raises:
        OptionError: The codec or container is not possible, or an option is out of range. A later failure is
            a NodeError.
        OptionTypeError: An argument is of the wrong type.

    Example:
        >>> import freshframe as ff
        >>> pipeline = ff.Pipeline()
        >>> video = pipeline.add(ff.open("demo:circles?frames=10&pace=0&size=320x240"))
        >>> recorder = pipeline.add(ff.VideoFile("circles.mp4"), video)
        >>> pipeline.run().complete
        True
    """

    def _freshframe_contract(self) -> Contract:
        return Contract(types=(_native.Frame | _native.Packet, None), beside=self._beside)

    def __init__(  # noqa: PLR0913  (flat, so that editors show all of them)
        self,
        path: str | os.PathLike[str],
        *,
        codec: str = "auto",
        fps: float | None = None,
        crf: int = 23,
        preset: Preset = "fast",
        options: Mapping[str, str] | None = None,
        segment_every: float | None = None,
        keep_days: float | None = None,
        keep_bytes: float | None = None,
        keep_free_bytes: float | None = None,
        on_segment: Callable[[Segment], object] | None = None,
    ) -> None:
        """Checks the options. The first frame creates the file."""
        self.records_to = _check.path("path", path)
        chosen = encoding("VideoFile()", codec, crf, preset, options)
        self._beside = None if on_segment is None else _report(self, on_segment, segment_every)
        self._handle = _native.make_video_file(
            self.records_to,
            chosen,
            _check.optional_number("fps", fps),
            _check.optional_number("segment_every", segment_every),
            (
                _keep_days(keep_days),
                _keep_bytes("keep_bytes", keep_bytes),
                _keep_bytes("keep_free_bytes", keep_free_bytes),
            ),
            on_segment is not None,
        )
        self._codec = _native.video_file_codec(self.records_to, chosen["codec"])

    @property
    def codec(self) -> str:
        """The codec that was given, or the codec that "auto" took: "h264", "vp9" or "mpeg4"."""
        return self._codec

    def __repr__(self) -> str:
        """Path and codec."""
        return f"<VideoFile {self.records_to!r} {self._codec}>"
