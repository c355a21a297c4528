"""Which cameras may crash agents: suspects are tried apart, and a culprit is held for a growing time."""

# SPDX-License-Identifier: Apache-2.0
#
# Note [Suspects]
# Mostly a crash names the camera whose thread it was (src/fleet/last_words.hpp): that one is the culprit.
# Where it names none (memory that runs out, a library that ends the process), the rule is:
# 1. A crash accuses the agent's cameras that have not run for their trial yet, or all of them if each has, or
#    if one that has was seen in a crash before. Those that were seen in the most crashes are the suspects.
#    Each crash counts for a day.
# 2. The first crash has no consequence: all cameras start elsewhere at once.
# 3. From the second crash on, an agent takes half of the suspects at most, until they have run for their
#    trial. So each further crash halves them. Where two agents are there, no camera waits.
# 4. A single suspect is the culprit. It is held: 1 s, doubling to 300 s. In a local fleet it then has an
#    agent of its own, else it is tried where the fewest cameras are.
# 5. A trial is twice as long as the camera ran when the agent crashed, 10 to 60 s.
from __future__ import annotations

from collections.abc import Callable, Collection

from .model import Camera, Times

_FIRST_WITH_CONSEQUENCES = 2  # crashes in a row


class Suspects:
    """Cameras that were on agents that crashed."""

    def __init__(self, times: Times) -> None:
        """No suspects."""
        self._times = times
        self._all: dict[int, Camera] = {}
        self._on_trial: dict[str, list[Camera]] = {}  # by agent, those whose company is limited

    def crash(self, cameras: Collection[Camera], now: float) -> Camera | None:
        """An agent has crashed with these cameras. The culprit, if there is one."""
        unproved = [camera for camera in cameras if not self._is_proved(camera, lambda _: now)]
        known = any(camera.crashes for camera in cameras if camera not in unproved)
        accused = list(cameras) if known else unproved or list(cameras)
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
        for other in self._all.values():
            if other is not group[0] and not other.holds:
                other.company = 0
        return group[0]

    def name(self, culprit: Camera, now: float) -> None:
        """A crash has named it: no other camera is accused."""
        self._accuse(culprit, now)
        culprit.company = 1

    def _accuse(self, camera: Camera, now: float) -> None:
        camera.crashes += 1
        ran = now - camera.since if camera.state == "running" else 0.0
        camera.trial = min(self._times.longest_trial, max(self._times.settled, 2 * ran))
        self._all[camera.number] = camera

    def hold(self, culprit: Camera) -> float:
        """Seconds until it is tried again."""
        wait = min(self._times.longest_hold, self._times.first_hold * 2.0**culprit.holds)
        culprit.holds = min(culprit.holds + 1, 16)
        return wait

    def look(self, until: Callable[[Camera], float]) -> list[Camera]:
        """Notes who is on trial where; clears those that have proved themselves. Those that had a trial.

        ``until``: when the agent of a camera that runs last showed that it works.
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
        """Notes that a camera starts on an agent."""
        if camera.company and camera.agent is not None:
            self._on_trial.setdefault(camera.agent, []).append(camera)

    def has_room(self, camera: Camera, agent: str) -> bool:
        """Whether it may be tried there."""
        if not camera.company:
            return True
        others = [each for each in self._on_trial.get(agent, ()) if each.crashes == camera.crashes]
        return len(others) < camera.company

    def remember(self, camera: Camera) -> None:
        """Remembers a camera of an earlier controller, if it has crashed an agent."""
        if camera.crashes:
            self._all[camera.number] = camera

    def forget(self, number: int) -> None:
        """The camera is no more."""
        self._all.pop(number, None)

    def _is_proved(self, camera: Camera, until: Callable[[Camera], float]) -> bool:
        trial = camera.trial if camera.crashes else self._times.settled
        return camera.state == "running" and until(camera) - camera.since >= trial
