"""Which cameras may crash agents: suspects are tried separately, and a culprit is held back."""

# SPDX-License-Identifier: Apache-2.0
#
# Note [Suspects]
# Most crashes name the camera whose thread caused them (src/fleet/last_words.hpp). This camera is the
# culprit. If a crash names none (out of memory, or a library has ended the process), these rules apply:
# 1. A crash accuses the agent's cameras that have not completed their trial yet. It accuses all of them if
#    each has completed it, or if one that has was accused before. The suspects are those accused most often.
#    A camera's crashes are forgotten after it has run for a day.
# 2. The first crash has no consequence: all cameras start elsewhere immediately.
# 3. From the second crash on, an agent takes at most half of the suspects, until they have completed their
#    trials. So each further crash halves their number. With two agents, no camera has to wait.
# 4. A single suspect is the culprit. It is held back for 1 s, which doubles up to 300 s. In a local fleet it
#    then gets its own agent, otherwise it is tried on the agent with the fewest cameras.
# 5. A trial is twice as long as the camera ran when the agent crashed, 10 to 60 s.
from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from .model import Agent, Camera, Run, Times

if TYPE_CHECKING:
    from .fleet_state import FleetState

_MOST_APART = 8  # maximum number of cameras with an agent of their own, because processes are expensive
_FIRST_WITH_CONSEQUENCES = 2  # crashes in a row


class Suspects:
    """Cameras that were on agents that crashed."""

    def __init__(self, times: Times) -> None:
        """Starts without suspects."""
        self._times = times
        self._all: dict[int, Camera] = {}
        self._on_trial: dict[str, list[Camera]] = {}  # suspects with a limit (``company``), by agent

    def crash(self, cameras: Collection[Camera], now: float) -> Camera | None:
        """Called when an agent has crashed with these cameras.

        Returns the culprit, or None if it is not clear.
        """
        accused = self._accused(cameras, now)
        if not accused:
            return None
        most = max(camera.crashes for camera in accused) + 1
        group = [camera for camera in accused if camera.crashes + 1 == most]
        is_found = len(group) == 1 and most >= _FIRST_WITH_CONSEQUENCES
        for camera in group if is_found else accused:
            self._accuse(camera, now)
        if most < _FIRST_WITH_CONSEQUENCES:
            return None
        for camera in group:
            camera.company = (len(group) + 1) // 2
        if not is_found:
            return None
        self._spare_others(group[0])
        return group[0]

    def _accused(self, cameras: Collection[Camera], now: float) -> list[Camera]:
        """Returns the cameras that a crash makes suspects: rule 1 of Note [Suspects]."""
        unproved = [camera for camera in cameras if not self._is_proved(camera, lambda _: now)]
        known = any(camera.crashes for camera in cameras if camera not in unproved)
        return list(cameras) if known else unproved or list(cameras)

    def _spare_others(self, culprit: Camera) -> None:
        """Ends the trials of other cameras, because the culprit is found, unless they were held before."""
        for other in self._all.values():
            if other is not culprit and not other.holds:
                other.company = 0

    def name(self, culprit: Camera, now: float) -> None:
        """Called when a crash names the culprit: no other camera is a suspect."""
        self._accuse(culprit, now)
        culprit.company = 1

    def _accuse(self, camera: Camera, now: float) -> None:
        camera.crashes += 1
        ran = now - camera.since if camera.state == "running" else 0.0
        camera.trial = min(self._times.longest_trial, max(self._times.settled, 2 * ran))
        self._all[camera.number] = camera

    def hold(self, culprit: Camera) -> float:
        """Returns the seconds until a culprit is started again, which double each time."""
        wait = min(self._times.longest_hold, self._times.first_hold * 2.0**culprit.holds)
        culprit.holds = min(culprit.holds + 1, 16)
        return wait

    def look(self, until: Callable[[Camera], float]) -> list[Camera]:
        """Updates which suspects are on trial on which agent, and clears those that have passed.

        Returns the cleared cameras that had a limit (``company``).

        ``until``: returns when the agent of a running camera last reported.
        """
        proved = [camera for camera in self._all.values() if self._is_proved(camera, until)]
        cleared = [camera for camera in proved if camera.company]
        for camera in proved:
            ran = until(camera) - camera.since
            camera.company = 0
            if ran >= self._times.holds_count:
                camera.holds = 0
            if ran >= self._times.crashes_count:
                del self._all[camera.number]
                camera.crashes = 0
        self._on_trial.clear()
        for camera in self._all.values():
            self.placed(camera)
        return cleared

    def placed(self, camera: Camera) -> None:
        """Called when a camera is started on an agent."""
        if camera.company and camera.agent is not None:
            self._on_trial.setdefault(camera.agent, []).append(camera)

    def has_room(self, camera: Camera, agent: str) -> bool:
        """Returns True if a camera may be started on this agent.

        Returns False for a suspect if ``camera.company`` others with as many crashes are on trial there.
        """
        if not camera.company:
            return True
        others = [each for each in self._on_trial.get(agent, ()) if each.crashes == camera.crashes]
        return len(others) < camera.company

    def forget(self, number: int) -> None:
        """Forgets a camera that was removed."""
        self._all.pop(number, None)

    def _is_proved(self, camera: Camera, until: Callable[[Camera], float]) -> bool:
        trial = camera.trial if camera.crashes else self._times.settled
        return camera.state == "running" and until(camera) - camera.since >= trial


class Culprits:
    """Holds back the cameras of one fleet that crash their agents."""

    def __init__(self, state: FleetState) -> None:
        """Creates the culprits of a fleet."""
        self._state = state

    def accuse_for(self, culprit: Run, now: float) -> None:
        """Called when an earlier run of a camera has crashed its agent.

        Ignored if the camera has a new build.
        """
        camera = self._state.cameras.get(culprit[0])
        if camera is not None and culprit[1] > camera.renewed:
            self._state.suspects.name(camera, now)

    def hold(self, camera: Camera, now: float, why: str) -> None:
        """Holds back a camera that has crashed several agents, to protect the others."""
        wait = self._state.suspects.hold(camera)
        many = "an agent" if camera.crashes == 1 else f"{camera.crashes} agents in a row, the last"
        text = f"held back for {wait:g} s because it crashed {many}: {why}"
        self._state.enter(camera, "failed", now, text)
        camera.retry_at = now + wait
        self._state.note(now, camera.name, text)
        self._state.warnings.append(f"camera {camera.name!r} is {text}")

    def make_room(self, crashed: Agent, cameras: Collection[Camera], now: float) -> None:
        """Asks for a second agent for half of the suspects, if possible."""
        agents = [agent for agent in self._state.agents.values() if agent.apart is None]
        if len(agents) == 1 and any(camera.company for camera in cameras):
            self._add_extra(crashed.labels, None, now)

    def set_apart(self, culprit: Camera, crashed: Agent, now: float) -> None:
        """Gives a culprit its own agent, so that its next crash does not affect other cameras."""
        apart = [agent.apart for agent in self._state.agents.values() if agent.apart is not None]
        if culprit.number not in apart and len(apart) < _MOST_APART:
            name = self._add_extra(crashed.labels, culprit.number, now)
            self._state.note(now, culprit.name, f"has its own agent from now on: {name}")

    def _add_extra(self, labels: Mapping[str, str], apart: int | None, now: float) -> str:
        name = next(name for n in itertools.count() if (name := f"extra{n}") not in self._state.agents)
        self._state.add_agent(name, labels, now)
        self._state.agents[name].apart = apart
        return name
