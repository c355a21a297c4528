"""The memory of a fleet for readers, cameras and agents that are over."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import gc
import os
import signal
import time
import weakref

from support import until

import freshframe as ff
from night import own_process
from night.limits.fleets import fast_camera
from night.limits.rule import Find, apart

_READ = 20  # results of a reader
_WARM = 3  # rounds
_READERS = 4  # readers of a round
_PER_ROUND = 0.3  # descriptors, mappings or threads that a round may leave
_NOISE = {"descriptors": 3, "mappings": 40, "threads": 5}  # more than before, in all


def _round(fleet: ff.fleet.Fleet, number: int) -> list[weakref.ref[ff.fleet.FleetReader]]:
    """Readers that read and are closed, a camera that comes and goes, and the death of an agent."""
    gone = []
    for _ in range(_READERS):
        with contextlib.closing(fleet.reader("many")) as reader:
            for _ in range(_READ):
                reader.get(60)
        gone.append(weakref.ref(reader))
        del reader
    fleet.add(f"camera{number}", "numbers", fast_camera)
    until(lambda: fleet.stats().states() == {"running": 3}, lambda: f"cameras: {fleet.stats()}")
    fleet.remove(f"camera{number}")
    agent = fleet.stats().agents["agent0"]
    if agent.pid is not None:
        os.kill(agent.pid, signal.SIGKILL)

        def is_back() -> bool:
            now = fleet.stats()
            return now.agents["agent0"].pid not in (None, agent.pid) and now.states() == {"running": 2}

        until(is_back, lambda: f"an agent that was killed: {fleet.stats()}")
    return gone


def _kept(seconds: float, find: Find) -> int:
    ends, rounds = time.monotonic() + seconds, 0
    readers, before = list[weakref.ref[ff.fleet.FleetReader]](), dict[str, int]()
    with ff.fleet.Fleet(agents=2) as fleet:
        fleet.add_many(dict.fromkeys(("north", "south"), "numbers"), fast_camera)
        until(lambda: fleet.stats().states() == {"running": 2}, lambda: f"cameras: {fleet.stats()}")
        while time.monotonic() < ends:
            readers += _round(fleet, rounds)
            rounds += 1
            if rounds == _WARM:
                before = _uses()
        now = _uses()
        alive = sum(reader() is not None for reader in readers)
        if alive:
            find(f"{alive} of {len(readers)} readers of a fleet that were closed are kept")
        for what, count in before.items():
            if now[what] > count + _PER_ROUND * (rounds - _WARM) + _NOISE[what]:
                find(f"{count} {what} became {now[what]} in {rounds - _WARM} rounds of a fleet")
    return max(0, rounds - _WARM)


def _uses() -> dict[str, int]:
    gc.collect()
    return own_process.uses()


def memory_of_a_fleet(seconds: float, find: Find) -> int:
    """Readers that are closed, cameras that are removed and agents that have ended leave nothing."""
    return apart(_kept, seconds, find)
