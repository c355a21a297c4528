"""The properties of an opened video."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Format = Literal["gray", "nv12", "i420", "i422", "i444", "bgr", "rgb"]
"""Layouts of a frame's samples, 8 bits each."""

UtcFrom = Literal["none", "arrival", "file", "device", "camera"]
"""The clock that the `utc` of a sample is by."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """The properties of an opened video.

    Attributes:
        width: Pixels.
        height: Pixels.
        fps: Frames per second, if the container has it; else None.
        frame_count: Number of frames, if it is known; else None.
        duration: Seconds, if it is known; else None.
        codec: FFmpeg's name, for example "h264".
        container: FFmpeg's name; None if the video has no container.
        pixel_format: FFmpeg's name; None if it is not known.
        interlaced: Whether frames have two fields woven together; they are delivered as stored. None if it is
            not known (cameras, and a network stream before its first frame).
        renditions: The videos of a network stream that has several, each as "640x360 h264, 800 kbit/s"; else
            empty. open() has an option to choose one.
        streams: The videos of a file that has several, each with the index of its stream, as
            "1: 640x360 h264, 900 frames", "2: 320x240 mjpeg, still" or "3: 600x600 png, cover"; else empty.
            ``open(stream=)`` chooses one.
        client: Who speaks RTSP with the server, "freshframe" or "ffmpeg"; None for other sources.
        ends_by: The end of a picture in RTSP that freshframe reads: "marker", its last packet, or
            "timestamp", the first packet of the next one, which makes pictures one frame interval older. None
            for other sources. It may change while the source runs, as the camera's markers are found true or
            false.
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
