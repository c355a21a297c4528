"""Uses the checks after every test and the fixtures of tests/python."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fleet_rigs.checks import balance
from rigs.checked_tests import (
    app,
    clip,
    freshframe,
    pipelines,
    process,
    pytest_collection_modifyitems,
    pytest_runtest_call,
    pytest_runtest_makereport,
)
from rigs.repeated import pytest_pyfunc_call
from support import until

import freshframe as ff
from freshframe.fleet import FleetReader

__all__ = [
    "app",
    "clip",
    "freshframe",
    "pipelines",
    "process",
    "pytest_collection_modifyitems",
    "pytest_pyfunc_call",
    "pytest_runtest_call",
    "pytest_runtest_makereport",
]


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which fleets keep their locks and sockets."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "freshframe" / "fleets"


@pytest.fixture
def fleet(one_fleet: ff.fleet.Fleet, monkeypatch: pytest.MonkeyPatch) -> Iterator[ff.fleet.Fleet]:
    """The shared_fleet() of a module, whose cameras and readers end with the test."""
    make, readers = one_fleet.reader, list[FleetReader]()

    def reader(output: str, *, name: str | None = None) -> FleetReader:
        readers.append(make(output, name=name))
        return readers[-1]

    monkeypatch.setattr(one_fleet, "reader", reader)
    yield one_fleet
    balance(one_fleet)
    for camera in one_fleet.stats().cameras:
        one_fleet.remove(camera)
    until(lambda: not one_fleet.stats().cameras, "the end of all cameras")
    balance(one_fleet)
    controller: Any = one_fleet._controller
    for each in readers:
        each.close()
        controller.call(lambda each=each: controller.parts.readers.forget(each._results))
