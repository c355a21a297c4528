"""Detached fleets without a cluster: the controller and the guards are processes of the test."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote

from support import program_environment, until

import freshframe as ff
from freshframe_fleet._detached.client.channel import Endpoint, Unreachable
from freshframe_fleet._detached.client.remote_controller import RemoteController

TOKEN = bytes(range(32))
_GUARD = (
    "import sys; from fleet_rigs.detached import guard; guard(*sys.argv[1:])",
    "import sys; from fleet_rigs.detached import controller; controller(*sys.argv[1:])",
)


AWAY = "store.away"  # while a file of this name is beside the store, it does not answer


class FolderStore:
    """A store whose keys are files."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._folder.mkdir(exist_ok=True)

    def _answer(self) -> None:
        if (self._folder.parent / AWAY).exists():
            raise OSError("the store does not answer")

    def _path(self, key: str) -> Path:
        self._answer()
        return self._folder / quote(key, safe="")

    def create(self, key: str, value: bytes) -> bool:
        try:
            with self._path(key).open("xb") as file:
                file.write(value)
        except FileExistsError:
            return False
        return True

    def get(self, key: str) -> bytes | None:
        with contextlib.suppress(FileNotFoundError):
            return self._path(key).read_bytes()
        return None

    def put(self, key: str, value: bytes) -> None:
        fresh = self._folder.parent / f"{quote(key, safe='')}.{os.getpid()}.{threading.get_ident()}"
        fresh.write_bytes(value)
        fresh.replace(self._path(key))

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def keys(self, prefix: str) -> list[str]:
        self._answer()
        return sorted(key for each in os.listdir(self._folder) if (key := unquote(each)).startswith(prefix))


def controller(folder: str, grace: str, *nodes: str) -> None:
    """The process of a controller, until the fleet is shut down.

    ``grace``: seconds in which a program without a connection keeps its readers.
    """
    from freshframe_fleet._control.setup import Setup  # noqa: PLC0415
    from freshframe_fleet._decide.model import Times  # noqa: PLC0415
    from freshframe_fleet._detached.controller import DetachedController  # noqa: PLC0415
    from freshframe_fleet._detached.server.clients import Clients  # noqa: PLC0415
    from freshframe_fleet._machines.guarded_place import GuardedPlace  # noqa: PLC0415

    place = GuardedPlace({}, host="127.0.0.1", token=TOKEN)
    controller = DetachedController(Setup("yard", True, Times(), {}), FolderStore(f"{folder}/store"), place)
    ended = threading.Event()

    def shut_down() -> None:
        controller.close()
        controller.stop()
        ended.set()

    controller.restore()
    clients = Clients(controller, shut_down, grace=float(grace))
    place.guards.on_client = clients.serve
    for node in nodes:
        place.add_node(node, node, {"site": node})
    fresh = Path(folder) / "endpoint.new"
    fresh.write_text(json.dumps(place.guards.address))
    fresh.replace(Path(folder) / "endpoint")
    ended.wait()


def guard(folder: str, node: str, orphan_after: str) -> None:
    """The process of a guard."""
    from freshframe_fleet._machines.guard import Guard  # noqa: PLC0415

    guard = Guard(address(folder), TOKEN, node, outlives=True, orphan_after=float(orphan_after))

    def follow() -> None:
        while True:
            time.sleep(0.05)
            guard.go_to(address(folder))

    threading.Thread(target=follow, daemon=True).start()
    guard.run()


def address(folder: str) -> tuple[str, int]:
    """Where the controller is now."""
    host, port = json.loads((Path(folder) / "endpoint").read_text())
    return host, port


def connect(find: Callable[[], Endpoint]) -> ff.fleet.Fleet:
    """Connects as Fleet.connect() does."""
    fleet = ff.fleet.Fleet.__new__(ff.fleet.Fleet)
    fleet._begin(RemoteController("yard", find))
    return fleet


class Yard:
    """The processes of a detached fleet."""

    def __init__(
        self,
        folder: Path,
        nodes: tuple[str, ...] = ("north", "south"),
        orphan_after: float = 30.0,
        grace: float = 0.5,
    ) -> None:
        self.folder = folder
        self.grace = grace
        self.nodes = nodes
        self.guards: dict[str, subprocess.Popen[bytes]] = {}
        self.start_controller()
        until((folder / "endpoint").exists, "the controller")
        for node in nodes:
            self.guards[node] = self._start(_GUARD[0], node, str(orphan_after))

    def start_controller(self) -> None:
        self.controller = self._start(_GUARD[1], str(self.grace), *self.nodes)

    def restart_controller(self) -> None:
        """Restarts it as Ray restarts its actor."""
        self.controller.kill()
        self.controller.wait()
        self.start_controller()

    def _start(self, code: str, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", code, str(self.folder), *arguments],
            env=program_environment(),
        )

    def find(self) -> Endpoint:
        if self.controller.poll() is not None:
            raise Unreachable("its process has ended")
        host, port = address(str(self.folder))
        return Endpoint(host, port, TOKEN)

    def connect(self) -> ff.fleet.Fleet:
        """Connects as Fleet.connect() does."""
        return connect(self.find)

    def end(self) -> None:
        for each in (self.controller, *self.guards.values()):
            each.kill()
            each.wait()
