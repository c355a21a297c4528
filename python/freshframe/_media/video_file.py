"""VideoFile: records a stream to video files."""

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


def disk_size(name: str, value: Any) -> int | None:
    """Returns a number of bytes, or None for no limit. Raises OptionError and OptionTypeError."""
    if (size := _check.optional_number(name, value)) is not None and not 1 <= size < 1 << 63:
        raise OptionError(f"{name} must be at least 1 and below 2**63 bytes, got {_check.show(value)}")
    return None if size is None else int(size)


def _report(
    recorder: VideoFile, on_segment: Callable[[Segment], object], segment_every: float | None
) -> Callable[[], None]:
    """Returns the function for the thread that calls ``on_segment``."""
    if not callable(on_segment):
        raise OptionTypeError(
            f"on_segment of a video file must be callable with a Segment, or None; got "
            f"{_check.show(on_segment)}"
        )
    if segment_every is None:
        raise OptionError(
            "on_segment of a video file needs segment_every, the length of the segments in seconds"
        )
    with fork.explaining(), fork.loading():
        from .segment import report_segments  # noqa: PLC0415  (few programs ask for it)

    return lambda: report_segments(recorder._handle, str(recorder.records_to), on_segment)


_MEANT = dict.fromkeys(
    ("write", "release", "isOpened", "close"),
    "it is a node: pipeline.add(video_file, camera) writes each frame, and the end of the run closes it",
)


class VideoFile(NativeNode["Frame | Packet", None]):
    """Writes frames to a video file, each at its pts. The file's suffix determines the container. Native.

    It records one source: downstream of a node with several, add it to ``port.of(camera)``. With
    ``camera.packets`` as parent it writes the camera's packets unchanged, without encoding: add() then
    rejects ``codec``, ``fps``, ``every``, ``crf`` and ``preset``. Every file and segment starts with a
    keyframe.

    Args:
        path: For example "out.mp4".
        codec: "h264", "h265", "vp8", "vp9", "av1", "mpeg4", "mpeg2", "mjpeg", or the name of an FFmpeg
            encoder. "auto" takes the first of h264, vp9 and mpeg4 that the installed FFmpeg can encode and
            the container supports; ``.codec`` is the result. If FFmpeg cannot encode h264, the log names the
            codec used instead.
        fps: Nominal frames per second. Default: from the interval of the first two frames; for MPEG-1 and
            MPEG-2 rounded up to a rate that they support. In these and in AVI, timestamps are rounded to
            multiples of 1 / fps. Frames keep their own times, so fps does not change the speed of the video;
            a WARNING says so if it is far from the rate of the frames. ``every`` makes a time lapse.
        every: Makes a time lapse: writes one frame per this many seconds of pts, and shows ``fps`` of them
            per second, by default 25. ``every=2, fps=25`` is 50 times as fast as the source. The frames in
            between are not written, and count as processed. ``segment_every`` is still in seconds of the
            source.
        crf: Constant quality, 0 (lossless) to 51 (worst), on x264's scale for every codec.
        preset: "slow", "medium", "fast" or "fastest", for h264 with x264, h265, vp8, vp9 and av1. Ignored by
            the others (mpeg4, mpeg2, mjpeg, h264 with OpenH264). Use "fast" or "fastest" for cameras.
            docs/reference/encoders.md has measurements.
        options: Options for FFmpeg's encoder and muxer, which depend on the codec; an unknown one is an
            error. They override ``crf`` and ``preset``.
        segment_every: Starts a new file after this many seconds, at least 1. The name must then contain a
            number, such as "out_%05d.mp4", a time, such as "rec/{time:%Y-%m-%d}/{time:%H-%M-%S}.mp4", or
            both. Numbers continue after the highest existing one. The time is the system's UTC when the file
            is started; if a name without a number exists already, "_2" is appended. So no file is ever
            replaced. Folders with a time in their name are created.
        keep_days: Deletes finished segments that are this many days older than the newest one, by
            modification time. The current time is not used, and after the clock was set by more than a
            minute, nothing is deleted by age for a day. Default: keep all.
        keep_bytes: Deletes the oldest segments so that all of this name, including the open one, take at most
            this much disk space.
        keep_free_bytes: Deletes the oldest segments so that this much disk space stays free. All three
            options only delete regular files of this user whose names this recorder could have generated,
            never through symlinks in the generated part of the path, and never the open file. A segment
            ``NAME`` is kept, but counted, as long as a file ``NAME.keep`` exists.
        on_segment: Called with each finished Segment, in order, on a separate thread with the GIL held, so a
            slow call does not delay the recording. The thread waits for segments without the GIL. Exceptions
            are logged. When the pipeline ends, it waits up to 1 s for the call.

    An existing file is replaced when the first frame arrives. Encoded frames are written within a second and
    can be played, even if the process is killed or the disk fills up. If the source pauses for longer than
    the container can represent (MP4, MOV and TS: 6 hours, AVI: 60000 frames), the recording continues in the
    next segment, or in "out_2.mp4", and a WARNING is logged. A change of frame size or source starts the next
    segment; without ``segment_every`` it is an error.

    Raises:
        OptionError: The codec or container is not supported, or an option is out of range. Failures while
            recording are a NodeError.
        OptionTypeError: An argument is of the wrong type.

    Example:
        >>> import freshframe as ff
        >>> pipeline = ff.Pipeline()
        >>> video = pipeline.add(ff.open("demo:circles?frames=10&pace=0&size=320x240"))
        >>> recorder = pipeline.add(ff.VideoFile("circles.mp4"), video)
        >>> pipeline.run().complete
        True
    """

    if not TYPE_CHECKING:  # otherwise type checkers would not report misspelt attributes
        __getattr__ = _check.attribute_hints(_MEANT)

    def _freshframe_contract(self) -> Contract:
        return Contract(types=(_native.Frame | _native.Packet, None), beside=self._beside)

    def __init__(  # noqa: PLR0913  (flat, so that editors show all of them)
        self,
        path: str | os.PathLike[str],
        *,
        codec: str = "auto",
        fps: float | None = None,
        every: float | None = None,
        crf: int = 23,
        preset: Preset = "fast",
        options: Mapping[str, str] | None = None,
        segment_every: float | None = None,
        keep_days: float | None = None,
        keep_bytes: float | None = None,
        keep_free_bytes: float | None = None,
        on_segment: Callable[[Segment], object] | None = None,
    ) -> None:
        """Checks the options. The file is created with the first frame."""
        self.records_to = _check.path("path", path)
        chosen = encoding("VideoFile()", codec, crf, preset, options)
        self._beside = None if on_segment is None else _report(self, on_segment, segment_every)
        self._handle = _native.make_video_file(
            self.records_to,
            chosen,
            (_check.optional_number("fps", fps), _check.optional_number("every", every)),
            _check.optional_number("segment_every", segment_every),
            (
                _keep_days(keep_days),
                disk_size("keep_bytes", keep_bytes),
                disk_size("keep_free_bytes", keep_free_bytes),
            ),
            on_segment is not None,
        )
        self._codec = _native.video_file_codec(self.records_to, chosen["codec"])

    @property
    def codec(self) -> str:
        """The codec that was given, or that "auto" chose: "h264", "vp9" or "mpeg4"."""
        return self._codec

    def __repr__(self) -> str:
        return f"<VideoFile {self.records_to!r} {self._codec}>"
