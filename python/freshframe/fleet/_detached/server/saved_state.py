"""The kept state of a detached fleet's controller: its agents, cameras, builds and readers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ...._errors import StateError
from ..._control.builds.builds import Pickles
from ..._control.loop import boot_time
from ..._control.parts import Parts
from ..._decide import adoption
from ..._machines.guarded_place import GuardedPlace

_FORMAT = 7  # of the state in the store


def state_of(
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
    return {
        "format": _FORMAT,
        "builds of cameras": parts.builds.state(),
        "addresses": parts.cameras.state(),
        "agents": [
            {
                **adoption.agent_state(agent),
                "node": place.nodes[agent.name],
                "launched": (link := parts.links.get(agent.name)) is not None or agent.name in intended,
                "retired": place.retired.get(agent.name),
                "runs": {} if link is None else dict(link.runs),
                "ended runs": {} if link is None else link.ended_runs(),
            }
            for agent in parts.decisions.agents.values()
        ],
        "cameras": [
            adoption.camera_state(camera, now)
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
                "closed": reader.books.closed,
                "ended": reader.books.ended,
                "refused": reader.books.refused,
                "told is all": reader.books.told_is_all,
            }
            for reader in parts.readers
        ],
    }


def check(name: str, state: Mapping[str, Any]) -> None:
    """Raises StateError when the state is in the format of another version."""
    if state.get("format") != _FORMAT:
        raise StateError(
            f"the state of fleet {name!r} in the store has the format {state.get('format')}, and "
            f"this freshframe reads {_FORMAT}"
        )


def restore(
    parts: Parts, place: GuardedPlace, state: Mapping[str, Any], functions: Mapping[int, Pickles], now: float
) -> None:
    """All but the readers and the agents' connections. With the lock."""
    parts.readers.next = state["next reader"]
    parts.builds.restore(state["builds of cameras"], functions)
    for build in parts.cameras.restore(state["addresses"]):
        parts.builds.use(build)
    adoption.restore(parts.decisions, state["agents"], state["cameras"], now)
    place.restore(
        {each["name"]: each["node"] for each in state["agents"]},
        {each["name"]: each["retired"] for each in state["agents"] if each["retired"] is not None},
    )
