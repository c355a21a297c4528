"""False metadata of a camera. Each of these lies was seen in real cameras and relays.

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
    """The false metadata that a camera sends; none by default.

    Attributes:
        markers: Which packets end an image, by their marker bits: the last one ("true"), the last one of
            every unit, none, or the last one and those of parameter sets and SEI.
        old_stamps: Parameter sets and SEI carry the timestamp of the previous image.
        sent_stamps: The timestamps increase in the order in which the images are sent, as live555 sends a
            file with B-frames.
        garbage_each: Sends 30 random bytes between interleaved packets, after every this many; 0 means never.
        empty_line_each: Sends an empty line between interleaved packets, after every this many; 0 means
            never.
        channels: The interleaved channels of RTP and RTCP, regardless of what the client asked for.
        names_channels: The response to SETUP names them.
        early: Number of images that are sent before the response to PLAY.
        clock_ahead: Seconds by which the sender reports are ahead of this machine's clock.
        report_noise: Maximum random error of each sender report, in seconds.
        stamped_fps: Images per second according to the timestamps, if it differs from the real rate; 0 means
            it does not.
        clock_drift: Seconds by which the sender reports get further ahead per second of the stream.
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
        """Returns the camera's clock at a true Unix time, `since` seconds after the start of the stream."""
        return true + self.clock_ahead + self.clock_drift * since

    def marked(self, piece: Piece, *, last: bool) -> bool:
        """Returns True if a packet gets the marker bit. `last`: it is the last one of its image."""
        if self.markers == "none":
            return False
        if self.markers == "every_unit":
            return piece.ends_unit
        if self.markers == "parameter_sets":
            return last or not piece.of_slice
        return last

    def between(self, count: int) -> bytes:
        """Returns the bytes to send before the interleaved packet number `count`."""
        extra = b""
        if self.empty_line_each and count % self.empty_line_each == 0:
            extra += b"\r\n"
        if self.garbage_each and count % self.garbage_each == 0:
            extra += bytes(random.Random(count).choices(GARBAGE, k=GARBAGE_BYTES))
        return extra
