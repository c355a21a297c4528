"""VideoInfo: the properties of an opened video."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Format = Literal["gray", "nv12", "i420", "i422", "i444", "bgr", "rgb"]
"""Pixel formats of a frame, 8 bits per component."""

UtcFrom = Literal["none", "arrival", "file", "device", "camera", "browser"]
"""The clock that the `utc` of a sample comes from."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """The properties of an opened video.

    Attributes:
        width: Width in pixels.
        height: Height in pixels.
        fps: Frames per second as stated by the container; None if unknown.
        frame_count: Number of frames; None if unknown.
        duration: Seconds; None if unknown.
        codec: FFmpeg's name, for example "h264".
        container: FFmpeg's name; None if the video has no container.
        pixel_format: FFmpeg's name; None if unknown.
        interlaced: Whether frames consist of two interleaved fields; they are not deinterlaced. None if
            unknown (cameras, and network streams before the first frame).
        renditions: The videos of a network stream that has several, each as "640x360 h264, 800 kbit/s"; else
            empty. ``open(rendition=)`` chooses one.
        streams: The videos of a file that has several, each with the index of its stream, as
            "1: 640x360 h264, 900 frames", "2: 320x240 mjpeg, still" or "3: 600x600 png, cover"; else empty.
            ``open(stream=)`` chooses one.
        client: The RTSP implementation in use, "freshframe" or "ffmpeg"; None for other sources.
        ends_by: How freshframe's RTSP client detects the end of a frame: by "marker", the RTP marker bit of
            its last packet, or by "timestamp", the first packet of the next frame, which adds one frame
            interval of latency. None for other sources. May change while the source runs, as it finds out
            whether the camera's marker bits can be trusted.
    """

    width: int
    height: int
    fps: float | None
    frame_count: int | None
    duration: float | None
    codec: str
    container: str | None
    pixel_format: str | None
    interlaced: bool | None
    renditions: tuple[str, ...]
    streams: tuple[str, ...]
    client: Literal["freshframe", "ffmpeg"] | None
    ends_by: Literal["marker", "timestamp"] | None
