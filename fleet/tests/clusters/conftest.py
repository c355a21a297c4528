"""Fixtures of the tests of fleets on Ray clusters."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os

import pytest
from ray_clusters import cluster

__all__ = ["cluster"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips tests that take minutes."""
    for item in items:
        if item.get_closest_marker("full") and os.environ.get("FRESHFRAME_TEST_TIER") != "full":
            item.add_marker(pytest.mark.skip(reason="takes minutes: FRESHFRAME_TEST_TIER=full"))
