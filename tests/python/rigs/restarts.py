"""Kills and restarts receivers while a recipe of examples/out sends to them."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support import WATCHDOG, until

import freshframe as ff
from rigs import receivers
from rigs.ports import free_port

OUT = Path(__file__).parents[3] / "examples" / "out"
LIVE = "demo:circles?size=160x90&fps=20"
ONE_MORE = "demo:circles?size=160x90&frames=1&pace=0"
QUIET: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}

HOOK = """
import http.server, json, os, sys
out = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
class Post(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        events = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["events"]
        os.write(out, "".join(f"{event['n']}\\n" for event in events).encode())
        self.send_response(204)
        self.end_headers()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Post).serve_forever()
"""


class Receiver(ABC):
    """A server that a recipe sends to."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.port = free_port()
        self.server: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self, source: str) -> list[str]:
        """Returns the command line of the recipe."""

    @abstractmethod
    def launch(self) -> subprocess.Popen[bytes]:
        """Starts the server."""

    @abstractmethod
    def numbers(self) -> list[int]:
        """Returns the numbers of the received events, in order of arrival."""

    def start(self) -> None:
        """Starts the server, and waits until it accepts connections."""
        self.server = self.launch()
        receivers.wait_for_port(self.port, self.server)

    def kill(self, how: int = signal.SIGKILL) -> None:
        """Ends the server."""
        assert self.server is not None
        self.server.send_signal(how)
        self.server.wait()

    def close(self) -> None:
        """Called after the last use."""
        self.kill()


class Hook(Receiver):
    """A web server, ended by SIGKILL."""

    def command(self, source: str) -> list[str]:
        return ["webhook.py", f"http://127.0.0.1:{self.port}/hook", source]

    def launch(self) -> subprocess.Popen[bytes]:
        out = self.folder / "numbers"
        out.touch()
        return subprocess.Popen([sys.executable, "-c", HOOK, str(self.port), str(out)], **QUIET)

    def numbers(self) -> list[int]:
        return [int(line) for line in (self.folder / "numbers").read_text().splitlines()]


class Broker(Receiver):
    """Mosquitto with its queues on disk, ended by SIGTERM, and a subscriber that stays connected.

    After SIGKILL it would lose messages that it had acknowledged since it last wrote its file.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        mqtt: Any = importlib.import_module("paho.mqtt.client")
        (folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\n"
            f"persistence true\npersistence_location {folder}/\nmax_queued_messages 0\n"
        )
        self._found: list[int] = []
        self._ready = threading.Event()
        self._listener = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id="listener", clean_session=False
        )
        self._listener.reconnect_delay_set(1, 1)
        self._listener.on_connect = lambda client, *_: client.subscribe("yard/#", qos=1)
        self._listener.on_subscribe = lambda *_: self._ready.set()
        self._listener.on_message = lambda _client, _data, message: self._found.append(
            json.loads(message.payload)["n"]
        )

    def command(self, source: str) -> list[str]:
        return ["mqtt.py", "127.0.0.1", "yard", source, "--port", str(self.port)]

    def launch(self) -> subprocess.Popen[bytes]:
        program = receivers.mosquitto()
        assert program is not None
        return subprocess.Popen([program, "-c", str(self.folder / "mosquitto.conf")], **QUIET)

    def start(self) -> None:
        super().start()
        if not self._ready.is_set():
            self._listener.connect("127.0.0.1", self.port)
            self._listener.loop_start()
            assert self._ready.wait(WATCHDOG)

    def kill(self, how: int = signal.SIGTERM) -> None:
        super().kill(how)

    def numbers(self) -> list[int]:
        return self._found

    def close(self) -> None:
        self._listener.disconnect()
        self._listener.loop_stop()
        super().close()


class Database(Receiver):
    """PostgreSQL, ended immediately as in a crash (SIGQUIT)."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        programs = receivers.postgres()
        assert programs is not None
        self._programs = programs
        self._place = folder / "pg"
        self._place.mkdir()
        self._run: dict[str, Any] = {"cwd": self._place}
        if os.geteuid() == 0:
            self._run["user"] = "postgres"
            shutil.chown(self._place, "postgres")
            for parent in [folder, *folder.parents]:
                if parent.stat().st_uid == 0 and parent != Path("/"):
                    parent.chmod(parent.stat().st_mode | 0o011)
        made = [str(programs / "initdb"), "-D", "data", "-U", "test", "-A", "trust", "--no-sync"]
        subprocess.run(made, check=True, stdout=subprocess.DEVNULL, **self._run)

    @property
    def url(self) -> str:
        return f"postgresql://test@127.0.0.1:{self.port}/postgres"

    def command(self, source: str) -> list[str]:
        return ["postgres.py", self.url, source]

    def launch(self) -> subprocess.Popen[bytes]:
        port = ["-p", str(self.port), "-k", "", "-h", "127.0.0.1"]
        return subprocess.Popen([str(self._programs / "postgres"), "-D", "data", *port], **QUIET, **self._run)

    def kill(self, how: int = signal.SIGQUIT) -> None:
        super().kill(how)

    def numbers(self) -> list[int]:
        psycopg: Any = importlib.import_module("psycopg")
        with psycopg.connect(self.url) as database:
            rows = database.execute("select n from events order by n").fetchall()
        return [row[0] for row in rows]


