"""A Spool with a web server, a broker and a database that stop and restart, in a program that is killed."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path

import pytest
from rigs import receivers
from rigs.restarts import Broker, Database, Hook, judge, play
from rigs.restarts import Found as FoundNumbers

SECONDS, EVENTS = 3, 6


def check(found: FoundNumbers) -> None:
    assert (found.restarts, found.kills) == (3, 1)
    assert (found.gaps, found.disorder) == (0, 0)
    assert found.events >= EVENTS


@pytest.mark.slow
def test_a_web_server_that_is_killed_gets_every_result_in_order(tmp_path: Path) -> None:
    check(play(Hook(tmp_path / "hook"), SECONDS, 3, 1, events=EVENTS))


@pytest.mark.slow
def test_subscribers_of_a_broker_that_ends_get_every_result_in_order(tmp_path: Path) -> None:
    pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
    if receivers.mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    check(play(Broker(tmp_path / "broker"), SECONDS, 3, 1, events=EVENTS))


@pytest.mark.slow
def test_a_data_base_that_crashes_has_every_result_once(tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    if receivers.postgres() is None:
        pytest.skip("PostgreSQL is not installed")
    found = play(Database(tmp_path / "base"), SECONDS, 3, 1, events=EVENTS)
    check(found)
    assert found.doubles == 0


@pytest.mark.parametrize(
    ("numbers", "wanted"),
    [
        ([1, 2, 3, 4], (4, 0, 0, 0)),
        ([1, 2, 1, 2, 3, 4], (4, 2, 0, 0)),
        ([1, 2, 4], (3, 0, 1, 0)),
        ([1, 3, 2, 4], (4, 0, 0, 1)),
        ([], (0, 0, 4, 0)),
    ],
)
def test_the_judge_sees_doubles_gaps_and_disorder(
    numbers: list[int], wanted: tuple[int, int, int, int]
) -> None:
    found = FoundNumbers()
    judge(numbers, 4, found)
    assert (found.events, found.doubles, found.gaps, found.disorder) == wanted
