"""Cameras that may run twice, since they were given away by an agent that was not seen to end."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from .model import Camera


class Overlaps:
    """Keeps, for each camera, the agents that were not seen to end."""

    def __init__(self) -> None:
        """Begins without overlaps."""
        self._left: dict[str, list[Camera]] = {}  # by the agent that may run them still

    def leave(self, camera: Camera, agent: str) -> None:
        """Notes that an agent gives a camera away and may run it still."""
        self._left.setdefault(agent, []).append(camera)
        camera.left += 1

    @staticmethod
    def placed(camera: Camera, now: float) -> None:
        """Notes a camera's start. Sessions of an exclusive camera have ended by then, wherever they were."""
        if camera.left and camera.doubled_at is None and not camera.exclusive:
            camera.doubled_at = now

    def end(self, agent: str, now: float) -> None:
        """An agent was seen to have ended, or is forgotten."""
        for camera in self._left.pop(agent, ()):
            camera.left -= 1
            if camera.doubled_at is not None:
                camera.overlap += now - camera.doubled_at
                camera.doubled_at = now if camera.left else None