@dataclass
class Found:
    """What a receiver has received.

    Attributes:
        events: Number of different events.
        doubles: Number of duplicates.
        gaps: Numbers that never arrived.
        disorder: Numbers that first arrived after a larger one.
        restarts: How often the server was restarted.
        kills: How often the program was killed.
    """

    events: int = 0
    doubles: int = 0
    gaps: int = 0
    disorder: int = 0
    restarts: int = 0
    kills: int = 0


class Program:
    """A recipe of examples/out with its spool."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._box = receiver.folder / "box"
        self.log = receiver.folder / "log"
        self._process = self._launch(LIVE)

    def _launch(self, scene: str) -> subprocess.Popen[bytes]:
        recipe, *rest = self._receiver.command(scene)
        command = [sys.executable, str(OUT / recipe), *rest, "--spool", str(self._box)]
        environment = os.environ | {"PYTHONPATH": str(Path(ff.__file__).parents[1])}
        with self.log.open("ab") as log:
            return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=log)

    def kill(self) -> None:
        """Kills the program with SIGKILL and restarts it. Returns once the new run has stored an event."""
        self._process.kill()
        self._process.wait()
        before = self._last()
        self._process = self._launch(LIVE)
        self.wait_for(before + 1)

    def wait_for(self, number: int) -> None:
        """Waits until its spool has the event with this number."""
        until(lambda: self._last() >= number, lambda: f"event {number}: {self.log.read_text()[-2000:]}")

    def finish(self) -> int:
        """Kills the program, sends what is left in the spool, and returns the last number."""
        self._process.kill()
        self._process.wait()
        deadline = time.monotonic() + WATCHDOG
        while True:
            assert self._launch(ONE_MORE).wait(WATCHDOG) == 0, self.log.read_text()[-2000:]
            sent, last = self._cursor(), self._last()
            if sent == last:
                return last
            assert time.monotonic() < deadline, f"{sent} of {last} are sent"

    def _cursor(self) -> int:
        return int((self._box / "sent").read_text().split()[0])

    def _last(self) -> int:
        newest = max(self._box.glob("0*.jsonl"), default=None)
        if newest is None:
            return 0
        *lines, _ = newest.read_text().split("\n")  # without the line that is still being written
        numbers: list[int] = [json.loads(line).get("n", 0) for line in lines]
        return max([int(newest.stem) - 1, *numbers])


def play(
    receiver: Receiver, seconds: float, restarts: int, kills: int, *, events: int = 1, seed: int = 1
) -> Found:
    """Sends while server and program are restarted, for at least some seconds and a number of events.

    The program's startup does not count, because it takes long on a busy machine.
    """
    chance = random.Random(seed)
    receiver.start()
    program = Program(receiver)
    program.wait_for(1)
    found = Found()
    began = time.monotonic()
    kill_times = sorted(chance.uniform(0, seconds) for _ in range(kills))

    def kill_due() -> None:
        nonlocal began
        now = time.monotonic()
        if kill_times and now >= began + kill_times[0]:
            kill_times.pop(0)
            program.kill()
            found.kills += 1
            began += time.monotonic() - now

    def pause(share: float) -> None:
        while time.monotonic() < began + seconds * share:
            kill_due()
            time.sleep(0.02)

    try:
        for n in range(restarts):
            pause((n + chance.uniform(0.2, 0.5)) / restarts)
            receiver.kill()
            found.restarts += 1
            pause((n + chance.uniform(0.6, 0.9)) / restarts)
            receiver.start()
        pause(1)
        while kill_times:  # due, but not yet done on a busy machine
            kill_due()
        program.wait_for(events)
        last = program.finish()
        deadline = time.monotonic() + WATCHDOG
        while time.monotonic() < deadline and max(receiver.numbers(), default=0) < last:
            time.sleep(0.1)
        judge(receiver.numbers(), last, found)
    finally:
        receiver.close()
    return found


def judge(numbers: list[int], last: int, found: Found) -> None:
    """Compares the received numbers with 1, 2, 3, ... `last`."""
    seen: set[int] = set()
    newest = 0
    for n in numbers:
        found.doubles += n in seen
        found.disorder += n not in seen and n < newest
        seen.add(n)
        newest = max(newest, n)
    found.events = len(seen)
    found.gaps = last - len(seen)
