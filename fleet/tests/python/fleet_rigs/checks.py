"""Fixtures and checks of the fleet tests: one fleet per module, and the rules that every fleet keeps."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import until

import freshframe as ff
from freshframe.fleet import FleetSample
from freshframe_fleet import _fleet, _plan
from freshframe_fleet._control.setup import Setup
from freshframe_fleet._decide.model import Times


def fetch(url: str) -> tuple[int, bytes]:
    """Returns the status and body of an answer. A token is exchanged for a cookie."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    try:
        with opener.open(url, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")


def balance(fleet: ff.fleet.Fleet) -> None:
    """Checks that the counters of each reader add up."""
    for r in fleet.stats().readers:
        assert r.reported == (
            r.delivered + r.outbox_full + r.expired + r.fenced + r.lost_with_agent + r.waiting
        ), r
        assert r.waiting >= 0, r


def check_samples(fleet: ff.fleet.Fleet, samples: Sequence[FleetSample]) -> None:
    """Checks that nothing arrived twice, epochs and numbers increase, and counters add up."""
    balance(fleet)
    keys = [(s.camera, s.epoch, s.seq) for s in samples]
    assert len(keys) == len(set(keys))
    for name in {s.camera for s in samples}:
        mine = [(s.epoch, s.seq) for s in samples if s.camera == name]
        assert mine == sorted(mine)


def process_of(fleet: ff.fleet.Fleet, agent: str) -> int:
    """Returns the PID of an agent."""
    pid = fleet.stats().agents[agent].pid
    assert pid is not None
    return pid


def until_up(fleet: ff.fleet.Fleet) -> None:
    until(lambda: all(agent.state == "up" for agent in fleet.stats().agents.values()), "all agents")


def state_of(fleet: ff.fleet.Fleet, camera: str) -> str:
    stats = fleet.stats().cameras.get(camera)
    return "gone" if stats is None else stats.state


def until_state(fleet: ff.fleet.Fleet, camera: str, state: str) -> None:
    until(lambda: state_of(fleet, camera) == state, lambda: f"{camera} {state}: {fleet.stats()}")


def change_setup(monkeypatch: pytest.MonkeyPatch, times: Times | None = None, **options: Any) -> None:
    """Sets the time limits of new fleets, and the options of their agents."""
    plan = _plan.local_setup

    def changed(*given: Any) -> Setup:
        setup = plan(*given)
        return replace(setup, times=times or setup.times, options={**setup.options, **options})

    monkeypatch.setattr(_fleet, "local_setup", changed)


def shared_fleet(**options: Any) -> Any:
    """Returns a fixture: a local fleet for all tests of a module, because starting agents takes time."""

    @pytest.fixture(scope="module")
    def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ff.fleet.Fleet]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
            fleet = ff.fleet.Fleet(**options)
        with fleet:
            until_up(fleet)
            yield fleet
            pids = [agent.pid for agent in fleet.stats().agents.values()]
        assert not any(is_alive(pid) for pid in pids if pid)

    return fleet
