"""Stops while a name is looked up by a server that never answers: the child process of names.py.

Runs in a network of its own (`unshare -rmn`), in which 127.0.0.1 is a name server that listens and says
nothing. Writes {row: [milliseconds of each stop]} as JSON: ``python _silent_names.py STOPS``.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import fcntl
import json
import random
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

FILES = {
    "resolv.conf": "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n",
    "nsswitch.conf": "hosts: files dns\n",
}


def silence_names() -> socket.socket:
    """The name server, which stays silent for as long as it is kept."""
    set_flags, up = 0x8914, 1  # SIOCSIFFLAGS, IFF_UP of linux/if.h
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        fcntl.ioctl(end, set_flags, struct.pack("16sh", b"lo", up))
    folder = Path(tempfile.mkdtemp())
    for name, text in FILES.items():
        (folder / name).write_text(text)
        subprocess.run(["mount", "--bind", str(folder / name), f"/etc/{name}"], check=True)
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    return server


def measure(stops: int) -> dict[str, list[float]]:
    """By name of the row."""
    from faults import KINDS, stop_ms  # noqa: PLC0415  after the names are silent
    from rigs.live.faulty_server import Faults  # noqa: PLC0415  faults makes it known

    random.seed(2)
    figures = {
        f"{name}: stop while resolving": [stop_ms(None, kind, "resolving") for _ in range(stops)]
        for name, kind in KINDS.items()
    }
    away = Faults(answer=b"HTTP/1.0 302 Found\r\nLocation: http://elsewhere.example/\r\n\r\n")
    http = KINDS["http"]
    with http.server(faults=away) as server:
        figures["http, redirected: stop while connecting"] = [
            stop_ms(server, http, "connecting") for _ in range(stops)
        ]
    return figures


def in_own_network(stops: int) -> dict[str, list[float]]:
    """What a child measured; raises OSError or CalledProcessError where no such network can be had."""
    done = subprocess.run(
        ["unshare", "-rmn", sys.executable, __file__, str(stops)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    figures: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return figures


if __name__ == "__main__":
    server = silence_names()
    print(json.dumps(measure(int(sys.argv[1]))), flush=True)
