"""40 clients of /api/picture/NAME.mjpg, 20 of which read a byte per second: do they slow others, or the page?

A process serves 1280x720 at 30 frames per second, and each client asks for 10 per second. The 20 slow clients
come first. A server has 32 streams, so 8 of the 20 fast clients are refused (503) and ask again each second.
They get a place when the slow ones are disconnected, which accept no byte for 10 s. Ages are those at the
client: the time at which a picture has arrived less its X-Timestamp. Beside it the page's answers: /, and
/api/state. The reference is the same without slow clients, run twice.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import selectors
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from _measure import ROOT, Result, Row, arguments, median, quantile, spread, take_turns

sys.path.insert(0, str(ROOT / "tests" / "python"))

from rigs.web_client import request

FPS = 10
AGE_GOAL_MS = 2 * 1000 / FPS
SERVER = """
import sys
import freshframe as ff
pipeline = ff.Pipeline()
pipeline.add(ff.open("demo:circles?size=1280x720&fps=30"), name="cam")
with pipeline, pipeline.serve() as dashboard:
    print(dashboard.mjpeg_url("cam", fps=10), flush=True)
    sys.stdin.readline()
"""


class Client:
    """One connection; `ages` of the pictures that it has got."""

    def __init__(self, url: str, *, slow: bool) -> None:
        """Sends the request."""
        where = urlsplit(url)
        self.ages: list[float] = []
        self.status = 0
        self._data = b""
        self._slow = slow
        self.sock = socket.socket()
        if slow:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.sock.connect((where.hostname or "", where.port or 0))
        self.sock.sendall(f"GET {where.path}?{where.query} HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
        self.sock.setblocking(False)

    def take(self) -> bool:
        """Reads what is there, or a byte; False: the server has closed."""
        try:
            found = self.sock.recv(1 if self._slow else 1 << 20)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._data += found
        if not self.status and len(self._data) >= 12:
            self.status = int(self._data[9:12])
        while not self._slow and self._next_picture():
            pass
        return bool(found)

    def _next_picture(self) -> bool:
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = self._data[:end].decode()
        if "X-Timestamp: " not in head:
            self._data = self._data[end + 4 :]
            return self.status == 200
        size = int(head.split("Content-Length: ")[1].split()[0])
        if len(self._data) < end + 4 + size:
            return False
        self.ages.append(time.time() - float(head.split("X-Timestamp: ")[1].split()[0]))
        self._data = self._data[end + 4 + size :]
        return True


def read_fast(clients: list[Client], url: str, stopped: threading.Event) -> None:
    """Everything at once; a client that was refused comes again."""
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.sock, selectors.EVENT_READ, client)
        away: list[tuple[float, int]] = []
        while not stopped.is_set():
            for key, _ in selector.select(0.05):
                if not key.data.take():
                    selector.unregister(key.fileobj)
                    away.append((time.monotonic() + 1, clients.index(key.data)))
            for due, index in list(away):
                if time.monotonic() >= due:
                    away.remove((due, index))
                    clients[index].sock.close()
                    again = Client(url, slow=False)
                    again.ages = clients[index].ages
                    clients[index] = again
                    selector.register(again.sock, selectors.EVENT_READ, again)


def read_slowly(clients: list[Client], stopped: threading.Event) -> None:
    """A byte per second from each."""
    while not stopped.wait(1):
        for client in clients:
            client.take()


def resident_mb(pid: int) -> float:
    """The memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return float(status.split("VmRSS:")[1].split()[0]) / 1024


def run(slow: int, fast: int, seconds: float) -> dict[str, Any]:
    """One server and its clients."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        idlers = [Client(url, slow=True) for _ in range(slow)]
        time.sleep(0.2)
        readers = [Client(url, slow=False) for _ in range(fast)]
        stopped = threading.Event()
        threads = [
            threading.Thread(target=read_fast, args=(readers, url, stopped)),
            threading.Thread(target=read_slowly, args=(idlers, stopped)),
        ]
        for thread in threads:
            thread.start()
        time.sleep(2)
        refused = sum(client.status == 503 for client in readers)
        for client in readers:
            client.ages.clear()
        memory = [resident_mb(server.pid)]
        answers = []
        began = time.monotonic()
        while time.monotonic() < began + seconds:
            for path in ("/", "/api/state"):
                asked = time.monotonic()
                assert request(url, path).status == 200
                answers.append(time.monotonic() - asked)
            time.sleep(0.1)
            memory.append(resident_mb(server.pid))
        lasted = time.monotonic() - began
        ages = [age for client in readers for age in client.ages]
        rates = [len(client.ages) / lasted for client in readers if client.ages]
        refused_at_last = sum(client.status == 503 for client in readers)
        stopped.set()
        for thread in threads:
            thread.join()
        for client in idlers + readers:
            client.sock.close()
        with contextlib.suppress(OSError):
            server.stdin.write("end\n")
            server.stdin.flush()
        server.wait()
    return {
        "fast_clients": float(len(rates)),
        "refused_at_first": float(refused),
        "refused_at_last": float(refused_at_last),
        "pictures_per_s": median(rates),
        "age_p50_ms": 1e3 * quantile(ages, 0.5),
        "age_p99_ms": 1e3 * quantile(ages, 0.99),
        "page_p50_ms": 1e3 * quantile(answers, 0.5),
        "page_p99_ms": 1e3 * quantile(answers, 0.99),
        "memory_first_mb": memory[0],
        "memory_last_mb": memory[-1],
    }


def main() -> None:
    """Runs the kinds in turns."""
    options = arguments(__doc__, "picture_streams", rounds=2, seconds=15)
    result = Result(
        "picture_streams",
        "Clients of a stream of pictures",
        {key: getattr(options, key) for key in ("rounds", "seconds")},
    )
    kinds = {
        "12 fast": partial(run, 0, 12, options.seconds),
        "12 fast again": partial(run, 0, 12, options.seconds),
        "20 fast, 20 slow": partial(run, 20, 20, options.seconds),
    }
    runs = take_turns(kinds, options.rounds)
    found = {
        name: {key: median([one[key] for one in mine]) for key in mine[0]} for name, mine in runs.items()
    }
    noise = spread(
        [one["age_p50_ms"] for one in runs["12 fast"]], [one["age_p50_ms"] for one in runs["12 fast again"]]
    )
    for name, figures in found.items():
        result.add(Row(f"{name}: age of a picture p99, ms", figures, figures["age_p99_ms"], AGE_GOAL_MS))
    alone, beside = found["12 fast"], found["20 fast, 20 slow"]
    result.add(
        Row(
            "age p50 beside slow clients, ratio", {}, beside["age_p50_ms"] / alone["age_p50_ms"], spread=noise
        )
    )
    result.add(
        Row("memory, MiB more at the end", {}, beside["memory_last_mb"] - beside["memory_first_mb"], 8.0)
    )
    result.add(Row("the page's answers p99, ms", {}, beside["page_p99_ms"], 100.0))
    result.keep(options.out)


if __name__ == "__main__":
    main()
