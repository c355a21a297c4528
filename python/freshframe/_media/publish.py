"""Publish: sends a stream to a media server."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .. import _check, _native
from .._graph.contract import Contract
from .._graph.node import NativeNode
from .ffmpeg_options import Preset, encoding

if TYPE_CHECKING:
    from .._native import Frame, Packet  # noqa: F401  (in strings)


class Publish(NativeNode["Frame | Packet", None]):
    """Publishes a stream to a media server: encoded frames, or a camera's own packets. Native.

    With a parent of frames it encodes them. With ``camera.packets`` as parent it forwards the packets: add()
    then rejects ``codec``, ``crf``, ``preset``, ``keyframe_every`` and ``options``. It connects when the
    first frame arrives, and reconnects after an outage, with pauses of 0.5 to 10 s. It sends on its own
    thread, so a slow or unreachable server does not delay the pipeline. Frames that were not sent are counted
    as ``drops["lost"]`` of the node, and by reason in ``pipeline.stats().nodes[name].publish``.

    When a frame has waited longer than ``max_wait``, it and the frames after it are dropped, up to the newest
    keyframe that has waited less. Nothing is encoded while there is no connection.

    Args:
        url: "rtsp://host:8554/name" (over TCP), "rtmp://host/app/name", or for MPEG-TS "srt://host:port",
            "udp://host:port" or "tcp://host:port". "rtsps://" and "rtmps://" are encrypted.
        codec: As for VideoFile. "auto" takes the first one that FFmpeg can encode of h264, vp8, mpeg4 for
            RTSP, h264 for RTMP, and h264, mpeg4 for MPEG-TS.
        crf: As for VideoFile.
        preset: As for VideoFile.
        keyframe_every: Seconds between keyframes, 0.1 to 60. A viewer has to wait for one.
        max_wait: Maximum seconds for which a frame may wait to be sent, 0.1 to 60.
        timeout: Timeout in seconds for connecting and for sending each frame, 0.1 to 60; then the connection
            is considered lost.
        options: Options for FFmpeg's encoder; an unknown one is an error.

    Raises:
        OptionError: The URL or codec is not supported, or an option is out of range.
        OptionTypeError: An argument is of the wrong type.

    Example:
        >>> import freshframe as ff
        >>> pipeline = ff.Pipeline()
        >>> camera = pipeline.add(ff.open("demo:circles?size=640x360"))
        >>> drawn = pipeline.add(ff.Annotate(), pipeline.add(ff.CircleTracker(), camera))
        >>> publish = ff.Publish("rtsp://127.0.0.1:8554/drawn")
        >>> port = pipeline.add(publish, drawn)
        >>> pipeline.stats().nodes[port.name].publish.state
        'closed'
    """

    def _freshframe_contract(self) -> Contract:
        return Contract(types=(_native.Frame | _native.Packet, None), needs_live=True)

    def __init__(
        self,
        url: str,
        *,
        codec: str = "auto",
        crf: int = 23,
        preset: Preset = "fastest",
        keyframe_every: float = 2.0,
        max_wait: float = 1.0,
        timeout: float = 5.0,
        options: Mapping[str, str] | None = None,
    ) -> None:
        chosen = encoding("Publish()", codec, crf, preset, options) | {
            "keyframe_every": _check.number("keyframe_every", keyframe_every),
            "max_wait": _check.number("max_wait", max_wait),
            "timeout": _check.number("timeout", timeout),
        }
        self._handle = _native.make_publish(_check.text("url", url), chosen)

    @property
    def url(self) -> str:
        """The URL with its password masked."""
        return _native.publish_url(self._handle)

    def __repr__(self) -> str:
        return f"<Publish {self.url!r}>"
