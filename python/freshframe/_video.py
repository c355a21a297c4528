"""Video in and out: sources of frames, recorders, single pictures."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numbers
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _check, _native
from ._errors import OptionError, OptionTypeError
from ._nodes import NativeNode, NativeSource

if TYPE_CHECKING:
    from ._native import Frame


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """Properties of an opened video.

    Attributes:
        codec: FFmpeg's name, for example "h264".
        width: Pixels.
        height: Pixels.
        fps: Frames per second, when the container says so.
        frame_count: Number of frames, when it is known.
        duration: Seconds, when it is known.
        pixel_format: FFmpeg's name.
        container: FFmpeg's name.
        interlaced: Two fields woven together, delivered as they are stored; None where it isn't known
            (cameras, and a stream from the network before its first frame).
    """

    codec: str
    width: int
    height: int
    fps: float | None
    frame_count: int | None
    duration: float | None
    pixel_format: str
    container: str
    interlaced: bool | None


class VideoSource(NativeSource["Frame"]):
    """A source of decoded frames, made by freshframe.open()."""

    def __init__(self, handle: _native.NodeHandle, live: bool) -> None:
        """Called by freshframe.open()."""
        self.live = live
        self._handle = handle

    def __repr__(self) -> str:
        """The URL, its password masked."""
        return f"<VideoSource {self.url!r}>"

    @property
    def url(self) -> str:
        """The URL with its password masked."""
        return _native.video_url(self._handle)

    @property
    def info(self) -> VideoInfo:
        """Codec, size, rate, length; known once the pipeline has started.

        Raises:
            StateError: Before that, and before the first frame of a network stream.
        """
        return VideoInfo(*_native.video_info(self._handle))


def open(  # noqa: PLR0913  (the field's word for it: cv2, PyAV and PIL users look for open)
    url: int | str | os.PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    fps: float | None = None,
    start: float | None = None,
    end: float | None = None,
    open_timeout: float = 5.0,
    read_timeout: float = 5.0,
    reconnect: bool | None = None,
    loop: bool = False,
    realtime: bool = False,
    decoder_threads: int | None = None,
    options: Mapping[str, str] | None = None,
) -> VideoSource:
    """Makes a source of a camera, a network stream, a video file, pictures, or the built-in moving scene.

    open() checks only the form of the URL and the options. start() opens the source.

    Args:
        url: A camera, ``0`` or ``"/dev/video0"``; a path; ``frames/%05d.png`` (by number: a missing one is a
            lost frame), ``frames/`` or ``frames/*.png`` (what is there, ``img2`` before ``img10``);
            ``demo:circles?fps=60&size=1280x720&balls=4&seed=1``: a scene with known truth
            (``pace=0``: as fast as it is read, ``frames=300``: its length);
            ``rtsp://``, ``rtsps://``, ``http://``, ``https://`` (MJPEG, TS, HLS), ``tcp://``, ``udp://``: a
            live stream, see docs/live-sources.md.
        size: (width, height) in pixels: the size that a camera is asked for; frames of other sources are
            scaled to it.
        fps: Frames per second: the rate that a camera is asked for. For pictures: number n lies at n / fps
            seconds; default 25.
        start: Of a file, seconds: the first frame is the first whose pts is at or after this time. Numbers
            and pts are those of the whole file. Reading of an MP4 or MOV with an index begins at the key
            frame before; other files are read, but not decoded, up to there.
        end: Of a file, seconds: the last frame is the last whose pts lies before this time.
        open_timeout: Seconds until the streams must be known.
        read_timeout: Seconds without a packet after which the connection counts as lost.
        reconnect: For a live source. None or True: it tries to connect again, for ever, after 0.5 to 10 s,
            and start() succeeds even without the camera or the server. False: SourceError or SourceTimeout.
        loop: A file starts again at its end, or at start. A camera or a stream has no end anyway.
        realtime: A file plays at its own speed and is live, as if it were a camera. A camera or a stream is
            live anyway.
        decoder_threads: Default: the number of cores for a file, 1 for a live source.
        options: Passed to FFmpeg; an unknown one is an error. A camera also knows ``format`` ("mjpeg",
            "yuyv", "nv12", "i420", "uyvy", "h264", "gray") and ``buffers`` ("2" to "32", default "4").

    Raises:
        OptionError: The URL is of no known form, or an option is out of range.
        OptionTypeError: An argument is of the wrong type.
    """
    handle = _native.make_video_source(
        _url(url),
        {
            "size": _size(size),
            "fps": _number("fps", fps),
            "start": _number("start", start),
            "end": _number("end", end),
            "open_timeout": _check.number("open_timeout", open_timeout),
            "read_timeout": _check.number("read_timeout", read_timeout),
            "reconnect": reconnect,
            "loop": loop,
            "realtime": realtime,
            "decoder_threads": _count("decoder_threads", decoder_threads),
            "options": ffmpeg_options("open()", options),
        },
    )
    return VideoSource(handle, handle.live)


def _number(what: str, value: Any) -> float | None:
    return None if value is None else _check.number(what, value)


def _count(what: str, value: Any) -> int | None:
    return None if value is None else _check.integer(what, value)


def _url(url: Any) -> str:
    if isinstance(url, bool):
        raise OptionTypeError(f"a camera's number must be 0 or more, got {url!r}")
    if isinstance(url, (str, os.PathLike)):
        text = os.fspath(url)
        if isinstance(text, str) and "://" in text and not _check.is_utf8(text):
            # The URL is not shown: it may have a password in it.
            raise OptionError("url is not valid text: it contains unpaired surrogates")
        return _check.path("url", url)
    if not isinstance(url, numbers.Integral):
        found = type(url).__name__  # no more is shown: it may be a URL with a password
        raise OptionTypeError(f"url must be a path, a URL or a camera's number, got one of type {found}")
    if url < 0:
        raise OptionError(f"a camera's number must be 0 or more, got {url!r}")
    return str(int(url))


def ffmpeg_options(who: str, options: Any) -> dict[str, str]:
    """Checks what goes to FFmpeg. Values are not shown in errors: they may be passwords."""
    wanted = f"{who} needs options to be a mapping of text to text"
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise OptionTypeError(f"{wanted}, got one of type {type(options).__name__}")
    for name, value in options.items():
        if not isinstance(name, str) or not _check.is_utf8(name):
            raise OptionTypeError(f"{wanted}, got the name {name!r}")
        if not isinstance(value, str):
            raise OptionTypeError(
                f"{wanted}; the value of {name!r} is of type {type(value).__name__}: write it as text"
            )
        if not _check.is_utf8(value):
            raise OptionError(f"{wanted}; the value of {name!r} has lone surrogates in it")
    return dict(options)


def _size(size: Any) -> tuple[int, int] | None:
    if size is None:
        return None
    width, height = _check.pair("size (width, height)", size)
    if not (width.is_integer() and height.is_integer() and width > 0 and height > 0):
        raise OptionError(f"size must be (width, height) in pixels, got {size!r}")
    return int(width), int(height)


class VideoFile(NativeNode["Frame", None]):
    """Writes frames to a video file; the container follows from the name. Each frame lies at its pts. Native.

    It takes the frames of one source. Behind a node with several sources, add it to ``port.of(camera)``.

    Args:
        path: For example "out.mp4".
        codec: "h264", "h265", "vp8", "vp9", "av1", "mpeg4", "mpeg2", "mjpeg", or FFmpeg's name of
            an encoder. "auto" takes the first of h264, vp9 and mpeg4 that FFmpeg as it is installed can
            encode and the container can hold; ``.codec`` is what it took, and the log says so where h264 is
            missing.
        fps: Nominal frames per second; default: from the first two frames, with MPEG-1 and MPEG-2 the next
            of those that they know. There, and in AVI, a frame lies at the nearest multiple of 1 / fps.
        quality: Constant quality, 0 (lossless) to 51 (worst): x264's CRF scale.
        options: Passed to FFmpeg's encoder and muxer; an unknown one is an error. The preset of x264 is
            "veryfast" unless given: 8 ms of a core per 720p frame. ``{"preset": "ultrafast"}`` takes 3 ms
            and makes the file three times as large, "medium" 26 ms and makes it no smaller.
        segment: Seconds of a file, at least 1: the video goes on in the next file. The name then has a number
            in it, such as "out_%05d.mp4". The first number is one above the highest existing one, or 1, so no
            file is replaced.

    The first frame replaces an existing file. Encoded frames are in the file a second later and can be
    played, even when the process is killed or the disk is full.

    Raises:
        OptionError: The codec or container is impossible, or an option is out of range. A later failure is a
            NodeError.
        OptionTypeError: An argument is of the wrong type.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        codec: str | None = "auto",
        fps: float | None = None,
        quality: int = 23,
        options: Mapping[str, str] | None = None,
        segment: float | None = None,
    ) -> None:
        """See the class."""
        self.records_to = _check.path("path", path)
        wanted = "auto" if codec is None else _check.text("codec", codec)
        self._handle = _native.make_video_file(
            self.records_to,
            wanted,
            None if fps is None else _check.number("fps", fps),
            _check.integer("quality", quality),
            ffmpeg_options("VideoFile()", options),
            None if segment is None else _check.number("segment", segment),
        )
        self._codec = _native.video_file_codec(self.records_to, wanted)

    @property
    def codec(self) -> str:
        """The codec that was asked for, or that "auto" took: "h264", "vp9", "mpeg4"."""
        return self._codec

    def __repr__(self) -> str:
        """Path and codec."""
        return f"<VideoFile {self.records_to!r} {self._codec}>"


def read_picture(path: str | os.PathLike[str], *, at: float | None = None) -> Frame:
    """Decodes a picture file, or one frame of a video.

    Args:
        path: A picture file; with `at` a video file.
        at: Seconds: the frame that the video shows at this time, the last whose pts is not after it.

    Raises:
        SourceError: The file cannot be read, is not a picture, or ends before `at`.
        OptionError: `at` is below 0.
    GIL: released.
    """
    return _native.read_picture(_check.path("path", path), None if at is None else _check.number("at", at))


def write_picture(frame: Frame, path: str | os.PathLike[str]) -> None:
    """Writes a picture file, PNG or JPEG by the suffix of its name.

    Raises:
        FreshframeError: The file cannot be written.
    GIL: released.
    """
    if not isinstance(frame, _native.Frame):
        raise OptionTypeError(
            f"write_picture() needs a Frame, as Frame.from_array() makes it, got {_check.shown(frame)}"
        )
    _native.write_picture(frame, _check.path("path", path))
