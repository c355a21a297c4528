"""The wrong claims of a camera. Each of these lies was seen in real cameras and relays.

Markers on every unit: OpenIPC/smolrtsp#43, pikvm/ustreamer#119. On parameter sets, and their old timestamps:
scottlamb/retina#13. Garbage: bluenviron/gortsplib#653. Channels: gortsplib#72 and #142. Media before PLAY's
answer: retina#46.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from rigs.live.truth.pictures.units import Piece

Markers = Literal["true", "every_unit", "none", "parameter_sets"]
GARBAGE = b"abcdefgh\0\1\2\3"
GARBAGE_BYTES = 30


@dataclass(frozen=True)
class Lies:
    """None by default.

    Attributes:
        markers: Which packets end an image, by their marker bits: the last one ("true"), every last one of a
            unit, no one, or besides the last one those of parameter sets and SEI.
        old_stamps: Parameter sets and SEI carry the timestamp of the image before.
        sent_stamps: The timestamps are those of the order in which the images are sent, as live555 gives
            them to those of a file with B-frames.
        garbage_each: Between interleaved packets come 30 other bytes, each so many packets; 0 means never.
        empty_line_each: An empty line comes between interleaved packets; 0 means never.
        channels: The interleaved channels of RTP and RTCP, whatever the client asked for.
        names_channels: The answer to SETUP names them.
        early: Images that are sent before PLAY is answered.
        clock_ahead: Seconds by which the sender reports are ahead of this machine's clock.
        report_noise: Seconds by which each report is off, at random and to either side.
        stamped_fps: Images per second by the timestamps, where the camera sends another number; 0 means it
            does not.
        clock_drift: Seconds per second of the stream by which they get further ahead.
    """

    markers: Markers = "true"
    old_stamps: bool = False
    sent_stamps: bool = False
    garbage_each: int = 0
    empty_line_each: int = 0
    channels: tuple[int, int] | None = None
    names_channels: bool = True
    early: int = 0
    clock_ahead: float = 0.0
    clock_drift: float = 0.0
    report_noise: float = 0.0
    stamped_fps: float = 0.0

    def utc(self, true: float, since: float) -> float:
        """The camera's wall time at a true one, `since` seconds after the start of the stream."""
        return true + self.clock_ahead + self.clock_drift * since

    def marked(self, piece: Piece, *, last: bool) -> bool:
        """Whether a packet has the marker bit; `last`: of its image."""
        if self.markers == "none":
            return False
        if self.markers == "every_unit":
            return piece.ends_unit
        if self.markers == "parameter_sets":
            return last or not piece.of_slice
        return last

    def between(self, count: int) -> bytes:
        """Bytes before the interleaved packet number `count`."""
        extra = b""
        if self.empty_line_each and count % self.empty_line_each == 0:
            extra += b"\r\n"
        if self.garbage_each and count % self.garbage_each == 0:
            extra += bytes(random.Random(count).choices(GARBAGE, k=GARBAGE_BYTES))
        return extra
