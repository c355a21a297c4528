"""A fleet as one writes it by hand on Ray: an actor for each node, and a driver that pulls batches."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

from _fleet_by_hand import Item, batch_of, watch_all

PULL_TIMEOUT = 0.5  # seconds that an actor waits for a first result


class _Cameras:
    """The actor: all cameras of a node."""

    def __init__(self, cameras: Mapping[str, str]) -> None:
        self._results = watch_all(cameras)

    def take(self) -> list[Item]:
        """The next batch."""
        return batch_of(self._results, PULL_TIMEOUT)

    def pid(self) -> int:
        """Of its process."""
        return os.getpid()


class RayByHand:
    """The cameras on all nodes of the cluster to which this program is connected."""

    def __init__(self, cameras: Mapping[str, str]) -> None:
        """Starts an actor on each node."""
        import ray  # noqa: PLC0415
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: PLC0415

        self._ray: Any = ray
        nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
        items = list(cameras.items())
        actor = ray.remote(_Cameras)
        self._actors = [
            actor.options(
                num_cpus=0,
                max_restarts=-1,
                max_task_retries=-1,
                max_concurrency=2,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=True),
            ).remote(dict(items[first :: len(nodes)]))
            for first, node in enumerate(nodes)
        ]
        self.pids: list[int] = ray.get([actor.pid.remote() for actor in self._actors])

    def results(self) -> Iterator[tuple[str, float]]:
        """Camera, and age in seconds: all nodes are on this machine."""
        pulls = {actor.take.remote(): actor for actor in self._actors}
        while True:
            done, _ = self._ray.wait(list(pulls), num_returns=1)
            for pull in done:
                actor = pulls.pop(pull)
                try:
                    batch = self._ray.get(pull)
                except self._ray.exceptions.RayError as error:
                    print("a batch is lost:", type(error).__name__, flush=True)
                    batch = []
                pulls[actor.take.remote()] = actor
                for camera, _, captured in batch:
                    yield camera, time.monotonic() - captured

    def close(self) -> None:
        """Ends the actors."""
        for actor in self._actors:
            self._ray.kill(actor)
