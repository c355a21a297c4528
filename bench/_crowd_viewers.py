"""Viewers of /api/video in one process: python _crowd_viewers.py URL COUNT PORT... has COUNT of each port.

Each acknowledges its pictures as a page does. When all have pictures, it prints "ready". It takes commands as
lines: `measure` forgets what has come so far, `stop` reads nothing more and keeps the connections, `end`
prints the figures.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import selectors
import struct
import sys
import time

from _measure import ROOT, quantile

sys.path.insert(0, str(ROOT / "tests" / "python"))

from rigs.web_client import Video, VideoMessage


class Viewer(Video):
    """One page with one view; `ages` of its pictures when they have come."""

    def __init__(self, url: str, port: str) -> None:
        """Connects and watches."""
        super().__init__(url)
        self.watch(port)
        self.ages: list[float] = []
        self.left_out = 0
        self._data = b""

    def fileno(self) -> int:
        """Of the socket."""
        return self._socket.fileno()

    def take(self) -> bool:
        """Whatever is there; False: the server has closed."""
        found: bytes = self._stream.read1(1 << 16)
        self._data += found
        while self._next_message():
            pass
        return bool(found)

    def _next_message(self) -> bool:
        if len(self._data) < 10:
            return False
        begin, size = 2, self._data[1]
        if size == 126:
            begin, size = 4, struct.unpack_from("!H", self._data, 2)[0]
        elif size == 127:
            begin, size = 10, struct.unpack_from("!Q", self._data, 2)[0]
        if len(self._data) < begin + size:
            return False
        code, body = self._data[0] & 0xF, self._data[begin : begin + size]
        self._data = self._data[begin + size :]
        if code == 9:
            self.send(body, 10)
        elif code == 2:
            message = VideoMessage.of(body)
            self.acknowledge(message)
            self.left_out = message.left_out
            if message.kind == "picture":
                self.ages.append(time.time() - message.captured)
        return True


def main() -> None:
    """Until the input ends."""
    url, count, *ports = sys.argv[1:]
    viewers = [Viewer(url, port) for port in ports for _ in range(int(count))]
    lost, ready, began = 0, False, time.monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ)
        for viewer in viewers:
            selector.register(viewer, selectors.EVENT_READ, viewer)
        while True:
            for key, _ in selector.select():
                if key.data is not None:
                    if not key.data.take():
                        selector.unregister(key.data)
                        lost += 1
                    continue
                command = sys.stdin.readline().strip()
                if command == "measure":
                    began = time.monotonic()
                    for viewer in viewers:
                        viewer.ages.clear()
                elif command == "stop":
                    for viewer in viewers:
                        selector.unregister(viewer)
                else:
                    ages = [age for viewer in viewers for age in viewer.ages]
                    figures = {
                        "pictures_per_s": len(ages) / (time.monotonic() - began) / len(viewers),
                        "age_p50_ms": 1e3 * quantile(ages, 0.5),
                        "age_p99_ms": 1e3 * quantile(ages, 0.99),
                        "left_out": sum(viewer.left_out for viewer in viewers),
                        "lost": lost,
                    }
                    print(json.dumps(figures), flush=True)
                    return
            if not ready and all(viewer.ages for viewer in viewers):
                ready = True
                print("ready", flush=True)


if __name__ == "__main__":
    main()
