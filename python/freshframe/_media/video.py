"""Video in and out: sources of frames, recorders, single pictures."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numbers
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from .. import _check, _native
from .._errors import OptionError, OptionTypeError
from .._graph.contract import Contract
from .._graph.nodes import NativeNode, NativeSource
from .._interpreter import fork

if TYPE_CHECKING:
    from .._native import Frame, Packet  # noqa: F401  (in strings)
    from .segments import Segment
    from .video_info import VideoInfo


class _Setting(property):
    """A setting of a camera, as an attribute of its source."""

    def __init__(self, name: str, what: str) -> None:
        """Makes the attribute `name`, which is `what`."""

        def get(source: VideoSource) -> int | Literal["auto"]:
            source._need_camera(name)
            found = _native.camera_setting(source._handle, name)
            return "auto" if found == "auto" else int(found)

        def put(source: VideoSource, value: int | Literal["auto"]) -> None:
            source._need_camera(name)
            _native.set_camera(source._handle, name, _camera_value(name, value))

        text = f"""{what}, or "auto".

        Read from the driver, and set there from any thread, also while it runs. GIL: released meanwhile.

        Raises:
            OptionError: The source is no camera.
            SourceError: The camera is missing, has no such control, or refuses the value: with its range.
        """
        super().__init__(get, put, doc=text)

    if TYPE_CHECKING:

        @overload
        def __get__(self, source: None, owner: type, /) -> _Setting: ...
        @overload
        def __get__(self, source: Any, owner: type | None = None, /) -> int | Literal["auto"]: ...
        def __get__(self, source: Any, owner: type | None = None, /) -> Any: ...
        def __set__(self, source: Any, value: int | Literal["auto"], /) -> None: ...


class VideoSource(NativeSource["Frame"]):
    """A source of decoded frames, made by freshframe.open().

    A program either adds it to a pipeline or loops over it: ``with source:``, ``for sample in source``,
    ``async for``. The loop is the same as over freshframe.stream() with this source alone. The first attempt
    to open the source must succeed, unless ``reconnect=True``. Later outages are waited for. While the body
    of the loop works, a camera drops older frames, which ``sample.dropped`` counts, and a file waits.

    In a ``with`` block every loop continues where the loop before was left, and the end closes the source.
    Without ``with`` a source has one loop, whose end closes it.
    """

    def _freshframe_contract(self) -> Contract:
        return Contract(
            types=(None, _native.Frame),
            marks_damage=self._marks_damage,
            must_open=self._must_open,
            packets=self._packets,
            wake=self._wake,
        )

    def __init__(self, url: str, options: _native.OpenOptions) -> None:
        """Called by freshframe.open()."""
        handle = _native.make_video_source(url, options)
        # Frames of files and of cameras of this machine are never damaged.
        self._marks_damage = options.damaged == "mark" and _native.is_network_stream(handle)
        self._may_wait = options.reconnect is None
        self.live = handle.live
        self._handle = handle

    def _must_open(self) -> None:
        """Makes the source, which is about to be added for a loop, fail unless its first frame comes."""
        if self._may_wait and not self._handle.added:
            _native.need_first_frame(self._handle)

    def __repr__(self) -> str:
        """The URL with its password masked."""
        return f"<VideoSource {self.url!r}>"

    @property
    def url(self) -> str:
        """The URL with its password masked."""
        return _native.video_url(self._handle)

    exposure = _Setting("exposure", "Exposure time of a camera, mostly in units of 0.1 ms")
    gain = _Setting("gain", "Gain of a camera, in its own units")
    focus = _Setting("focus", "Focus of a camera, in its own units")
    white_balance = _Setting("white_balance", "Colour temperature of a camera in kelvins")

    def _need_camera(self, name: str) -> None:
        if not _native.is_camera(self._handle):
            raise OptionError(
                f"{name} is for a camera of this machine, such as 0 or '/dev/video0': {self.url!r} is none"
            )

    def _packets(self) -> PacketSource:
        """The source of its packets, for Port.packets."""
        return PacketSource(self)

    def _wake(self, seconds: float | None, pts: float | None) -> None:
        """For Port.wake."""
        _native.wake(self._handle, seconds, pts)

    @property
    def info(self) -> VideoInfo:
        """The properties of the opened video, such as codec, size and rate.

        Raises:
            StateError: The pipeline has not started yet, or a live source has not yet connected or not yet
                delivered its first frame.
        """
        with fork.loading():
            from .video_info import VideoInfo  # noqa: PLC0415  (many programs do not ask)

        info = _native.video_info(self._handle)
        return VideoInfo(
            width=info.width,
            height=info.height,
            fps=info.fps,
            frame_count=info.frame_count,
            duration=info.duration,
            codec=info.codec,
            container=info.container or None,
            pixel_format=info.pixel_format or None,
            interlaced=info.interlaced,
            renditions=tuple(info.renditions),
            client=cast("Any", info.client or None),
            ends_by=cast("Any", info.ends_by or None),
        )


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
    remember: str | os.PathLike[str] | None = None,
    clock_offset: float = 0.0,
    loop: bool = False,
    realtime: bool = False,
    live: bool | None = None,
    rendition: str | int = "best",
    decoder_threads: int | None = None,
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
        remember: A folder of this program, which is made if it is missing. Once a minute and at its end, the
            source writes there which keyframes it has seen, in at most 16 KiB. After a restart of the
            program it still knows them, so that a camera that shows the picture from before the restart is
            reported. Needs ``frozen_after``, and is an error for other sources.
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
        decoder_threads: Default: the number of cores for a file, 1 for a live source.
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
    chosen.fps = _number("fps", fps)
    chosen.start = _number("start", start)
    chosen.end = _number("end", end)
    chosen.open_timeout = _check.number("open_timeout", open_timeout)
    chosen.read_timeout = _check.number("read_timeout", read_timeout)
    chosen.reconnect = None if reconnect is None else _check.flag("reconnect", reconnect)
    chosen.damaged = _check.text("damaged", damaged)
    chosen.decode = _check.text("decode", decode)
    chosen.pace = _check.text("pace", pace)
    chosen.frozen_after = _frozen_after(frozen_after)
    chosen.remember = _folder(remember)
    chosen.clock_offset = _check.number("clock_offset", clock_offset)
    chosen.loop = _check.flag("loop", loop)
    chosen.realtime = _check.flag("realtime", realtime)
    chosen.live = None if live is None else _check.flag("live", live)
    chosen.rendition = _rendition(rendition)
    chosen.decoder_threads = _count("decoder_threads", decoder_threads)
    given = {"exposure": exposure, "gain": gain, "focus": focus, "white_balance": white_balance}
    settings = {name: _camera_value(name, value) for name, value in given.items() if value is not None}
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
    options: Mapping[str, str] | None = None,
) -> VideoSource:
    """Opens like open(), but a live source without a first frame fails: it connects again only after one."""
    chosen = _native.OpenOptions()
    chosen.fps = _number("fps", fps)
    chosen.rendition = _rendition(rendition)
    chosen.options = ffmpeg_options("open()", options)
    source = VideoSource(_url(url), chosen)
    source._must_open()
    return source


def _number(what: str, value: Any) -> float | None:
    return None if value is None else _check.number(what, value)


def _frozen_after(value: Any) -> float | None:
    if value is None:
        return 0.0  # the engine's word for never
    if isinstance(value, str):
        if value == "auto":
            return None
        raise OptionError(
            f'frozen_after must be a number of seconds above 0, "auto" or None, got {_check.shown(value)}'
        )
    seconds = _check.number("frozen_after", value)
    if not seconds > 0:
        raise OptionError(
            f'frozen_after must be a number of seconds above 0, "auto" or None, got {seconds:g}'
        )
    return seconds


def _folder(remember: Any) -> str:
    if remember is None:
        return ""
    if not (folder := _check.path("remember", remember)):
        raise OptionError("remember must be a folder, got ''")
    return folder


def _count(what: str, value: Any) -> int | None:
    return None if value is None else _check.integer(what, value)


def _rendition(rendition: Any) -> str:
    if isinstance(rendition, str):
        return rendition.encode(errors="replace").decode()
    if isinstance(rendition, numbers.Integral) and not isinstance(rendition, bool):
        return str(int(rendition))
    found = type(rendition).__name__
    raise OptionTypeError(f"rendition must be a string or a number, got a value of type {found}")


def _url(url: Any) -> str:
    if isinstance(url, bool):
        raise OptionTypeError(f"a camera's number must be 0 or more, got {_check.shown(url)}")
    if isinstance(url, (str, os.PathLike)):
        text = os.fspath(url)
        if isinstance(text, str) and "://" in text and not _check.is_utf8(text):
            # The message does not show the URL: it may contain a password.
            raise OptionError("url is not valid text: it contains unpaired surrogates")
        return _check.path_or_url("url", url)
    if not isinstance(url, numbers.Integral):
        found = type(url).__name__  # the message does not show more: it may be a URL with a password
        raise OptionTypeError(f"url must be a path, a URL or a camera's number, got a value of type {found}")
    number = int(url)
    if number < 0:
        raise OptionError(f"a camera's number must be 0 or more, got {_check.shown(url)}")
    if number > 255:
        raise OptionError(f"a camera's number must be 0 to 255, got {_check.shown(url)}")
    return str(number)


def ffmpeg_options(who: str, options: Any) -> dict[str, str]:
    """Checks the options for FFmpeg. Messages do not show the values, which may be passwords."""
    wanted = f"options of {who} must be a mapping from strings to strings"
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise OptionTypeError(f"{wanted}, got a value of type {type(options).__name__}")
    for name, value in options.items():
        if not isinstance(name, str) or not _check.is_utf8(name):
            raise OptionTypeError(f"{wanted}, got the name {name!r}")
        if not isinstance(value, str):
            raise OptionTypeError(
                f"{wanted}; the value of {name!r} has the type {type(value).__name__}: write it as a string"
            )
        if not _check.is_utf8(value):
            raise OptionError(f"{wanted}; the value of {name!r} contains unpaired surrogates")
    return dict(options)


def _camera_value(name: str, value: Any) -> str:
    """The setting for the engine."""
    if isinstance(value, str) and value == "auto":
        return value
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return str(int(value))
    raise OptionTypeError(f'{name} must be a whole number or "auto", got {_check.shown(value)}')


def _size(size: Any) -> tuple[int, int] | None:
    if size is None:
        return None
    width, height = _check.pair("size (width, height)", size)
    if not (width.is_integer() and height.is_integer() and width > 0 and height > 0):
        raise OptionError(f"size must be (width, height) in pixels, got {_check.shown(size)}")
    return int(width), int(height)


Preset = Literal["slow", "medium", "fast", "fastest"]


def encoding(who: str, codec: str, crf: int, preset: Preset, options: Any) -> dict[str, Any]:
    """The options of an encoder, checked for `who`."""
    return {
        "codec": _check.text("codec", codec),
        "crf": _check.integer("crf", crf),
        "preset": _check.text("preset", preset),
        "options": ffmpeg_options(who, options),
    }


def _keep_days(value: Any) -> float | None:
    if (days := _number("keep_days", value)) is not None and not days > 0:
        raise OptionError(f"keep_days must be above 0, got {_check.shown(value)}")
    return days


def _keep_bytes(name: str, value: Any) -> int | None:
    if (size := _number(name, value)) is not None and not 1 <= size < 1 << 63:
        raise OptionError(f"{name} must be at least 1, got {_check.shown(value)}")
    return None if size is None else int(size)


def _report(
    recorder: VideoFile, on_segment: Callable[[Segment], object], segment_every: float | None
) -> Callable[[], None]:
    """The body of the thread that calls ``on_segment``."""
    if not callable(on_segment):
        raise OptionTypeError(
            f"on_segment of a video file must be callable with a Segment, or None; got "
            f"{_check.shown(on_segment)}"
        )
    if segment_every is None:
        raise OptionError(
            "on_segment of a video file is for segments, and segment_every, their length, is not given"
        )
    with fork.loading():
        from .segments import report_segments  # noqa: PLC0415  (few programs ask for it)

    return lambda: report_segments(recorder._handle, str(recorder.records_to), on_segment)


class PacketSource(NativeSource["Packet"]):
    """The source of ``camera.packets``."""

    def _freshframe_contract(self) -> Contract:
        return Contract(types=(None, _native.Packet))

    def __init__(self, camera: VideoSource) -> None:
        """Called by Port.packets."""
        self.live = camera.live
        self._handle = _native.make_packet_source(camera._handle)


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
            "fast" and "fastest" are for cameras. docs/reference/recording.md has measurements.
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
            None if fps is None else _check.number("fps", fps),
            None if segment_every is None else _check.number("segment_every", segment_every),
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
