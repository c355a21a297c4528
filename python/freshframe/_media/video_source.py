"""VideoSource, a source of decoded frames, and the source of its packets."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numbers
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from .. import _check, _native
from .._errors import OptionError, OptionTypeError
from .._graph.contract import Contract
from .._graph.source import NativeSource
from .._interpreter import fork

if TYPE_CHECKING:
    from .._native import Frame, Packet  # noqa: F401  (in strings)
    from .video_info import VideoInfo


class _Setting(property):
    """A camera setting, such as exposure, as an attribute of the source."""

    def __init__(self, name: str, what: str) -> None:
        """Creates the attribute `name`; `what` is its docstring."""

        def get(source: VideoSource) -> int | Literal["auto"]:
            source._need_camera(name)
            found = _native.camera_setting(source._handle, name)
            return "auto" if found == "auto" else int(found)

        def put(source: VideoSource, value: int | Literal["auto"]) -> None:
            source._need_camera(name)
            _native.set_camera(source._handle, name, camera_value(name, value))

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
    """A source of decoded frames; create one with freshframe.open().

    Either add it to a pipeline or loop over it: ``with source:``, ``for sample in source``, ``async for``.
    The loop is the same as over freshframe.stream() with only this source. The first attempt to open the
    source must succeed, unless ``reconnect=True``; later outages are waited out. While the loop body runs, a
    camera drops older frames, counted in ``sample.dropped``, and a file waits.

    In a ``with`` block each loop continues where the previous one stopped, and leaving the block closes the
    source. Without ``with``, a source can be looped over once; the end of the loop closes it.
    """

    def _freshframe_contract(self) -> Contract:
        return Contract(
            types=(None, _native.Frame),
            marks_damage=self._marks_damage,
            must_open=self._must_open,
            packets=self._packets,
            wake=self._wake,
        )

    def __init__(self, url: bytes, options: _native.OpenOptions) -> None:
        """Created by freshframe.open()."""
        handle = _native.make_video_source(url, options)
        # Frames of files and local cameras are never damaged.
        self._marks_damage = options.damaged == "mark" and _native.is_network_stream(handle)
        self._may_wait = options.reconnect is None
        self.live = handle.live
        self._handle = handle

    def _must_open(self) -> None:
        """Makes start() fail unless the first frame arrives. Called before the source is added for a loop."""
        if self._may_wait and not self._handle.added:
            _native.need_first_frame(self._handle)

    def __repr__(self) -> str:
        """Returns the URL with its password masked."""
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
                f"{name} works only for a local camera, such as 0 or '/dev/video0', not for {self.url!r}"
            )

    def _packets(self) -> PacketSource:
        """Returns a source of its packets. Called by Port.packets."""
        return PacketSource(self)

    def _wake(self, seconds: float | None, pts: float | None) -> None:
        """Decodes all frames for a while. Called by Port.wake()."""
        _native.wake(self._handle, seconds, pts)

    @property
    def info(self) -> VideoInfo:
        """The properties of the opened video, such as codec, size and rate.

        Raises:
            StateError: The pipeline has not started yet, or a live source has not yet connected or not yet
                delivered its first frame.
        """
        with fork.explaining(), fork.loading():
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
            streams=tuple(info.streams),
            client=cast("Any", info.client or None),
            ends_by=cast("Any", info.ends_by or None),
        )


class PacketSource(NativeSource["Packet"]):
    """The source of ``camera.packets``: the camera's encoded packets."""

    def _freshframe_contract(self) -> Contract:
        return Contract(types=(None, _native.Packet))

    def __init__(self, camera: VideoSource) -> None:
        """Created by Port.packets."""
        self.live = camera.live
        self._handle = _native.make_packet_source(camera._handle)


def camera_value(name: str, value: Any) -> str:
    """Returns a camera setting as a string for the engine."""
    if isinstance(value, str) and value == "auto":
        return value
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return str(int(value))
    raise OptionTypeError(f'{name} must be a whole number or "auto", got {_check.show(value)}')
