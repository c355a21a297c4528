"""Moves of cameras that allow several sessions: the next run delivers results before the former one ends."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Collection

from .model import Action, Camera, ForgetRun, Former, Run, StopRun, Times


class Handovers:
    """Moves in progress: former runs that continue until the next run of their camera delivers results."""

    def __init__(self, times: Times, is_flushed: Callable[[Run], bool]) -> None:
        """Starts without any handovers."""
        self._times = times
        self._is_flushed = is_flushed
        self._at: dict[str, dict[int, Camera]] = {}  # cameras with a former run, by its agent

    def begin(self, camera: Camera) -> None:
        """Makes the current run of a camera its former one."""
        assert camera.agent is not None
        camera.former = Former(camera.agent, camera.run)
        camera.agent = None
        self._at.setdefault(camera.former.agent, {})[camera.number] = camera

    def count(self, agent: str) -> int:
        """Returns how many former runs an agent has."""
        return len(self._at.get(agent, ()))

    def under_way(self, agent: str) -> int:
        """Returns how many of an agent's former runs have a next run that is starting or running."""
        return sum(camera.state in ("starting", "running") for camera in self._at.get(agent, {}).values())

    def give_results(self, runs: Collection[Run]) -> None:
        """Called when runs have delivered results. Ignores runs that are not part of a handover."""
        for cameras in self._at.values():
            for camera in cameras.values():
                camera.gives_results = camera.gives_results or camera.run in runs

    @property
    def is_waiting(self) -> bool:
        """True if there are any handovers."""
        return any(self._at.values())

    def stop(self, camera: Camera) -> list[Action]:
        """Ends a camera's former run."""
        former = camera.former
        if former is None or former.closing:
            return []
        former.closing = True
        return [StopRun(former.agent, *former.run)]

    def note_end(self, run: Run, now: float) -> bool:
        """Called when a run has ended and is closed. Returns True if it was a former one."""
        for cameras in self._at.values():
            camera = cameras.get(run[0])
            if camera is not None and camera.former is not None and camera.former.run == run:
                camera.former.closing = True
                camera.former.closed_at = camera.former.closed_at or now
                return True
        return False

    def drop(self, agent: str) -> list[Camera]:
        """Forgets the former runs on an agent that has ended or no longer responds. Returns their cameras."""
        cameras = list(self._at.pop(agent, {}).values())
        for camera in cameras:
            camera.former = None
        return cameras

    def look(self, now: float) -> list[Action]:
        """Returns the actions for former runs that are no longer needed, or have ended."""
        actions: list[Action] = []
        for agent, cameras in self._at.items():
            for number, camera in list(cameras.items()):
                former = camera.former
                assert former is not None
                if camera.removed or self._is_ready(camera, now):
                    actions += self.stop(camera)
                if former.closed_at is None:
                    continue
                if self._is_flushed(former.run) or now - former.closed_at >= self._times.flush:
                    actions.append(ForgetRun(agent, *former.run))
                    del cameras[number]
                    camera.former = None
        return actions

    def _is_ready(self, camera: Camera, now: float) -> bool:
        """Returns True if the former run is not needed any more."""
        is_late = now - camera.since >= self._times.first_results
        return camera.state == "ended" or (camera.state == "running" and (camera.gives_results or is_late))


class Overlaps:
    """Cameras that may run twice, because they were released from an agent that was not seen to end."""

    def __init__(self) -> None:
        """Starts without any overlaps."""
        self._left: dict[str, list[Camera]] = {}  # cameras, by the agent that may still run them

    def leave(self, camera: Camera, agent: str) -> None:
        """Called when an agent may still be running a camera that was released from it."""
        self._left.setdefault(agent, []).append(camera)
        camera.left += 1

    @staticmethod
    def placed(camera: Camera, now: float) -> None:
        """Called when a camera is started. By then, all sessions of an exclusive camera have ended."""
        if camera.left and camera.doubled_at is None and not camera.exclusive:
            camera.doubled_at = now

    def end(self, agent: str, now: float) -> None:
        """Called when an agent was seen to have ended, or is removed."""
        for camera in self._left.pop(agent, ()):
            camera.left -= 1
            if camera.doubled_at is not None:
                camera.overlap += now - camera.doubled_at
                camera.doubled_at = now if camera.left else None
