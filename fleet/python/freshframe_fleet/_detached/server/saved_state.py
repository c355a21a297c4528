"""The kept state of a detached fleet's controller: its agents, cameras, builds and readers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from ..._control.agents.link import Link
from ..._control.agents.runs import KeptRuns
from ..._control.builds.builds import KeptBuilds, Pickles
from ..._control.cameras import KeptCameras, Known
from ..._control.counts import CameraCounts, State
from ..._control.loop import boot_time
from ..._control.parts import Parts
from ..._decide import adoption
from ..._decide.adoption import KeptAgent
from ..._decide.model import Agent, Camera, Former, Run
from ..._machines.guarded_place import GuardedPlace
from ..._read.counters import Totals
from .cluster_kept import unreadable

# The store has a pickle of plain values under words. It names no class, so that classes may change.
_FORMAT = 7

_CAMERA_FIELDS = (
    *("number", "name", "needs", "exclusive", "state", "why", "agent", "epoch", "starts", "removed"),
    *("hangs", "then", "failures", "failures_in_row", "overlap", "wanted", "renewed"),
    *("crashes", "trial", "company", "holds"),
)

_T = TypeVar("_T")


@dataclass(frozen=True)
class PlacedAgent:
    """An agent with its machine and its runs."""

    agent: KeptAgent
    node: str
    retired: str | None  # why its machine has gone
    runs: KeptRuns


@dataclass(frozen=True)
class KeptReader:
    """Holds a reader and its counters."""

    number: int
    output: str
    name: str | None
    key: str | None  # the key that its program gave it
    closed: Totals
    ended: dict[Run, tuple[str, int]]
    refused: dict[Run, int]
    told_is_all: bool


@dataclass(frozen=True)
class KeptState:
    """All that a controller gets from the one before, but for the functions of builds."""

    agents: list[PlacedAgent]
    cameras: list[Camera]
    addresses: KeptCameras
    builds: KeptBuilds
    next_reader: int
    readers: list[KeptReader]

    @property
    def runs(self) -> dict[str, KeptRuns]:
        """Returns the runs by agent, if it was launched."""
        return {each.agent.name: each.runs for each in self.agents if each.agent.launched}


# ---- written


def make_state(
    parts: Parts, place: GuardedPlace, intended: Collection[str], keys: Mapping[str, int]
) -> dict[str, Any]:
    """The state now.

    Args:
        parts: Of the controller, with its lock.
        place: Of the agents.
        intended: Agents that are about to be launched.
        keys: Numbers of readers, by the key that their program gave them.
    """
    now = boot_time()
    builds, addresses = parts.builds.kept(), parts.cameras.kept()
    return {
        "format": _FORMAT,
        "builds of cameras": {
            "next": builds.next,
            "outputs": builds.outputs,
            "past outputs": builds.past_outputs,
            "modules": builds.modules,
        },
        "addresses": {
            "next": addresses.next,
            "known": {
                number: (each.name, each.url, each.build, each.counts.state)
                for number, each in addresses.known.items()
            },
            "gone": addresses.gone,
        },
        "agents": [
            agent_state(_placed(agent, parts.links.get(agent.name), place, intended))
            for agent in parts.decisions.agents.values()
        ],
        "cameras": [
            camera_state(camera, now)
            for camera in parts.decisions.cameras.values()
            if parts.cameras.get(camera.number) is not None
        ],
        "next reader": parts.readers.next,
        "readers": [
            {
                "number": reader.number,
                "output": reader.output,
                "name": reader.name,
                "key": next((key for key, each in keys.items() if each == reader.number), None),
                "closed": asdict(reader.counters.closed),
                "ended": reader.counters.ended,
                "refused": reader.counters.refused,
                "told is all": reader.counters.told_is_all,
            }
            for reader in parts.readers
        ],
    }


def _placed(agent: Agent, link: Link | None, place: GuardedPlace, intended: Collection[str]) -> PlacedAgent:
    return PlacedAgent(
        adoption.kept(agent, launched=link is not None or agent.name in intended),
        node=place.nodes[agent.name],
        retired=place.retired.get(agent.name),
        runs=KeptRuns({}, {}) if link is None else link.runs.kept(),
    )


def agent_state(placed: PlacedAgent) -> dict[str, Any]:
    """The entry of an agent."""
    agent = placed.agent
    return {
        "labels": dict(agent.labels),
        "machine": agent.machine,
        "name": agent.name,
        "draining": agent.draining,
        "deaths": agent.deaths,
        "deaths_in_row": agent.deaths_in_row,
        "node": placed.node,
        "launched": agent.launched,
        "retired": placed.retired,
        "runs": placed.runs.builds,
        "ended runs": placed.runs.ended,
    }


def camera_state(camera: Camera, now: float) -> dict[str, Any]:
    """The entry of a camera. The next controller may be on another machine, with another clock."""
    state = {name: getattr(camera, name) for name in _CAMERA_FIELDS}
    former = camera.former
    kept = None if former is None else (former.agent, former.run, former.closing, former.stays)
    return {**state, "former": kept, "retry_in": max(0.0, camera.retry_at - now)}


# ---- read


def read(name: str, state: Mapping[str, Any], now: float) -> KeptState:
    """The state of an earlier controller of a fleet. Times of its cameras are by this controller's clock.

    Raises:
        StateError: The state is in the format of another version, or damaged.
    """
    if state.get("format") != _FORMAT:
        raise unreadable(name, f"has the format {state.get('format')}, and this freshframe reads {_FORMAT}")
    try:
        return _read(state, now)
    except KeyError as error:
        raise unreadable(name, f"lacks {error}") from error
    except _DamageError as error:
        raise unreadable(name, f"cannot be read: {error}") from error


class _DamageError(Exception):
    """Names the part of a state that cannot be read, and why."""


def _read(state: Mapping[str, Any], now: float) -> KeptState:
    return KeptState(
        agents=_each("agent", state["agents"], restore_agent),
        cameras=_each("camera", state["cameras"], lambda kept: restore_camera(kept, now)),
        addresses=_one("addresses", state["addresses"], _restore_addresses),
        builds=_one("builds of cameras", state["builds of cameras"], _restore_builds),
        next_reader=_one("next reader", state["next reader"], int),
        readers=_each("reader", state["readers"], _restore_reader),
    )


def _each(what: str, kept: Any, read_one: Callable[[Any], _T]) -> list[_T]:
    entries: list[Any] = _one(f"{what}s", kept, list)
    return [_one(f"{what} {place}", each, read_one) for place, each in enumerate(entries)]


def _one(what: str, kept: Any, read_one: Callable[[Any], _T]) -> _T:
    """Reads one thing of a kind. An error names the thing, or the innermost of several."""
    try:
        return read_one(kept)
    except KeyError as error:
        raise _DamageError(f"{what} lacks {error}") from error
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise _DamageError(f"{what}: {error}") from error


def restore_agent(kept: Mapping[str, Any]) -> PlacedAgent:
    """Reads what agent_state() has made."""
    return PlacedAgent(
        KeptAgent(
            name=kept["name"],
            labels=dict(kept["labels"]),
            launched=kept["launched"],
            draining=kept["draining"],
            machine=kept.get("machine", ""),
            deaths=kept.get("deaths", 0),
            deaths_in_row=kept.get("deaths_in_row", 0),
        ),
        node=kept["node"],
        retired=kept["retired"],
        runs=KeptRuns(dict(kept["runs"]), dict(kept["ended runs"])),
    )


def _restore_addresses(kept: Mapping[str, Any]) -> KeptCameras:
    return KeptCameras(
        next=int(kept["next"]),
        known={
            number: _one(f"address {number}", each, _restore_known) for number, each in kept["known"].items()
        },
        gone=dict(kept["gone"]),
    )


def _restore_known(kept: tuple[str, str, int, State]) -> Known:
    name, url, build, counts = kept
    return Known(name, url, build, CameraCounts(counts))


def _restore_builds(kept: Mapping[str, Any]) -> KeptBuilds:
    return KeptBuilds(
        next=int(kept["next"]),
        outputs=dict(kept["outputs"]),
        past_outputs=dict(kept["past outputs"]),
        modules=dict(kept["modules"]),
    )


def restore_camera(kept: Mapping[str, Any], now: float) -> Camera:
    """Reads what camera_state() has made."""
    fields = dict(kept)
    retry_at = now + fields.pop("retry_in", 0.0)
    former = fields.pop("former", None)
    return Camera(
        since=now, retry_at=retry_at, former=None if former is None else _restore_former(*former), **fields
    )


def _restore_former(agent: str, run: Run, closing: bool, stays: bool) -> Former:
    return Former(agent, run, closing=closing, stays=stays)


def _restore_reader(kept: Mapping[str, Any]) -> KeptReader:
    return KeptReader(
        number=kept["number"],
        output=kept["output"],
        name=kept["name"],
        key=kept["key"],
        closed=Totals(**{name: int(count) for name, count in kept["closed"].items()}),
        ended={run: (agent, handed) for run, (agent, handed) in kept["ended"].items()},
        refused=dict(kept["refused"]),
        told_is_all=kept["told is all"],
    )


def restore(
    parts: Parts, place: GuardedPlace, kept: KeptState, functions: Mapping[int, Pickles], now: float
) -> None:
    """All but the readers and the agents' connections. With the lock."""
    parts.readers.next = kept.next_reader
    parts.builds.restore(kept.builds, functions)
    for build in parts.cameras.restore(kept.addresses):
        parts.builds.use(build)
    adoption.restore(parts.decisions, [each.agent for each in kept.agents], kept.cameras, now)
    place.restore(
        nodes={each.agent.name: each.node for each in kept.agents},
        retired={each.agent.name: each.retired for each in kept.agents if each.retired is not None},
    )
