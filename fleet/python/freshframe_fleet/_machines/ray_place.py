"""Agents on the machines of a Ray cluster, each with a guard in an actor. Ray places these actors only."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from freshframe import FreshframeError
from freshframe._agent import logger

from .._control.controller import Controller
from .._control.loop import boot_time
from .._decide.more_machines import MoreMachines
from .guarded_place import GuardedPlace
from .handshake import new_token
from .ray_connection import NAMESPACE, VARIABLES, RayConnection
from .spread import Spread, count_cores, is_head

_CPU = "CPU"
_ON_A_NEW_ONE = 1.0  # processors that it must have, at least
_ON_AN_OLD_ONE = 0.001  # takes nothing from others
_LOOK_EVERY = 0.5  # seconds: for machines that come and go
_MOST_FAILURES = 20  # looks in a row that fail before it is logged
_PART = "/"  # separates a place's name from the node's number
_OWN = "ray.io/"  # labels that Ray makes
_CALL_EVERY = 2.0  # seconds
_LONGEST = 600  # letters of an error, from its end
_HEAD_SILENT = 5.0  # seconds after which there is an event
_HEAD_LOST = (
    "the cluster's head does not answer: cameras run on, and machines do not come or go. Ray ends its "
    "processes 60 s after it has lost its head (RAY_gcs_rpc_server_reconnect_timeout_s)"
)
_SILENT = 5.0  # seconds that a guard which runs may need to connect
_NO_MACHINE = (
    "the cluster has no machine for agents: its head gets none unless on_head=True, and one with 0 CPUs "
    "(ray start --num-cpus=0) gets none at all"
)


def reason(error: Exception) -> str:
    """Returns why a guard cannot be started, in the words of its error or as what is not installed."""
    why = " ".join(str(error).split())
    missing = re.search(r"No module named 'freshframe(_fleet)?'", why)
    if missing is None:
        return why[-_LONGEST:]
    name = "freshframe-fleet" if missing[1] else "freshframe"
    return f"{name} is not installed there, in the Python of Ray's workers"


@dataclass
class _Machine:
    """A node of the cluster."""

    agents: dict[str, str]  # names, by the program's names of their places
    actor: Any
    made: Any  # the result of its first call
    came_up: bool = False
    silent_since: float | None = None  # it runs, and has not connected yet
    called: float = 0.0  # when it got the controller's address


class RayPlace:
    """A fleet's hold of a cluster: its connection, its guards and a thread that watches the machines."""

    def __init__(
        self,
        connection: RayConnection,
        options: dict[str, Any],
        make_controller: Callable[[GuardedPlace], Controller],
        *,
        spread: Spread,
        host: str | None,
        token: bytes | None = None,
        outlives: bool = False,
        restarted: bool = False,
    ) -> None:
        """Begins to put guards on machines.

        Args:
            connection: To the cluster; closed with this.
            options: Of the agents.
            make_controller: Given the place of its agents.
            spread: How many agents a machine gets.
            host: The address of this machine that the others reach, or None for Ray's.
            token: Of the fleet, or None for a new one.
            outlives: Guards and agents outlive the controller, and the next one finds them.
            restarted: It is such a next one, which waits for machines that cannot be asked for at first.

        Raises:
            FreshframeError: The cluster does not answer, or the address is not ours.
        """
        self._connection = connection
        self._ray = connection.ray
        try:
            self.token = token or new_token()
            self.place = GuardedPlace(options, host=host or connection.own_address(), token=self.token)
            self.controller = make_controller(self.place)
        except BaseException:
            connection.close()
            raise
        self._outlives = outlives
        self._spread = spread
        self._head_serves: bool | None = None  # not looked yet
        self._machines: dict[str, _Machine] = {}
        self._more = MoreMachines(self.controller.decisions.times)
        self._request = RayRequest(connection.ray, f"freshframe-{self.controller.name}")
        self._failures = 0
        self._lack = ""  # why there is no machine
        self._closing = threading.Event()
        self._looked = time.monotonic()
        try:
            self._look()
        except BaseException as error:
            if not (restarted and isinstance(error, Exception)):  # otherwise the thread looks again
                self.close()
                raise
        self._thread = threading.Thread(target=self._run, name="machines of a fleet", daemon=True)
        self._thread.start()
        self._watcher = threading.Thread(target=self._watch_head, name="head of a cluster", daemon=True)
        self._watcher.start()

    # ---- machines

    def _run(self) -> None:
        while not self._closing.wait(_LOOK_EVERY):
            try:
                self._look()
                self._looked = time.monotonic()
                self.place.sweep()
                self._failures = 0
            except Exception as error:  # noqa: PERF203  (it goes on)
                self._failures += 1
                if self._failures == _MOST_FAILURES:
                    logger.warning("the machines of the Ray cluster are not watched: %s", error)

    def _watch_head(self) -> None:
        """Ray's calls wait for a minute when the head does not answer, so another thread reports it."""
        while not self._closing.wait(_LOOK_EVERY):
            is_silent = time.monotonic() - self._looked > _HEAD_SILENT
            with contextlib.suppress(FreshframeError):  # the fleet has ended
                self.controller.tell_trouble(_HEAD_LOST if is_silent else "")

    def _look(self) -> None:
        if not self._connection.is_open:
            raise FreshframeError("the program's connection to Ray is closed")
        nodes = {node["NodeID"]: node for node in self._ray.nodes()}
        self._follow(nodes)
        self._retire_missing()
        for machine in self._machines.values():
            self._watch(machine)
        self._tell_lack("" if self._machines else _NO_MACHINE)
        self._ask_for_more(sum(node["Alive"] and count_cores(node) > 0 for node in nodes.values()))

    def _follow(self, nodes: Mapping[str, Mapping[str, Any]]) -> None:
        """Machines come and leave with the nodes of the cluster."""
        if self._head_serves is None:
            self._head_serves = self._spread.head_serves(nodes.values()) or self._has_served(nodes.values())
        for number in [each for each in self._machines if each not in nodes or not nodes[each]["Alive"]]:
            self._leave(number)
        for number, node in nodes.items():
            if node["Alive"] and number not in self._machines:
                count = self._spread.agents_on(node, head_serves=self._head_serves)
                if count:
                    self._machines[number] = self._station(number, node, count)

    def _watch(self, machine: _Machine) -> None:
        """Looks whether a machine comes up, and whether its guard answers."""
        if self._outlives:
            self._call_guard(machine)
        if not machine.came_up:
            self._watch_start(machine)
        elif machine.silent_since is not None:
            self._watch_guard(machine)

    def _has_served(self, nodes: Iterable[Mapping[str, Any]]) -> bool:
        """Whether the head had agents of an earlier controller."""
        heads = {node["NodeID"] for node in nodes if is_head(node)}
        return any(_find_machine(station) in heads for station in self.place.nodes.values())

    def _tell_lack(self, why: str) -> None:
        if why != self._lack:
            self._lack = why
            if why:
                self.controller.call(lambda: self.controller.note("cluster", why))

    def _ask_for_more(self, machines: int) -> None:
        """Asks the cluster's autoscaler, if it has one, for machines for cameras that have no room."""
        waiting = self.controller.call(self.controller.decisions.without_room)
        wanted = self._more.wanted(waiting, machines, boot_time())
        if self._request.ask(machines, wanted):
            text = f"asks the cluster for {len(wanted)} more" if wanted else "no longer asks for machines"
            self.controller.call(lambda: self.controller.note("cluster", text))

    def _station(self, number: str, node: Mapping[str, Any], count: int) -> _Machine:
        """Places the guards for a machine."""
        labels = {str(name): str(value) for name, value in (node.get("Labels") or {}).items()}
        labels = {name: value for name, value in labels.items() if not name.startswith(_OWN + "node-id")}
        name = f"{_letters(str(node.get('NodeManagerHostname') or 'node'))}-{number[:6]}"
        agents = {f"{number}{_PART}{each}": name if count == 1 else f"{name}.{each}" for each in range(count)}
        for station, agent in agents.items():
            self.place.add_node(agent, station, labels, name)
        affinity = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(number, soft=False)
        from .ray_guard import RayGuard  # noqa: PLC0415

        guard = self._ray.remote(RayGuard).options(
            name=f"freshframe-guard-{self._token_name()}-{number[:12]}",
            namespace=NAMESPACE,
            lifetime="detached" if self._outlives else None,
            get_if_exists=self._outlives,
            num_cpus=0,
            max_restarts=-1,
            scheduling_strategy=affinity,
            runtime_env={"env_vars": VARIABLES},
        )
        orphan_after = self.controller.decisions.times.orphan_after
        address = self.place.guards.address
        actor = guard.remote(address, self.token, list(agents), self._outlives, orphan_after)
        if self._outlives:
            actor.go_to.remote(self.place.guards.address)
        return _Machine(agents, actor, actor.is_there.remote())

    def _retire_missing(self) -> None:
        """Machines that left while there was no controller."""
        for agent, station in self.place.nodes.items() if self._outlives else ():
            if _find_machine(station) not in self._machines:
                self.place.retire_node(agent, "its machine has left the cluster")

    def _call_guard(self, machine: _Machine) -> None:
        """Sends the address: a guard that Ray has started again has only the first controller's."""
        now = time.monotonic()
        all_here = all(map(self.place.guards.is_connected, machine.agents))
        if not all_here and now - machine.called > _CALL_EVERY:
            machine.called = now
            machine.actor.go_to.remote(self.place.guards.address)

    def _token_name(self) -> str:
        """Differs from fleet to fleet and does not show the token."""
        import hashlib  # noqa: PLC0415

        return hashlib.sha256(b"name" + self.token).hexdigest()[:12]

    def _watch_guard(self, machine: _Machine) -> None:
        """Watches a guard until all have connected for the first time."""
        guards = self.place.guards
        missing = [station for station in machine.agents if not guards.is_connected(station)]
        if not missing:
            machine.silent_since = None
            return
        is_silent = machine.silent_since is not None and time.monotonic() - machine.silent_since > _SILENT
        where = ":".join(map(str, guards.address))
        for station in missing:
            why = guards.refused(station)
            if is_silent and not why:
                why = (
                    f"its guard runs and cannot connect to {where}: host= names another address of this "
                    "machine, and the port must be open"
                )
            if why:
                self.place.tell_why(machine.agents[station], why)

    def _watch_start(self, machine: _Machine) -> None:
        ready, _ = self._ray.wait([machine.made], timeout=0)
        if not ready:
            return
        machine.came_up, machine.silent_since = True, time.monotonic()
        try:
            self._ray.get(machine.made)
        except Exception as error:
            why = reason(error)
            for agent in machine.agents.values():
                self.place.tell_why(agent, f"its guard cannot be started: {why}")
            machine.silent_since = None

    def _leave(self, number: str) -> None:
        machine = self._machines.pop(number)
        for agent in machine.agents.values():
            self.place.retire_node(agent, "its machine has left the cluster")

    # ---- the end

    def close(self) -> None:
        """Ends all agents and guards, and the connection if it was made here. Idempotent."""
        if self._closing.is_set():
            return
        self._closing.set()
        if hasattr(self, "_thread"):
            self._thread.join(2.0)
        if hasattr(self, "_watcher"):
            self._watcher.join(2.0)
        self.controller.close()
        if self._connection.is_open:
            with contextlib.suppress(Exception):  # the cluster may have gone
                self._request.withdraw()
        for machine in self._machines.values() if self._connection.is_open else ():
            with contextlib.suppress(Exception):
                self._ray.kill(machine.actor)
        self._connection.close()


