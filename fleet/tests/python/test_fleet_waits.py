"""How long results are kept for a reader that does not read."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path

import pytest
from fleet_rigs import builds as fleet_builds
from fleet_rigs.checks import balance, change_setup, until_up
from support import until

import freshframe as ff


def test_results_expire_and_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    change_setup(monkeypatch, expire_after=0.5)
    with ff.fleet.Fleet() as fleet:
        until_up(fleet)
        reader = fleet.reader("ticks")
        fleet.add("cam", "ticks:0.001", fleet_builds.ticks)
        until(lambda: fleet.stats().readers[0].expired > 0, lambda: f"results that expire: {fleet.stats()}")
        balance(fleet)
        counts = fleet.stats().readers[0]
        ordinal, dropped = -1, 0
        while dropped < counts.expired:  # on a busy machine, in several gaps
            sample = reader.get(100)
            assert sample.ordinal == ordinal + 1 + sample.dropped
            ordinal, dropped = sample.ordinal, dropped + sample.dropped
        balance(fleet)
