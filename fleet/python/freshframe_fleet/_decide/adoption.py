"""The decisions of a restarted controller about the agents and cameras of before. No clock, no process."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from .decisions import Action, Agent, Camera, CameraState, Decisions, Run, Times
from .model import Former

GRACE = 3.0  # seconds for agents to find the new controller, beside the length of a lease


@dataclass(frozen=True)
class KeptAgent:
    """An agent as the earlier controller knew it."""

    name: str
    labels: Mapping[str, str]
    launched: bool  # it may run still
    draining: bool
    machine: str = ""  # the machine of several agents; "" if it is alone there
    deaths: int = 0
    deaths_in_row: int = 0


def kept(agent: Agent, *, launched: bool) -> KeptAgent:
    """An agent for the next controller. ``launched``: it may run."""
    return KeptAgent(
        name=agent.name,
        labels=agent.labels,
        launched=launched,
        draining=agent.draining,
        machine=agent.machine.name if agent.machine is not None else "",
        deaths=agent.deaths,
        deaths_in_row=agent.deaths_in_row,
    )


def restore(decisions: Decisions, agents: Iterable[KeptAgent], cameras: Iterable[Camera], now: float) -> None:
    """Takes over copies of the agents and cameras of an earlier controller, as it knew them.

    Nothing is given away before the agents have had time to report.
    """
    decisions.state.resumed = now
    for agent in agents:
        decisions.agents[agent.name] = _restore_agent(decisions, agent, now)
        decisions.state.placed[agent.name] = set()
    for known in cameras:
        camera = replace(known, former=None)
        decisions.cameras[camera.number] = camera
        _place_again(decisions, camera)
        decisions.state.suspects.remember(camera)
        if known.former is not None:
            _resume(decisions, camera, replace(known.former))


def _restore_agent(decisions: Decisions, kept: KeptAgent, now: float) -> Agent:
    """An agent by its kept state. If it may run still, it takes no camera before it has reported."""
    agent = Agent(
        kept.name,
        kept.labels,
        state="up" if kept.launched else "down",
        heard=now + GRACE,
        python_ran=now + GRACE,
        machine=decisions.state.machine(kept.machine),
        draining=kept.draining,
        deaths=kept.deaths,
        deaths_in_row=kept.deaths_in_row,
        launches=2,
        launch_at=now,
        added=now - decisions.times.first_start,
        up_since=now,
        seen_ended=not kept.launched,
    )
    if kept.launched:
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


def _resume(decisions: Decisions, camera: Camera, former: Former) -> None:
    """Lets a camera's former run go on, if there may be a process that has it."""
    agent = decisions.agents.get(former.agent)
    if agent is not None and agent.state == "up":
        decisions.state.handovers.resume(camera, former)


def why_held(camera: Camera, times: Times, left_over: Collection[str], restarted: float, now: float) -> str:
    """Returns why a camera must not start: an agent of before may run it and has not reported.

    Returns an empty text if it may start.
    """
    wait = times.session_timeout if camera.exclusive else times.kill_after + GRACE
    if not left_over or now >= restarted + wait:
        return ""
    return f"the controller has restarted, and {', '.join(sorted(left_over))} may run it and has not reported"


def report(
    decisions: Decisions, name: str, runs: Iterable[Run], now: float, started: Collection[Run] = ()
) -> list[Action]:
    """Takes an agent's report of its runs, and of the runs whose pipelines it has said to run.

    The newest epoch of a camera goes on, and its former run goes on beside it.
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
    camera.starts += epoch > camera.epoch  # a start that was not written down
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