class RayRequest:
    """Asks Ray's autoscaler for more machines.

    It is a placement group that needs more machines than there are: the autoscaler makes room for it.

    Agents take no CPUs of Ray's, so Ray sees free machines where a fleet sees busy ones. Hence the group has
    one bundle for each machine that is there, one for each that is wanted, and all on different machines. It
    stays pending and holds nothing. It belongs to the process that made it, so it ends with that one, and
    several fleets ask independently (request_resources() has one list for the whole cluster).
    """

    def __init__(self, ray: Any, name: str) -> None:
        """Begins without machines. ``name``: shown by `ray list placement-groups`."""
        self._ray = ray
        self._name = name
        self._group: Any = None
        self._asked: list[dict[str, str]] = []

    def ask(self, machines: int, wanted: Sequence[Mapping[str, str]]) -> bool:
        """Asks for machines with these labels beside the present ones, or no longer for any.

        Returns whether that has changed something.
        """
        asked = [dict(each) for each in wanted]
        if asked == self._asked:
            return False
        self.withdraw()
        if asked:
            old, new = {_CPU: _ON_AN_OLD_ONE}, {_CPU: _ON_A_NEW_ONE}
            self._group = self._ray.util.placement_group(
                [old] * machines + [new] * len(asked),
                strategy="STRICT_SPREAD",
                name=self._name,
                bundle_label_selector=[{}] * machines + asked if any(asked) else None,
            )
        self._asked = asked
        return True

    def withdraw(self) -> None:
        """Withdraws the request. Idempotent. An error of Ray leaves it as it was, for another attempt."""
        if self._group is not None:
            self._ray.util.remove_placement_group(self._group)
            self._group = None
        self._asked = []


def _find_machine(station: str) -> str:
    """Ray's number of the node that an agent's place is on."""
    return station.partition(_PART)[0]


def _letters(name: str) -> str:
    """A machine's name as part of an agent's."""
    kept = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in name
    )
    return kept.lstrip("._-")[:48] or "node"
