"""open(): creates a source from a URL and checks its options."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numbers
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from .. import _check, _native
from .._errors import OptionError, OptionTypeError
from .ffmpeg_options import ffmpeg_options
from .video_source import VideoSource, camera_value

if TYPE_CHECKING:
    from .._native import Frame, Packet  # noqa: F401  (in strings)


def open(  # noqa: PLR0913  (the field's word for it: cv2, PyAV and PIL users look for open)
    url: int | str | os.PathLike[str],
    /,
    *,
    size: tuple[int, int] | None = None,
    rotate: Literal[0, 90, 180, 270] | None = None,
    fps: float | None = None,
    start: float | None = None,
    end: float | None = None,
    open_timeout: float = 5.0,
    read_timeout: float = 5.0,
    reconnect: bool | None = None,
    damaged: Literal["mark", "hold"] = "mark",
    decode: Literal["all", "keyframes"] = "all",
    pace: Literal["even", "burst"] = "even",
    frozen_after: float | Literal["auto"] | None = "auto",
    clock_offset: float = 0.0,
    loop: bool = False,
    realtime: bool = False,
    live: bool | None = None,
    rendition: str | int = "best",
    stream: int | None = None,
    decoder_threads: int | None = None,
    decoder: str = "cpu",
    on_device: bool = False,
    exposure: int | Literal["auto"] | None = None,
    gain: int | Literal["auto"] | None = None,
    focus: int | Literal["auto"] | None = None,
    white_balance: int | Literal["auto"] | None = None,
    options: Mapping[str, str] | None = None,
) -> VideoSource:
    """Creates a source: a camera, network stream, video file, image sequence, or built-in demo scene.

    open() only checks the syntax of the URL and the options. The source is opened by a loop over it, or by
    start() of its pipeline.

    Args:
        url: A camera: ``0`` or ``"/dev/video0"``. The path of a video or image file. An image sequence:
            ``frames/%05d.png`` (a missing number counts as a lost frame), ``frames/`` or ``frames/*.png``
            (the files that exist, in natural order: ``img2`` before ``img10``). A demo scene with ground
            truth: ``demo:circles?fps=60&size=1280x720&balls=4&seed=1`` (``pace=0``: as fast as it is read;
            ``frames=300``: number of frames). A live stream: ``rtsp://``, ``rtsps://``, ``http://``,
            ``https://`` (MJPEG, TS, HLS), ``rtmp://``, ``rtmps://``, ``srt://``, ``rtp://``, ``tcp://`` or
            ``udp://``, see docs/reference/network-sources.md. The camera of a browser or phone that opens
            the page of the pipeline: ``browser:`` or, with several, ``browser:NAME``. Its pipeline needs
            serve() before start(), see docs/how-to/webcam-in-a-browser.md.
        size: (width, height) in pixels. A camera must support this size. A browser is asked for it, but
            frames have the size that it sends. Frames of other sources are scaled to it. With ``rotate=90``
            or 270 it is the size after rotation.
        rotate: Degrees clockwise by which every frame is rotated: 0, 90, 180 or 270, in addition to the
            rotation that a file, stream or browser declares, which always applies. ``info`` has the size
            after rotation. ``packets`` do not change: see docs/how-to/change-images.md. The ground truth of
            a demo scene stays that of the unrotated image.
        fps: Frames per second. A camera must support this rate, and a browser is asked for it. In an image
            sequence, image n has the pts n / fps; default 25.
        start: For files: skips frames with a pts before this time, in seconds. ``seq`` and ``pts`` still
            count from the start of the file. MP4 and MOV files with an index are read from the keyframe
            before; other files are read from the start, but not decoded up to there.
        end: For files: stops before the first frame with this pts or a later one, in seconds.
        open_timeout: Timeout in seconds for opening the source.
        read_timeout: Seconds without a packet after which the connection is considered lost.
        reconnect: For live sources. None or True: reconnects indefinitely with pauses of 0.5 to 10 s, and
            start() succeeds even if the camera or server is offline. In a loop over the source and in
            stream(), the first attempt must succeed, unless this is True. False: an outage raises SourceError
            or SourceTimeoutError. A ``browser:`` source waits for a browser without pauses; False is an
            error for it.
        damaged: What a network stream does with frames that lost data in transit, or that were predicted from
            such a frame. "mark": delivers them with ``frame.damaged`` set. "hold": drops them until a frame
            can be decoded completely; the state is "waiting_keyframe" until then. No effect on other sources.
        decode: Which frames of a live network stream are decoded. "keyframes": only keyframes, each as soon
            as it arrives, and all frames while ``camera.wake()`` is in effect. Other frames are counted as
            ``not_decoded`` and in ``seq``. A camera that sends no keyframes is then an error.
        pace: How to deliver HLS, which arrives one segment at a time. "even": frames at their original
            intervals, so that the latency of each is one segment. "burst": frames as soon as they arrive,
            which halves the average latency, but consumers need a queue for all frames of a segment, such as
            ``ff.Queue(256)``. "burst" is an error for anything but HLS.
        frozen_after: Seconds after which a camera or network stream is reported as frozen: its image never
            changes, repeats in a loop, or has no contrast. Reported by ``stats()``, ``why()``, events and
            metrics, and ``/healthz`` returns 503. "auto": after 60 s, without affecting ``/healthz``. None:
            never, for a camera that films a static scene such as a screen. Files and demo scenes accept it
            and are never reported.
        clock_offset: Seconds to add to ``sample.utc`` (unless that is the arrival time), to correct a known
            delay: -0.02 for a camera that takes its timestamp 20 ms after the exposure.
        loop: Restarts a file at its beginning, or at ``start``, when it ends. No effect on cameras and
            streams.
        realtime: Plays a file at its native speed and makes it live, like a camera. No effect on cameras and
            streams.
        live: False: reads an ``http://`` or ``https://`` URL like a file. Nothing is dropped, and the stream
            ends with the video. After a lost connection, reading resumes at the same byte or raises
            SourceError. None: network streams are live, files are not.
        rendition: For a network stream with several videos (variants of a playlist, programs of a multiplex):
            ``"best"`` is the one with the largest frames, ``"worst"`` the smallest, ``"720p"`` the best one
            with at most 720 rows; or an index into ``source.info.renditions``, which ``freshframe probe``
            prints.
        stream: The index of the stream to read from a file with several videos, such as a film and its
            preview. ffprobe, ``source.info.streams`` and ``freshframe probe`` list the indices. By default
            the video with the largest frames that is neither a still image nor cover art.
        decoder_threads: Number of decoder threads. Default: the number of cores for a file, 1 for a live
            source.
        decoder: Where to decode a file or network stream. "cpu". "auto": on an NVIDIA GPU if possible, else
            on the CPU; ``stats()`` and ``why()`` say which one and why. "cuda" or "cuda:1": on that GPU; if
            that is not possible, start() raises SourceError with the reason. GPUs decode 8-bit H.264, HEVC,
            VP9, AV1 and MPEG-2, to the same pixels, in NV12. See docs/how-to/gpu.md.
        on_device: Keeps frames decoded by a GPU in its memory, for OnnxDetector and OnnxModel with the
            provider "cuda", and for PyTorch and others (``frame.on_device``). Reading the pixels in another
            way, such as ``frame.bgr``, copies the frame to the host, once. Requires ``decoder="auto"`` or
            "cuda"; cannot be combined with ``size`` or ``rotate``.
        exposure: For cameras: the exposure time as an integer, usually in units of 0.1 ms. A number turns
            auto exposure off, "auto" turns it on, and None leaves the camera's setting. An error for other
            sources, as are the next three. ``source.exposure`` sets it at run time.
        gain: For cameras, like ``exposure``.
        focus: For cameras, like ``exposure``.
        white_balance: For cameras: the colour temperature in kelvins, like ``exposure``.
        options: Options for FFmpeg; an unknown one is an error. A camera also has ``format`` ("mjpeg",
            "yuyv", "nv12", "i420", "uyvy", "h264", "gray") and ``buffers`` ("2" to "32", default "4").

    Raises:
        OptionError: The URL is not supported, or an option is out of range.
        OptionTypeError: An argument is of the wrong type.

    Example:
        >>> import freshframe as ff
        >>> with ff.open("demo:circles?frames=3") as camera:  # or 0, "match.mp4", "rtsp://..."
        ...     for sample in camera:
        ...         image = sample.frame.bgr
    """
    chosen = _native.OpenOptions()
    chosen.size = _size(size)
    chosen.rotate = _check.degrees(rotate)
    chosen.fps = _check.optional_number("fps", fps)
    chosen.start = _check.optional_number("start", start)
    chosen.end = _check.optional_number("end", end)
    chosen.open_timeout = _check.number("open_timeout", open_timeout)
    chosen.read_timeout = _check.number("read_timeout", read_timeout)
    chosen.reconnect = None if reconnect is None else _check.flag("reconnect", reconnect)
    chosen.damaged = _check.text("damaged", damaged)
    chosen.decode = _check.text("decode", decode)
    chosen.pace = _check.text("pace", pace)
    chosen.frozen_after = _frozen_after(frozen_after)
    chosen.clock_offset = _check.number("clock_offset", clock_offset)
    chosen.loop = _check.flag("loop", loop)
    chosen.realtime = _check.flag("realtime", realtime)
    chosen.live = None if live is None else _check.flag("live", live)
    chosen.rendition = _rendition(rendition)
    chosen.stream = _count("stream", stream)
    chosen.decoder_threads = _count("decoder_threads", decoder_threads)
    chosen.decoder = _check.text("decoder", decoder)
    chosen.on_device = _check.flag("on_device", on_device)
    given = {"exposure": exposure, "gain": gain, "focus": focus, "white_balance": white_balance}
    settings = {name: camera_value(name, value) for name, value in given.items() if value is not None}
    others = ffmpeg_options("open()", options)
    for name in settings:
        if name in others:
            raise OptionError(f"{name} is given twice: leave it out of options=, or leave {name}= out")
    chosen.settings = settings
    chosen.options = others
    return VideoSource(_url(url), chosen)


def open_once(
    url: int | str | os.PathLike[str],
    /,
    *,
    fps: float | None = None,
    rendition: str | int = "best",
    stream: int | None = None,
    decoder: str = "cpu",
    options: Mapping[str, str] | None = None,
) -> VideoSource:
    """Like open(), but a live source must deliver its first frame in time. It only reconnects after that."""
    chosen = _native.OpenOptions()
    chosen.fps = _check.optional_number("fps", fps)
    chosen.rendition = _rendition(rendition)
    chosen.stream = _count("stream", stream)
    chosen.decoder = _check.text("decoder", decoder)
    chosen.options = ffmpeg_options("open()", options)
    source = VideoSource(_url(url), chosen)
    source._must_open()
    return source


def _frozen_after(value: Any) -> float | None:
    if value is None:
        return 0.0  # the engine's value for "never"
    if isinstance(value, str):
        if value == "auto":
            return None
        raise OptionError(
            f'frozen_after must be a number of seconds above 0, "auto" or None, got {_check.show(value)}'
        )
    seconds = _check.number("frozen_after", value)
    if not seconds > 0:
        raise OptionError(
            f'frozen_after must be a number of seconds above 0, "auto" or None, got {seconds:g}'
        )
    return seconds


def _count(what: str, value: Any) -> int | None:
    return None if value is None else _check.integer(what, value)


def _rendition(rendition: Any) -> str:
    if isinstance(rendition, str):
        return rendition.encode(errors="replace").decode()
    if isinstance(rendition, numbers.Integral) and not isinstance(rendition, bool):
        return str(int(rendition))
    found = type(rendition).__name__
    raise OptionTypeError(f"rendition must be a string or a number, got a value of type {found}")


# Ends with an element and its properties, unlike the path of a file or a pattern that contains " ! ".
_GST_PIPELINE = re.compile(r"(?!\S*://).+\s!\s+[a-z]\w*(\s+[\w-]+\s*=.*)?\s*", re.DOTALL)


def _url(url: Any) -> bytes:
    if isinstance(url, bool):
        raise OptionTypeError(f"url must be a path, a URL or the number of a camera, got {_check.show(url)}")
    if isinstance(url, (str, os.PathLike)):
        text = os.fspath(url)
        if isinstance(text, str) and "://" in text and not _check.is_utf8(text):
            # The URL is not shown: it may contain a password.
            raise OptionError("url is not valid Unicode: it contains unpaired surrogates")
        if isinstance(text, str) and _GST_PIPELINE.fullmatch(text) and not os.path.lexists(text):
            # Not shown either: an element's location may contain a password.
            raise OptionError(
                "url is a GStreamer pipeline: pass only the location of its source, such as "
                '"rtsp://host/path", "match.mp4" or 0'
            )
        return _check.engine_name("url", url)
    if not isinstance(url, numbers.Integral):
        found = type(url).__name__  # only the type: the value may be a URL with a password
        way = ": open each one, and add() all of them to one Pipeline" if found in ("list", "tuple") else ""
        raise OptionTypeError(
            f"url must be a path, a URL or a camera's number, got a value of type {found}{way}"
        )
    number = int(url)
    if number < 0:
        raise OptionError(f"a camera's number must be 0 or more, got {_check.show(url)}")
    if number > 255:
        raise OptionError(f"a camera's number must be 0 to 255, got {_check.show(url)}")
    return b"%d" % number


def _size(size: Any) -> tuple[int, int] | None:
    if size is None:
        return None
    width, height = _check.pair("size (width, height)", size)
    if not (width.is_integer() and height.is_integer() and width > 0 and height > 0):
        raise OptionError(f"size must be (width, height) in pixels, got {_check.show(size)}")
    return _check.size("size", (int(width), int(height)))
