"""open(): a source of frames by its URL, and the checks of its options."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numbers
import os
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
    """Makes a source of a camera, a network stream, a video file, pictures, or the built-in moving scene.

    open() checks only the form of the URL and the options. A loop over the source opens it, or start() of the
    pipeline to which it was added.

    Args:
        url: A camera, ``0`` or ``"/dev/video0"``. A path of a video or picture file. Pictures in sequence:
            ``frames/%05d.png`` (by number, where a missing number is a lost frame), ``frames/`` or
            ``frames/*.png`` (the files that exist, ``img2`` before ``img10``). A scene with known truth:
            ``demo:circles?fps=60&size=1280x720&balls=4&seed=1`` (``pace=0``: as fast as it is read,
            ``frames=300``: its length). A live stream: ``rtsp://``, ``rtsps://``, ``http://``, ``https://``
            (MJPEG, TS, HLS), ``rtmp://``, ``rtmps://``, ``srt://``, ``rtp://``, ``tcp://`` or ``udp://``, see
            docs/reference/network-sources.md.
        size: (width, height) in pixels. A camera must deliver this size; frames of other sources are scaled
            to it.
        fps: Frames per second. A camera must deliver this rate. Of pictures in sequence, picture n has the
            pts n / fps; default 25.
        start: Seconds in a file: frames with a pts before this time are left out. ``seq`` and ``pts`` count
            in the whole file. In an MP4 or MOV with an index, reading begins at the keyframe before; other
            files are read, but not decoded, up to there.
        end: Seconds in a file: frames with a pts from this time on are left out.
        open_timeout: Seconds within which the source must be open.
        read_timeout: Seconds without a packet after which the connection counts as lost.
        reconnect: Of a live source. None or True: it connects again, forever, with pauses of 0.5 to 10 s, and
            start() succeeds even without the camera or the server. A loop over the source, or stream(), needs
            it to be there at first, unless this is True. With False it raises SourceError or
            SourceTimeoutError.
        damaged: The use by a network stream of frames that lost a part on the way, or that were predicted
            from such a frame. "mark": it delivers them, with ``frame.damaged``. "hold": it drops them, up to
            the next frame that can be decoded whole; its state is "waiting_keyframe" until then. Has no
            effect on other sources.
        decode: The frames that a live network stream decodes. "keyframes": its keyframes only, each as soon
            as it comes, and everything while ``camera.wake()`` lasts. The other pictures are counted as
            ``not_decoded``, and ``seq`` counts them. A camera that sends no keyframes is an error then.
        pace: How HLS, which brings a whole segment at once, is shown. "even": each frame at its own distance
            from the one before, so that all of them are as old as a segment. "burst": each as soon as it has
            come. Half of the frames are younger then, and a consumer needs a queue for all frames of a
            segment, such as ``ff.Queue(256)``. Anything but HLS is an error with "burst".
        frozen_after: Seconds after which a camera or a network stream is reported as frozen: it shows one
            picture forever, the same ones again and again, or none with contrast. ``stats()``, ``why()``, the
            events and the metrics report it, and ``/healthz`` is 503. "auto": after 60 s, and ``/healthz``
            does not mind. None means never, as for a screen or a poster. An error with a number for other
            sources.
        clock_offset: Seconds that are added to ``sample.utc``, unless that is the time of the arrival: a
            known delay. A camera that says "now" 20 ms after it took the picture has -0.02.
        loop: At its end, a file starts again at its beginning, or at ``start``. Has no effect on a camera or
            a stream.
        realtime: A file plays at its own speed and is live, like a camera. Has no effect on a camera or a
            stream.
        live: False: the video of an ``http://`` or ``https://`` URL is finite and is read like a file.
            Nothing is dropped, its end is the end, and after a lost connection reading continues at the same
            byte, or is a SourceError. None means network streams are live, files are not.
        rendition: Of a network stream with several videos (renditions of a playlist, cameras of one
            multiplex): ``"best"``, the one with the largest pictures, ``"worst"``, ``"720p"``, the best of at
            most that number of rows, or its number in ``source.info.renditions``, which ``freshframe probe``
            prints.
        stream: The index of the stream to read from a file with several videos, such as a film and its
            preview. ffprobe, ``source.info.streams`` and ``freshframe probe`` list the indices. By default
            the video with the largest images is read that is neither a still nor a cover.
        decoder_threads: Default: the number of cores for a file, 1 for a live source.
        decoder: Where a file or a network stream is decoded. "cpu": by the CPU. "auto": by an NVIDIA
            card if it can, else by the CPU; ``stats()`` and ``why()`` report which, and why. "cuda" or
            "cuda:1": by that card. If it cannot, start() raises SourceError with the reason. A card takes
            H.264, HEVC, VP9, AV1 and MPEG-2 of 8 bits. Frames are the same, in NV12. See
            docs/how-to/decode-on-a-gpu.md.
        on_device: Pictures that a card has decoded stay there, for OnnxDetector and OnnxModel with the
            provider "cuda", and for PyTorch and others (``frame.on_device``). A frame whose pixels are read
            in another way, such as ``frame.bgr``, is copied to the host then, once. Needs
            ``decoder="auto"`` or a card, and no ``size``.
        exposure: Of a camera: the exposure time as a whole number, mostly of units of 0.1 ms. A number turns
            the camera's automatic exposure off, "auto" turns it on, and None leaves the camera as it is.
            Other sources refuse this option and the next three. ``source.exposure`` sets it at run time.
        gain: Of a camera, likewise.
        focus: Of a camera, likewise.
        white_balance: Of a camera, likewise: the colour temperature in kelvins.
        options: Options for FFmpeg; an unknown one is an error. A camera also has ``format`` ("mjpeg",
            "yuyv", "nv12", "i420", "uyvy", "h264", "gray") and ``buffers`` ("2" to "32", default "4").

    Raises:
        OptionError: The URL has no known form, or an option is out of range.
        OptionTypeError: An argument is of the wrong type.

    Example:
        >>> import freshframe as ff
        >>> with ff.open("demo:circles?frames=3") as camera:  # or 0, "match.mp4", "rtsp://..."
        ...     for sample in camera:
        ...         picture = sample.frame.bgr
    """
    chosen = _native.OpenOptions()
    chosen.size = _size(size)
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
    """Opens like open(), but a live source without a first frame fails: it connects again only after one."""
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
        return 0.0  # the engine's word for never
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


def _url(url: Any) -> bytes:
    if isinstance(url, bool):
        raise OptionTypeError(f"a camera's number must be 0 or more, got {_check.show(url)}")
    if isinstance(url, (str, os.PathLike)):
        text = os.fspath(url)
        if isinstance(text, str) and "://" in text and not _check.is_utf8(text):
            # The message does not show the URL: it may contain a password.
            raise OptionError("url is not valid text: it contains unpaired surrogates")
        return _check.engine_name("url", url)
    if not isinstance(url, numbers.Integral):
        found = type(url).__name__  # the message does not show more: it may be a URL with a password
        raise OptionTypeError(f"url must be a path, a URL or a camera's number, got a value of type {found}")
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
