"""Statistics of the browser that sends a camera."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SenderStats:
    """The browser that sends the camera of a ``browser:`` source.

    Most of it is what the browser's page reports, twice a second. Counts include earlier senders of the
    source. ``camera_frames`` are ``sent``, ``skipped_link``, ``skipped_encoder``, or still in the encoder.

    Attributes:
        connected: True while the browser is connected.
        browser: Its name and version, such as "Chromium 131"; None if unknown.
        camera: Label of the camera in the browser; None if unknown.
        state: What the page is doing: "live" while it sends, "asking", "no_camera" and others; None before
            its first report.
        message: Why it sends no frames; None if it sends them.
        hidden: True while its tab is not visible: the browser may then deliver fewer frames.
        codec: "h264", "vp8", "vp9" or "mjpeg"; None before its first frame.
        mode: How it encodes: "webcodecs" or "jpeg".
        stamped: Where the capture time comes from: "capture" (the camera's own time), "presentation" (at most
            a frame late) or "arrival" (the page's time).
        width: Width of the encoded image in pixels; 0 before the first frame.
        height: Its height in pixels.
        camera_frames: Frames that the camera gave the page.
        sent: Frames that the page sent.
        skipped_link: Frames not sent because the link was too slow.
        skipped_encoder: Frames not sent because the encoder was busy.
        missed: Frames that the browser lost before its page saw them, by their timestamps.
        bitrate: Target of the encoder in bits per second.
        arrives: Bits per second that were acknowledged in the last second.
        encoding: Seconds that the encoder takes for a frame.
        round_trip: Shortest round trip of the last 30 seconds, in seconds.
        clock_error: Largest error of the capture times in seconds.
        failures: Codecs that failed in this browser, each with the reason.
    """

    connected: bool
    browser: str | None
    camera: str | None
    state: str | None
    message: str | None
    hidden: bool
    codec: str | None
    mode: str | None
    stamped: str | None
    width: int
    height: int
    camera_frames: int
    sent: int
    skipped_link: int
    skipped_encoder: int
    missed: int
    bitrate: float
    arrives: float
    encoding: float
    round_trip: float
    clock_error: float
    failures: tuple[str, ...]
