"""Receivers for the recipes of examples/out: a web server, an MQTT broker, a database."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import http.server
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

from support import WATCHDOG, until

from rigs.ports import free_port


def wait_for_port(port: int, server: subprocess.Popen[bytes]) -> None:
    """Waits until the server accepts connections."""
    deadline = time.monotonic() + WATCHDOG
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:  # noqa: PERF203
            assert server.poll() is None, "the server has ended"
            assert time.monotonic() < deadline, "the server does not listen"
            time.sleep(0.02)
        else:
            return


class Hook(http.server.ThreadingHTTPServer):
    """Accepts POST requests. The first ones get the given responses."""

    def __init__(self, *answers: int) -> None:
        self.events: list[dict[str, Any]] = []
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.answers = list(answers)
        super().__init__(("127.0.0.1", 0), _Post)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"

    def judge(self, body: bytes) -> int:
        """Returns the status for this request."""
        return self.answers.pop(0) if self.answers else 204


H = TypeVar("H", bound=Hook)


class _Post(http.server.BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((dict(self.headers), body))
        answer = self.server.judge(body)
        if answer < 300:
            self.server.events += json.loads(body)["events"]
        self.send_response(answer)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


def hook(*answers: int) -> AbstractContextManager[Hook]:
    """A web server on a separate thread."""
    return serving(Hook(*answers))


class Picky(Hook):
    """Accepts at most a number of bytes, and rejects the event with this number."""

    most = 10_000
    never = 0

    def judge(self, body: bytes) -> int:
        if len(body) > self.most:
            return 413
        return 422 if self.never in {event["n"] for event in json.loads(body)["events"]} else 204


@contextlib.contextmanager
def serving(made: H) -> Iterator[H]:
    """Runs the server on a separate thread."""
    with made as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def mosquitto() -> str | None:
    """Returns the path of the broker, or None."""
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def start_broker(folder: Path, port: int, *, keeps: bool = False) -> subprocess.Popen[bytes]:
    """Starts Mosquitto and waits until it accepts connections. `keeps`: it stores its state on disk."""
    config = folder / "mosquitto.conf"
    kept = f"persistence true\npersistence_location {folder}/\n" if keeps else ""
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n{kept}")
    server = subprocess.Popen(
        [str(mosquitto()), "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for_port(port, server)
    return server


@contextlib.contextmanager
def broker(folder: Path) -> Iterator[int]:
    """Runs Mosquitto in a separate process and yields its port."""
    port = free_port()
    server = start_broker(folder, port)
    try:
        yield port
    finally:
        server.kill()
        server.wait()


def postgres() -> Path | None:
    """Returns the folder of PostgreSQL's programs, or None: root needs the user postgres to start it."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not folders:
        return None
    if os.geteuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            return None
    return folders[-1]


@contextlib.contextmanager
def database(folder: Path) -> Iterator[str]:
    """Runs a separate PostgreSQL server, and yields its URL."""
    programs = postgres()
    assert programs is not None
    place = folder / "pg"
    place.mkdir()
    as_root = os.geteuid() == 0
    if as_root:
        shutil.chown(place, "postgres")
        for parent in [folder, *folder.parents]:
            if parent.stat().st_uid == 0 and parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o011)
    run: dict[str, Any] = {"user": "postgres"} if as_root else {}
    data = place / "data"
    made = [str(programs / "initdb"), "-D", str(data), "-U", "test", "-A", "trust", "--no-sync"]
    subprocess.run(made, check=True, stdout=subprocess.DEVNULL, cwd=place, **run)
    port = free_port()
    server = subprocess.Popen(
        [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-k", "", "-h", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=place,
        **run,
    )
    ready = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    try:
        wait_for_port(port, server)
        until(lambda: subprocess.run(ready, check=False).returncode == 0, "the server accepts connections")
        yield f"postgresql://test@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)  # does not wait until clients have disconnected
        server.wait()
