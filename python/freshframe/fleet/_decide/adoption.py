"""The decisions of a restarted controller about the agents and cameras of before. No clock, no process."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from .decisions import Action, Agent, Camera, CameraState, Decisions, Run, Times
from .model import Former

GRACE = 3.0  # seconds for agents to find the new controller, beside the length of a lease
_FIELDS = (
    *("number", "name", "needs", "exclusive", "state", "why", "agent", "epoch", "starts", "removed"),
    *("hangs", "then", "failures", "failures_in_row", "overlap", "wanted", "renewed"),
    *("crashes", "trial", "company", "holds"),
)
_AGENT_FIELDS = ("name", "draining", "deaths", "deaths_in_row")


def camera_state(camera: Camera, now: float) -> dict[str, Any]:
    """The kept state of a camera. The next controller may be on another machine, with another clock."""
    state = {name: getattr(camera, name) for name in _FIELDS}
    former = camera.former
    kept = None if former is None else (former.agent, former.run, former.closing, former.stays)
    return {**state, "former": kept, "retry_in": max(0.0, camera.retry_at - now)}


def agent_state(agent: Agent) -> dict[str, Any]:
    """The kept state of an agent."""
    machine = agent.machine.name if agent.machine is not None else ""
    return {
        "labels": dict(agent.labels),
        "machine": machine,
        **{name: getattr(agent, name) for name in _AGENT_FIELDS},
    }


def restore(decisions: Decisions, agents: Iterable[Mapping[str, Any]], cameras: Any, now: float) -> None:
    """The agents and cameras of an earlier controller, as it knew them.

    Nothing is given away before the agents have had time to report.
    """
    decisions.state.resumed = now
    for each in agents:
        agent = _agent_of(decisions, each, now)
        decisions.agents[agent.name] = agent
        decisions.state.placed[agent.name] = set()
    for each in cameras:
        fields = dict(each)
        former = fields.pop("former", None)
        camera = Camera(since=now, retry_at=now + fields.pop("retry_in", 0.0), **fields)
        decisions.cameras[camera.number] = camera
        _place_again(decisions, camera)
        decisions.state.suspects.remember(camera)
        if former is not None:
            _resume(decisions, camera, *former)


def _agent_of(decisions: Decisions, kept: Mapping[str, Any], now: float) -> Agent:
    """An agent by its kept state.

    One that was launched may run still, and takes no camera before it has reported.
    """
    launched = kept["launched"]
    agent = Agent(
        kept["name"],
        dict(kept["labels"]),
        state="up" if launched else "down",
        heard=now + GRACE,
        python_ran=now + GRACE,
        machine=decisions.state.machine(kept.get("machine", "")),
        draining=kept["draining"],
        deaths=kept.get("deaths", 0),
        deaths_in_row=kept.get("deaths_in_row", 0),
        launches=2,
        launch_at=now,
        added=now - decisions.times.first_start,
        up_since=now,
        seen_ended=not launched,
    )
    if launched:
        agent.note_load(1.0)
    return agent


def _place_again(decisions: Decisions, camera: Camera) -> None:
    """Leaves a camera at its agent if that may have it still, else without one."""
    has_run = camera.state in ("starting", "running", "closing")
    agent = decisions.agents.get(camera.agent or "")
    if has_run and agent is not None and agent.state == "up":
        decisions.state.placed[agent.name].add(camera.number)
    else:
        camera.agent = None
        if has_run:
            camera.state = "unplaced"
    if camera.state != "running":
        decisions.state.restless.add(camera.number)


def _resume(decisions: Decisions, camera: Camera, agent: str, run: Run, closing: bool, stays: bool) -> None:
    """Lets a camera's former run go on, if there may be a process that has it."""
    there = decisions.agents.get(agent)
    if there is not None and there.state == "up":
        decisions.state.handovers.resume(camera, Former(agent, run, closing=closing, stays=stays))


def why_held(camera: Camera, times: Times, left_over: Collection[str], restarted: float, now: float) -> str:
    """Why a camera must not start: an agent of before may run it and has not reported. Empty: it may."""
    wait = times.session_timeout if camera.exclusive else times.kill_after + GRACE
    if not left_over or now >= restarted + wait:
        return ""
    return f"the controller has restarted, and {', '.join(sorted(left_over))} may run it and has not reported"


def report(
    decisions: Decisions, name: str, runs: Iterable[Run], now: float, started: Collection[Run] = ()
) -> list[Action]:
    """An agent of before reports its runs, and those of which it has said that their pipelines run.

    The newest epoch of a camera is the one that goes on, and its former run goes on beside it.
    """
    actions: list[Action] = []
    placed = decisions.state.placed
    listed: dict[int, set[int]] = {}
    for number, epoch in runs:
        listed.setdefault(number, set()).add(epoch)
    decisions.state.handovers.end_missing(name, listed, now)
    for number, epochs in listed.items():
        camera = decisions.cameras.get(number)
        if camera is None:
            continue  # its answer does not list it: it is closed there
        former = camera.former
        newest = max((each for each in epochs if former is None or former.run != (number, each)), default=0)
        if newest and newest >= camera.epoch:
            actions += _take(decisions, camera, name, newest, now, started)
    decisions.state.overlaps.end(name, now)  # its answer closes the cameras that were given away meanwhile
    decisions.state.note(now, name, f"adopted with {len(placed[name])} cameras")
    for number in sorted(placed[name]):
        camera = decisions.cameras[number]
        if camera.epoch not in listed.get(number, ()):
            actions += decisions.closed(camera.run, now)
    return actions


def _take(
    decisions: Decisions, camera: Camera, name: str, epoch: int, now: float, started: Collection[Run]
) -> list[Action]:
    """A run that was reported becomes the camera's present one, or its former one if its build is old."""
    is_running = (camera.number, epoch) in started or (camera.state == "running" and epoch == camera.epoch)
    if camera.agent is not None:
        decisions.state.placed[camera.agent].discard(camera.number)
    camera.starts += epoch > camera.epoch  # one that was not written down
    camera.agent, camera.epoch = name, epoch
    decisions.state.placed[name].add(camera.number)
    if camera.removed or camera.state == "closing":
        hangs, then, why = camera.hangs, camera.then, camera.why
        actions = decisions.state.close_run(camera, now)
        camera.hangs, camera.then, camera.why = hangs, then, why
        return actions
    state: CameraState = "running" if is_running or epoch <= camera.renewed else "starting"
    if camera.state != state:
        decisions.state.enter(camera, state, now)
    if epoch <= camera.renewed:
        actions = decisions.state.send_away(camera, now)
        if camera.former is not None:
            camera.former.stays = True
        return actions
    return []
