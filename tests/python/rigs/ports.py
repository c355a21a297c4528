"""Ports for servers that start later, or restart."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import random
import socket
from pathlib import Path

_MANY = 10_000


def _below_those_that_the_kernel_gives_out() -> range:
    text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text()
    first = int(text.split()[0])
    return range(first - _MANY, first) if first > 2 * _MANY else range(0)


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Returns a free port of 127.0.0.1 outside of the kernel's ephemeral range.

    The kernel does not assign it to a client, or to a server that binds port 0. So it is still free when its
    server starts, however late that is on a busy machine.
    """
    places = _below_those_that_the_kernel_gives_out()
    for port in random.sample(places, min(100, len(places))):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
