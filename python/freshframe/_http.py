"""HTTP clients of the package: the body of an answer within bounds, and the hosts that are this machine."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import http.client
import ipaddress
import time

_CHUNK = 1 << 16  # bytes


def read_body(answer: http.client.HTTPResponse, most: int, deadline: float) -> bytes:
    """The body of an answer, as far as it comes; the server decides whether that is all of it.

    Args:
        answer: Its headers have been read.
        most: Bytes.
        deadline: As time.monotonic(). A single wait for bytes has the time limit of the socket.

    Raises:
        TimeoutError: It has not ended by then.
        OSError: It is larger, or the connection failed.
    """
    body = bytearray()
    while chunk := answer.read1(_CHUNK):
        body += chunk
        if len(body) > most:
            raise OSError(f"its answer is larger than {most >> 20} MiB")
        if time.monotonic() > deadline:
            raise TimeoutError(f"its answer has not ended after {len(body)} bytes")
    return bytes(body)


def is_this_machine(host: str) -> bool:
    """Whether a host is a loopback address, or localhost."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
