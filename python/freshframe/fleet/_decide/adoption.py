"""The decisions of a restarted controller about the agents and cameras of before. No clock, no process."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from .decisions import Action, Agent, Camera, Decisions, Run, Times

GRACE = 3.0  # seconds for agents to find the new controller, beside the length of a lease
_FIELDS = (
    *("number", "name", "needs", "exclusive", "state", "why", "agent", "epoch", "starts", "removed"),
    *("hangs", "then", "failures", "failures_in_row", "overlap"),
    *("crashes", "trial", "company", "holds"),
)
_AGENT_FIELDS = ("name", "draining", "deaths", "deaths_in_row")


def camera_state(camera: Camera, now: float) -> dict[str, Any]:
    """The kept state of a camera. The next controller may be on another machine, with another clock."""
    state = {name: getattr(camera, name) for name in _FIELDS}
    return {**state, "retry_in": max(0.0, camera.retry_at - now)}


def agent_state(agent: Agent) -> dict[str, Any]:
    """The kept state of an agent."""
    return {"labels": dict(agent.labels), **{name: getattr(agent, name) for name in _AGENT_FIELDS}}


def restore(decisions: Decisions, agents: Iterable[Mapping[str, Any]], cameras: Any, now: float) -> None:
    """The agents and cameras of an earlier controller, as it knew them.

    Nothing is given away before the agents have had time to report.
    """
    decisions._resumed = now
    for each in agents:
        decisions.agents[each["name"]] = Agent(
            each["name"],
            dict(each["labels"]),
            state="up" if each["launched"] else "down",
            heard=now + GRACE,
            python_ran=now + GRACE,
            load=1.0,  # takes none before it has reported
            draining=each["draining"],
            deaths=each.get("deaths", 0),
            deaths_in_row=each.get("deaths_in_row", 0),
            launches=2,
            launch_at=now,
            added=now - decisions.times.first_start,
            up_since=now,
            seen_ended=not each["launched"],
        )
        decisions._placed[each["name"]] = set()
    for each in cameras:
        fields = dict(each)
        camera = Camera(since=now, retry_at=now + fields.pop("retry_in", 0.0), **fields)
        decisions.cameras[camera.number] = camera
        agent = decisions.agents.get(camera.agent or "")
        if agent is not None and agent.state == "up" and camera.state in ("starting", "running", "closing"):
            decisions._placed[agent.name].add(camera.number)
        else:
            camera.agent = None
            if camera.state in ("starting", "running", "closing"):
                camera.state = "unplaced"
        if camera.state != "running":
            decisions._restless.add(camera.number)
        decisions._suspects.remember(camera)


def why_held(camera: Camera, times: Times, left_over: Collection[str], restarted: float, now: float) -> str:
    """Why a camera must not start: an agent of before may run it and has not reported. Empty: it may."""
    wait = times.session_timeout if camera.exclusive else times.kill_after + GRACE
    if not left_over or now >= restarted + wait:
        return ""
    return f"the controller has restarted, and {', '.join(sorted(left_over))} may run it and has not reported"


def report(decisions: Decisions, name: str, runs: Iterable[Run], now: float) -> list[Action]:
    """An agent of before reports its runs: the newest epoch of a camera is the one that goes on."""
    actions: list[Action] = []
    placed = decisions._placed
    listed: dict[int, int] = {}
    for number, epoch in runs:
        listed[number] = max(epoch, listed.get(number, 0))
    for number, epoch in listed.items():
        camera = decisions.cameras.get(number)
        if camera is None or epoch < camera.epoch:
            continue  # its answer does not list it: it is closed there
        if camera.agent is not None:
            placed[camera.agent].discard(number)
        camera.agent, camera.epoch = name, epoch
        placed[name].add(number)
        if camera.removed or camera.state == "closing":
            hangs, then, why = camera.hangs, camera.then, camera.why
            actions += decisions._close(camera, now)
            camera.hangs, camera.then, camera.why = hangs, then, why
        elif camera.state != "running":
            decisions._enter(camera, "running", now)
    decisions._overlaps.end(name, now)  # its answer closes the cameras that were given away meanwhile
    decisions._note(now, name, f"adopted with {len(placed[name])} cameras")
    for number in sorted(placed[name]):
        if number not in listed:
            actions += decisions.closed(decisions.cameras[number].run, now)
    return actions
