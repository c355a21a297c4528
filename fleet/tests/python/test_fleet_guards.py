"""Agents of guards that connect over TCP, as on a cluster."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fleet_rigs import builds as fleet_builds
from fleet_rigs.checks import balance, is_alive, process_of, until_up
from fleet_rigs.guards import GuardedFleet
from support import until

import freshframe as ff
from freshframe.fleet import FleetReader, FleetSample
from freshframe_fleet._machines import handshake, ray_place


@contextlib.contextmanager
def guarded(state: Path) -> Iterator[GuardedFleet]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(state))
        fleet = GuardedFleet()
    try:
        with fleet:
            until_up(fleet)
            yield fleet
            balance(fleet)
            pids = [agent.pid for agent in fleet.stats().agents.values()]
        assert not any(is_alive(pid) for pid in pids if pid)
        for node, guard in fleet.guards.items():  # the fleet has sent them away
            if guard.poll() is None:
                until(lambda guard=guard: guard.poll() is not None, f"the end of the guard {node}")  # type: ignore[misc]
    finally:
        fleet.end_guards()


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[GuardedFleet]:
    with guarded(tmp_path) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def unharmed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedFleet]:
    """Shared by all tests that do no harm: guards and agents take their time to start."""
    with guarded(tmp_path_factory.mktemp("state")) as fleet:
        yield fleet


def until_results(fleet: ff.fleet.Fleet, reader: FleetReader, after: dict[str, int]) -> list[FleetSample]:
    """Waits until each of these cameras has given a result of a newer epoch."""
    samples: list[FleetSample] = []
    left = set(after)

    def read() -> bool:
        with contextlib.suppress(ff.ReadTimeoutError):
            sample = reader.get(0.2)
            samples.append(sample)
            if sample.epoch > after.get(sample.camera, sample.epoch):
                left.discard(sample.camera)
        return not left

    until(read, lambda: f"{left} of {fleet.stats()}")
    keys = [(sample.camera, sample.epoch, sample.seq) for sample in samples]
    assert len(keys) == len(set(keys))
    return samples


def cameras_of(fleet: ff.fleet.Fleet, agent: str) -> dict[str, int]:
    return {name: each.epoch for name, each in fleet.stats().cameras.items() if each.agent == agent}


def test_cameras_of_agents_and_guards_that_are_killed_are_back_and_what_was_lost_is_counted(
    fleet: GuardedFleet,
) -> None:
    reader = fleet.reader("ticks")
    fleet.add_many({f"cam{n}": "ticks:0.01" for n in range(4)}, fleet_builds.ticks)
    until_results(fleet, reader, {f"cam{n}": 0 for n in range(4)})
    assert {each.agent for each in fleet.stats().cameras.values()} == {"agent0", "agent1"}

    hit = cameras_of(fleet, "agent0")
    os.kill(process_of(fleet, "agent0"), signal.SIGKILL)
    until_results(fleet, reader, hit)
    until_up(fleet)
    stats = fleet.stats()
    assert stats.agents["agent0"].deaths == 1
    assert any("killed by signal 9" in event.text for event in stats.events)

    pid = process_of(fleet, "agent1")
    hit = cameras_of(fleet, "agent1")
    assert hit
    fleet.guards["agent1"].kill()
    until_results(fleet, reader, hit)
    until(lambda: not is_alive(pid), "the end of the agent whose guard was killed")
    assert fleet.stats().readers[0].unreported_possible >= len(hit)
    fleet.guards["agent1"].wait()
    fleet.start_guard("agent1")
    until_up(fleet)
    assert any("ended with its guard" in event.text for event in fleet.stats().events)


def test_an_exclusive_camera_waits_until_a_guard_has_seen_the_end_of_its_agent(fleet: GuardedFleet) -> None:
    reader = fleet.reader("ticks")
    fleet.drain("agent0")
    fleet.add("cam", "ticks:0.01", fleet_builds.ticks, exclusive=True)
    until_results(fleet, reader, {"cam": 0})
    fleet.resume("agent0")
    fleet.guards["agent1"].kill()
    until(lambda: fleet.stats().agents["agent1"].state == "ending", "the loss of the guard")
    before = cameras_of(fleet, "agent1")
    time.sleep(0.5)
    assert cameras_of(fleet, "agent1") == before != {}
    fleet.guards["agent1"].wait()
    fleet.start_guard("agent1")
    until_results(fleet, reader, before)


@pytest.mark.full
@pytest.mark.parametrize("exclusive", [False, True])
def test_a_machine_that_is_silent_loses_its_cameras_and_is_ended_when_it_wakes(
    fleet: GuardedFleet, exclusive: bool
) -> None:
    reader = fleet.reader("ticks")
    fleet.drain("agent0")
    fleet.add("cam", "ticks:0.01", fleet_builds.ticks, exclusive=exclusive)
    until_results(fleet, reader, {"cam": 0})
    fleet.resume("agent0")
    agent, guard = process_of(fleet, "agent1"), fleet.guards["agent1"]
    before = cameras_of(fleet, "agent1")
    for pid in (guard.pid, agent):
        os.kill(pid, signal.SIGSTOP)
    until(lambda: fleet.stats().agents["agent1"].state == "ending", "the end of the lease")
    if not exclusive:
        until_results(fleet, reader, before)
    time.sleep(1)
    assert (cameras_of(fleet, "agent1") == before) is exclusive
    for pid in (guard.pid, agent):
        with contextlib.suppress(ProcessLookupError):  # the guard has ended it
            os.kill(pid, signal.SIGCONT)
    until(lambda: not is_alive(agent), "the end of the agent")
    until_results(fleet, reader, before)
    until_up(fleet)
    assert (fleet.stats().overlap > 0) is not exclusive


def test_who_has_not_the_token_is_not_heard(unharmed: GuardedFleet) -> None:
    fleet = unharmed
    address = fleet.controller.parts.place.guards.address
    hello = {"what": "guard", "node": "agent0", "pid": 1, "version": ff.__version__, "cores": 1}
    with socket.create_connection(address) as stranger, pytest.raises((handshake.StrangerError, OSError)):
        handshake.introduce(stranger, bytes(32), hello)
    with socket.create_connection(address) as stranger:
        stranger.recv(handshake.TOKEN_SIZE)
        stranger.sendall(os.urandom(2 * handshake.TOKEN_SIZE) + handshake.message(hello))
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while data := stranger.recv(100):
                answer += data
        assert answer == b""
    assert fleet.stats().agents["agent0"].state == "up"


def test_a_guard_of_another_version_is_refused_with_a_reason(unharmed: GuardedFleet) -> None:
    guards = unharmed.controller.parts.place.guards
    hello = {"what": "guard", "node": "elsewhere", "pid": 1, "version": "0.0.1", "cores": 1}
    with socket.create_connection(guards.address) as other:
        handshake.introduce(other, unharmed.controller.token, hello)
        assert other.recv(1) == b""
    assert "freshframe 0.0.1" in guards.refused("elsewhere")


def test_a_machine_that_leaves_gives_its_cameras_to_others_and_is_forgotten(fleet: GuardedFleet) -> None:
    reader = fleet.reader("ticks")
    fleet.add_many({f"cam{n}": "ticks:0.01" for n in range(4)}, fleet_builds.ticks)
    until_results(fleet, reader, {f"cam{n}": 0 for n in range(4)})
    hit = cameras_of(fleet, "agent1")
    fleet.controller.parts.place.retire_node("agent1", "its machine has left the cluster")
    until_results(fleet, reader, hit)

    def is_forgotten() -> bool:
        fleet.controller.parts.place.sweep()
        return set(fleet.stats().agents) == {"agent0"}

    fleet.guards["agent1"].kill()
    until(is_forgotten, "the end of agent1")
    assert {each.agent for each in fleet.stats().cameras.values()} == {"agent0"}


def test_a_build_that_the_agents_cannot_import_is_told_with_what_to_do(
    unharmed: GuardedFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = unharmed
    (tmp_path / "only_the_program_has_it.py").write_text("def build(url):\n    raise ValueError\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    build: Any = importlib.import_module("only_the_program_has_it").build
    try:
        fleet.add("cam", "x", build)
    finally:
        del sys.modules["only_the_program_has_it"]
    until(lambda: fleet.stats().cameras["cam"].state == "failed", "the failure")
    why = fleet.stats().cameras["cam"].reason
    assert "No module named 'only_the_program_has_it'" in why
    assert "runtime_env={'working_dir': '.'}" in why


@pytest.mark.parametrize(
    ("option", "value", "refused"),
    [
        ("orphan_after", 29.9, "orphan_after must be at least 30 seconds"),
        ("orphan_after", float("nan"), "orphan_after must be"),
        ("orphan_after", 86401, "orphan_after must be at most 86400 seconds, a day"),
        ("orphan_after", float("inf"), "orphan_after must be"),
        ("outbox_bytes", 1 << 20, "outbox_bytes must be at least 16777216"),
        ("outbox_bytes", (1 << 40) + 1, "outbox_bytes must be at most 1099511627776, a tebibyte"),
        ("outbox_bytes", 1 << 70, "outbox_bytes must be at most 1099511627776, a tebibyte"),
    ],
)
def test_bounds_of_what_agents_keep_are_refused(option: str, value: float, refused: str) -> None:
    with pytest.raises(ff.OptionError, match=refused):
        ff.fleet.Fleet.on_ray(**{option: value})  # type: ignore[arg-type]


def test_a_fleet_may_keep_more_than_two_gibibytes_of_results(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path))
        with ff.fleet.Fleet(outbox_bytes=3 << 30) as fleet:
            until_up(fleet)


def test_a_fleet_on_a_cluster_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys  # noqa: PLC0415

    with pytest.raises(TypeError, match=r"Fleet.on_ray\(\) got .* 'agents'"):
        ff.fleet.Fleet.on_ray(agents=2)  # type: ignore[call-arg]
    for every in ("0.0.0.0", "0", "::", "[::]"):
        with pytest.raises(ff.OptionError, match=r"such as '[0-9.]+', or None .*, which none can reach"):
            ff.fleet.Fleet.on_ray(host=every)
    for few in (0, -1, 65):
        with pytest.raises(
            ff.OptionError, match=f"a machine has 1 to 64 agents, got agents_per_machine={few}"
        ):
            ff.fleet.Fleet.on_ray(agents_per_machine=few)
    for odd in (True, 1.5, "2"):
        with pytest.raises(ff.OptionTypeError, match="agents_per_machine must be"):
            ff.fleet.Fleet.on_ray(agents_per_machine=odd)  # type: ignore[arg-type]
    with pytest.raises(ff.OptionTypeError, match="on_head must be"):
        ff.fleet.Fleet.on_ray(on_head=1)  # type: ignore[arg-type]
    for only in ("agents_per_machine", "on_head", "host", "runtime_env", "detached", "orphan_after"):
        with pytest.raises(TypeError, match=only):
            ff.fleet.Fleet(**{only: 1})  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ff.FreshframeError, match=r"pip install 'freshframe-fleet\[ray\]'"):
        ff.fleet.Fleet.on_ray()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ModuleNotFoundError("No module named 'freshframe'"),
            "freshframe is not installed there, in the Python of Ray's workers",
        ),
        (
            RuntimeError("the actor died\n ModuleNotFoundError: No module named 'freshframe_fleet'"),
            "freshframe-fleet is not installed there, in the Python of Ray's workers",
        ),
        (ModuleNotFoundError("No module named 'freshframes'"), "No module named 'freshframes'"),
        (RuntimeError("no\n  memory" + "!" * 1000), "!" * 600),
    ],
)
def test_a_machine_without_the_packages_is_named_as_such(error: Exception, said: str) -> None:
    assert ray_place.reason(error) == said
