"""Which machines of a cluster get agents, and how many."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_CORES_FOR_ONE = 4  # their Python nodes share a GIL
_HEAD = "node:__internal_head__"  # Ray's resource of the head


@dataclass(frozen=True)
class Spread:
    """The program's wish. Nodes are as ray.nodes() lists them."""

    per_machine: int | None = None  # None means one for each four of Ray's CPUs
    on_head: bool | None = None  # None: if the cluster has no other machine as the fleet begins

    def agents_on(self, node: Mapping[str, Any], *, head_serves: bool) -> int:
        """How many agents a machine gets; 0 means none, and no guard."""
        cores = count_cores(node)
        if cores <= 0 or (is_head(node) and not head_serves):
            return 0
        return self.per_machine or max(1, int(cores) // _CORES_FOR_ONE)

    def head_serves(self, nodes: Iterable[Mapping[str, Any]]) -> bool:
        """Whether the head has agents, decided once."""
        if self.on_head is not None:
            return self.on_head
        return not any(node["Alive"] and count_cores(node) > 0 and not is_head(node) for node in nodes)


def count_cores(node: Mapping[str, Any]) -> float:
    """Ray's CPUs of a machine: what `ray start --num-cpus` says. 0: nothing is to run there."""
    return float(node["Resources"].get("CPU", 0))


def is_head(node: Mapping[str, Any]) -> bool:
    """Whether it is the cluster's head."""
    return _HEAD in node["Resources"]
