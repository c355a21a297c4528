"""Streams to media servers."""

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
    """Publishes a stream to a media server: frames, or what a camera has sent. Native.

    Below a node it encodes the node's frames. Below ``camera.packets`` it sends the camera's own pictures:
    add() refuses ``codec``, ``crf``, ``preset``, ``keyframe_every`` and ``options``. It connects when the
    first picture comes, and again after an outage, with pauses of 0.5 to 10 s. It sends on its own thread, so
    neither a slow nor an absent server delays the pipeline. Pictures that were not sent are counted as
    ``drops["lost"]`` of the node, and by their reason in ``pipeline.stats().nodes[name].publish``.

    A picture that has waited longer than ``max_wait`` is left out, with all up to the newest keyframe that
    has not. While there is no connection nothing is encoded.

    Args:
        url: "rtsp://host:8554/name" (over TCP), "rtmp://host/app/name", or for MPEG-TS "srt://host:port",
            "udp://host:port" or "tcp://host:port". "rtsps://" and "rtmps://" are encrypted.
        codec: As for VideoFile. "auto" takes the first that FFmpeg can encode and that the servers know:
            h264, vp8 and mpeg4 for RTSP, h264 for RTMP, h264 and mpeg4 for MPEG-TS.
        crf: As for VideoFile.
        preset: As for VideoFile.
        keyframe_every: Seconds between two keyframes, 0.1 to 60: a viewer begins at one.
        max_wait: Seconds for which a picture may wait to be sent, 0.1 to 60.
        timeout: Seconds to connect, and for each picture, 0.1 to 60. Afterwards the connection is lost.
        options: Of FFmpeg's encoder; an unknown one is an error.

    Raises:
        OptionError: The URL or the codec is not possible, or an option is out of range.
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
        """Checks the options. Nothing is connected yet."""
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
        """The URL with its password masked."""
        return f"<Publish {self.url!r}>"
