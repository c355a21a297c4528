"""How an RTSP session behaves: transports, credentials, time limits, descriptions."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from dataclasses import dataclass

from rigs.live.truth.rtsp.guard import Guard


@dataclass(frozen=True)
class Manners:
    """Behaves like a good camera by default.

    Attributes:
        tcp: Accepts interleaved packets; otherwise responds with 461.
        udp: Accepts UDP; otherwise responds with 461.
        deaf_udp: Accepts UDP, but never sends a packet.
        names_ports: The response to SETUP names the server's UDP ports.
        guard: Required credentials; None means no authentication.
        methods: Methods in the response to OPTIONS; others are rejected with 501.
        timeout: Seconds of silence after which the session ends; included in the response to SETUP.
        describes_sets: The session description contains the parameter sets.
        wrong_sets: The parameter sets in the description belong to another stream.
        content_base: The response to DESCRIBE has the header Content-Base.
        goodbye: Responds to TEARDOWN.
        report_interval: Seconds between two sender reports; 0 means none.
        takes_pli: The description asks clients to report lost images (RFC 4585).
        alive: The requests that renew the timeout; None means any data.
        describes_audio: The description has an audio track. A client that sets up that track instead gets no
            images.
        location: URL that DESCRIBE is redirected to; None means no redirect.
    """

    tcp: bool = True
    udp: bool = True
    deaf_udp: bool = False
    names_ports: bool = True
    guard: Guard | None = None
    methods: tuple[str, ...] = ("OPTIONS", "DESCRIBE", "SETUP", "PLAY", "TEARDOWN", "GET_PARAMETER")
    timeout: float = 60.0
    describes_sets: bool = True
    wrong_sets: bool = False
    content_base: bool = True
    goodbye: bool = True
    report_interval: float = 1.0
    takes_pli: bool = False
    alive: tuple[str, ...] | None = None
    describes_audio: bool = False
    location: str | None = None
