"""A Ray cluster of two nodes on this machine, shared by the tests that leave it intact."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import pytest

# Ray reads both when it is imported. Without the first, it uses the machine's external address.
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

NODE: dict[str, Any] = {
    "num_cpus": 1,
    "object_store_memory": 80 << 20,
    "node_ip_address": "127.0.0.1",
}


def add_node(cluster: Any, site: str) -> Any:
    """Adds a node, and tries again: on a busy machine, Ray's own start sometimes fails."""
    with contextlib.suppress(Exception):
        return cluster.add_node(**NODE, labels={"site": site})
    return cluster.add_node(**NODE, labels={"site": site})


@contextlib.contextmanager
def new_cluster() -> Iterator[Any]:
    """Yields a cluster with the sites north, which is the head node, and south."""
    ray = pytest.importorskip(
        "ray", reason="Ray is not installed: ./dev test-fleet has an environment with it"
    )
    from ray.cluster_utils import Cluster  # noqa: PLC0415

    cluster = Cluster(
        initialize_head=True,
        head_node_args={**NODE, "include_dashboard": False, "labels": {"site": "north"}},
    )
    try:
        add_node(cluster, "south")
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    with new_cluster() as cluster:
        yield cluster
