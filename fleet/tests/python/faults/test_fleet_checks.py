"""The checker of fleets accepts runs that keep its rules, and finds each broken rule."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rig.rules import Result, Session, check, read_sessions

BOOKS = {"outbox_full": 0, "expired": 0, "fenced": 0, "lost_with_agent": 0, "waiting": 0}


def result(
    ordinal: int, *, camera: int = 3, epoch: int = 1, frame: int | None = None, stamp: int | None = None
) -> Result:
    """Returns a result whose frame is its ordinal by default."""
    shown = ordinal if frame is None else frame
    return Result(camera, epoch, ordinal, shown, camera if stamp is None else stamp, at=float(shown))


def books(delivered: int, **losses: int) -> dict[str, int]:
    """Counters that balance."""
    return BOOKS | losses | {"delivered": delivered, "reported": delivered + sum(losses.values())}


SENT = [Session(3, 0.0, 100.0, ((0, 99),))]


def rules(
    results: list[Result], counters: dict[str, int] | None = None, sessions: list[Session] | None = None
) -> set[str]:
    """Returns the rules that a run broke. Camera 3 is exclusive."""
    verdict = check(
        SENT if sessions is None else sessions, results, counters or books(len(results)), exclusive=[3]
    )
    return {finding.rule for finding in verdict.findings}


def test_a_run_that_keeps_every_rule_has_no_findings() -> None:
    assert rules([result(0), result(1), result(0, epoch=2, frame=5)]) == set()


@pytest.mark.parametrize(
    ("rule", "results"),
    [
        ("once", [result(0), result(0)]),
        ("once", [result(0, frame=7), result(0, epoch=2, frame=7)]),
        ("order", [result(1), result(0)]),
        ("order", [result(0, frame=7), result(1, frame=7)]),
        ("fence", [result(0, epoch=2), result(1, epoch=1)]),
        ("origin", [result(0, frame=100)]),
        ("origin", [result(0, stamp=4)]),
    ],
)
def test_a_result_that_breaks_a_rule_is_found(rule: str, results: list[Result]) -> None:
    assert rule in rules(results)


def test_ordinals_may_be_missing_when_they_are_counted() -> None:
    results = [result(0), result(4)]
    assert rules(results, books(2, outbox_full=3)) == set()
    assert rules(results, books(2, outbox_full=2)) == {"books"}


def test_gaps_that_the_reader_tells_otherwise_than_the_agents_are_found() -> None:
    told = [replace(result(2), dropped=2), replace(result(3), dropped=0), replace(result(6), dropped=2)]
    assert rules(told, books(3, outbox_full=4)) == set()
    for place, dropped in ((0, 0), (1, 1), (2, 3)):
        wrong = list(told)
        wrong[place] = replace(wrong[place], dropped=dropped)
        assert rules(wrong, books(3, outbox_full=4)) == {"ordinals"}


def test_counters_that_do_not_balance_are_found() -> None:
    assert rules([result(0)], books(1) | {"reported": 2}) == {"books"}
    assert rules([result(0)], books(2)) == {"books"}


def test_two_sessions_of_an_exclusive_camera_are_found() -> None:
    long = [Session(3, 0, 10, ((0, 99),)), Session(3, 9, 12, ())]
    short = [Session(3, 0, 10, ((0, 99),)), Session(3, 9.9, 12, ())]
    assert rules([], books(0), long) == {"one session"}
    assert rules([], books(0), short) == set()
    verdict = check(long, [], books(0))
    assert verdict.findings == []
    assert verdict.figures["overlap_others_seconds"] == pytest.approx(1.0)


def test_gaps_and_changes_of_epochs_are_measured() -> None:
    verdict = check(SENT, [result(0), result(1), result(0, epoch=2, frame=5)], books(3))
    assert verdict.figures["longest_gap_seconds"] == pytest.approx(4.0)
    assert verdict.figures["epoch_changes"] == 1


def test_a_log_is_read_and_a_session_without_an_end_lasts(tmp_path: Path) -> None:
    log = tmp_path / "sessions.jsonl"
    lines = [
        {"at": 1.0, "session": 1, "camera": 3, "what": "opened"},
        {"at": 2.0, "session": 2, "camera": 4, "what": "opened"},
        {"at": 3.0, "session": 2, "camera": 4, "what": "closed", "sent": [[5, 6]]},
    ]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert read_sessions(log, now=9.0) == [Session(3, 1.0, 9.0, ()), Session(4, 2.0, 3.0, ((5, 6),))]
