"""How long the controller waits for agents that do not report, and before it retries something."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable

from .model import Agent, Camera, Times

_WORTH_TELLING = 5.0  # time in seconds after which an event reports that an agent's Python code is blocked


def why_to_end(agent: Agent, cameras: Iterable[Camera], now: float, resumed: float, times: Times) -> str:
    """Returns why an agent with these cameras must be killed, or an empty string. Sets ``is_stuck``.

    ``resumed``: the end of the controller's latest pause, during which it received no reports.
    """
    silent = now - max(agent.heard, resumed)
    patience = {"up": times.kill_after, "starting": times.start_within}.get(agent.state)
    if patience is None:
        return ""
    if silent > patience:
        return f"silent for {silent:.1f} s"
    still = now - max(agent.python_ran, resumed)
    if agent.state == "up" and _is_stuck(cameras, still, times):
        agent.is_stuck = True
        return f"stuck: {_kept_for(still)}"
    return ""


def _is_stuck(cameras: Iterable[Camera], still: float, times: Times) -> bool:
    """Returns True if ``still``, the seconds for which an agent's Python code has been blocked, is too long.

    While a camera is starting, ``start_timeout`` applies if it is longer than ``gil_timeout``.
    """
    if times.gil_timeout is None or still <= times.gil_timeout:
        return False
    if any(camera.state == "starting" for camera in cameras):
        return times.start_timeout is not None and still > times.start_timeout
    return True


def describe_python(agent: Agent, now: float, resumed: float) -> str:
    """Returns the text of an event if the agent's Python code is newly blocked or runs again, otherwise "".

    Updates ``keeps_gil``.
    """
    still = now - max(agent.python_ran, resumed)
    if agent.state != "up" or agent.keeps_gil == (still > _WORTH_TELLING):
        return ""
    agent.keeps_gil = not agent.keeps_gil
    return _kept_for(still) if agent.keeps_gil else "its Python runs again"


def _kept_for(seconds: float) -> str:
    return f"something in it has held its GIL for {seconds:.0f} s"


def all_hang(cameras: Iterable[Camera], now: float, times: Times) -> bool:
    """Returns True if there are cameras, and all of them have hung for longer than ``times.hanging``.

    Usually returns after the first camera, because most cameras do not hang.
    """
    count = 0
    for camera in cameras:
        count += 1
        if not camera.hangs or now - camera.since <= times.hanging:
            return False
    return count > 0


def note_death(agent: Agent, now: float, times: Times) -> None:
    """Sets when to restart an agent that has ended. The wait doubles with each death in a row."""
    if agent.state == "up" and now - agent.up_since >= times.settled:
        agent.deaths_in_row = 0
    agent.deaths += 1
    wait = min(times.longest_relaunch, times.first_relaunch * 2.0**agent.deaths_in_row)
    agent.deaths_in_row = min(agent.deaths_in_row + 1, 10)
    agent.launch_at = now + wait


def note_failure(camera: Camera, now: float, times: Times) -> None:
    """Sets when to restart a camera that has failed. The wait doubles with each failure in a row."""
    if camera.state == "running" and now - camera.since >= times.settled:
        camera.failures_in_row = 0
    wait = min(times.longest_retry, times.first_retry * 2.0**camera.failures_in_row)
    camera.failures_in_row = min(camera.failures_in_row + 1, 10)
    camera.failures += 1
    camera.retry_at = now + wait
