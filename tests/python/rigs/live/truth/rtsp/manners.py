"""How a camera's session behaves: transports, credentials, time limits, descriptions."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from dataclasses import dataclass

from rigs.live.truth.rtsp.guard import Guard


@dataclass(frozen=True)
class Manners:
    """The manners of a good camera by default.

    Attributes:
        tcp: Accepts interleaved packets; else it answers 461.
        udp: Accepts UDP; else it answers 461.
        deaf_udp: Accepts UDP and never sends a packet.
        names_ports: The answer to SETUP names the server's ports of UDP.
        guard: Who may look; None means everybody.
        methods: Named in the answer to OPTIONS; others are refused with 501.
        timeout: Seconds of silence after which the session ends; named in the answer to SETUP.
        describes_sets: The parameter sets are in the session's description.
        wrong_sets: Those in the description are of another stream.
        content_base: DESCRIBE's answer has the header Content-Base.
        goodbye: TEARDOWN is answered.
        report_interval: Seconds between two sender reports; 0 means none.
        takes_pli: The description asks for reports of lost pictures (RFC 4585).
        alive: The requests that renew the time limit; None means whatever comes.
        describes_audio: The description has a track of sound. Who sets it up instead gets no picture.
        location: Where DESCRIBE is redirected to; None means nowhere.
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
