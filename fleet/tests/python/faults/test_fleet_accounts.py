"""Accounts of cameras that count their own frames: each frame was read, is counted, or is missing."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rig.accounts import Entry, check_accounts, read_ledger
from rig.counted_camera import CountedCameras, CountedRun, build_counted
from rig.program import _add_all, _empty, _keep_ledger
from rig.rules import Result, Verdict

import freshframe as ff
from freshframe.fleet import FleetReader
from freshframe_fleet._read.results import Results
from freshframe_fleet._wire import OUTBOX

FPS = 10.0
RUNS = [CountedRun(3, 1, frames=6, ended=False), CountedRun(3, 2, frames=5, ended=True)]
LEDGER = {(3, 1): Entry(4, lost=True), (3, 2): Entry(4, lost=False)}
COUNTERS = {
    "outbox_full": 1,
    "expired": 0,
    "fenced": 1,
    "lost_with_agent": 1,
    "waiting": 0,
    "unreported_possible": 1,
    "dropped": 1,
}


def results(*frames: tuple[int, int]) -> list[Result]:
    """Returns results of camera 3 as (epoch, frame)."""
    return [Result(3, epoch, frame - 1, frame, 3, at=0.0) for epoch, frame in frames]


READ = results((1, 1), (1, 2), (2, 1), (2, 2), (2, 3))


def verdict_of(
    runs: list[CountedRun] | None = None,
    read: list[Result] | None = None,
    ledger: dict[tuple[int, int], Entry] | None = None,
    counters: dict[str, int] | None = None,
) -> Verdict:
    """Checks the run above with some changes."""
    verdict = Verdict()
    check_accounts(verdict, runs or RUNS, read or READ, ledger or LEDGER, COUNTERS | (counters or {}), FPS)
    return verdict


def test_an_account_that_balances_says_how() -> None:
    """Two frames were made after the last report of the agent that was killed."""
    verdict = verdict_of()
    assert verdict.findings == []
    assert verdict.figures["counted_cameras_frames_made"] == 11
    assert verdict.figures["counted_cameras_results_read"] == 5
    assert verdict.figures["counted_cameras_frames_counted"] == 4
    assert verdict.figures["counted_cameras_untold_by_killed_agents"] == 2


@pytest.mark.parametrize("counter", ["outbox_full", "fenced", "lost_with_agent", "dropped"])
@pytest.mark.parametrize("by", [1, -1])
def test_a_counter_that_is_wrong_by_one_is_found(counter: str, by: int) -> None:
    findings = verdict_of(counters={counter: COUNTERS[counter] + by}).findings
    assert {finding.rule for finding in findings} == {"account"}


def test_a_frame_that_nobody_counts_is_found() -> None:
    more = [RUNS[0], CountedRun(3, 2, frames=6, ended=True)]
    assert len(verdict_of(more).findings) == 2
    assert len(verdict_of(read=READ[1:]).findings) == 1


def test_what_agents_invent_is_found() -> None:
    texts = [each.text for each in verdict_of(ledger={**LEDGER, (3, 2): Entry(6, lost=False)}).findings]
    assert any("more was reported than frames were made" in text for text in texts)
    assert {"origin"} == {each.rule for each in verdict_of(read=[*READ[:4], *results((2, 9))]).findings}


def test_a_killed_agent_leaves_no_more_untold_than_it_makes_between_two_reports() -> None:
    many = [CountedRun(3, 1, frames=40, ended=False), RUNS[1]]
    [finding] = verdict_of(many).findings
    assert "36 frames were never reported" in finding.text
    [finding] = verdict_of(counters={"unreported_possible": 0}).findings
    assert "1 runs ended with their agents, 0 are counted as possible" in finding.text


def test_a_ledger_keeps_what_was_known_of_a_run(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text("[3, 1, 4, false]\n[3, 1, null, true]\n[3, 2, null, true]\n", encoding="utf-8")
    assert read_ledger(path) == {(3, 1): Entry(4, lost=False), (3, 2): Entry(0, lost=True)}


class _Run:
    epoch = 7


def test_a_camera_counts_what_it_gives(tmp_path: Path) -> None:
    run = _Run()  # stands for an agent, whose function calls the build
    cameras = CountedCameras(tmp_path, fps=200.0)
    pipeline, outputs = build_counted(cameras.url(3))
    reader = pipeline.reader(outputs["counted"])
    pipeline.start()
    assert reader.get(100).value[0] == 3
    cameras.fail(3)
    with pytest.raises(ff.NodeError, match="the test camera 3 fails"):
        pipeline.wait()
    [counted] = cameras.runs()
    assert (counted.camera, counted.epoch, counted.ended) == (3, run.epoch, True)
    produced = sum(node.processed for node in pipeline.stats().nodes.values())
    assert counted.frames == produced


def test_the_ledger_has_what_each_run_had_reported_at_its_end(tmp_path: Path) -> None:
    results = Results(1, "counted")
    reader = FleetReader(results, {0: "camera-3"}.__getitem__, lambda _: None)
    _keep_ledger(reader, tmp_path / "ledger.jsonl")
    epoch, reported, handed, waiting, camera = 1, 4, 3, 1, 0
    results.note(np.array([(epoch, reported, 0, 0, 0, handed, waiting, camera, 1)], OUTBOX))
    results.end_run((0, 1), lost=True)
    results.end_run((0, 2), lost=False)
    assert read_ledger(tmp_path / "ledger.jsonl") == {
        (3, 1): Entry(4, lost=True),
        (3, 2): Entry(0, lost=False),
    }
    assert results.totals().lost_with_agent == 1


def test_the_last_counters_are_those_after_the_last_record_of_each_run() -> None:
    """A run whose last record comes later would end with its agent, and be in no counter."""
    results, run = Results(1, "counted", None, lambda: None), (3, 2)
    results.note(np.array([(run[1], 4, 0, 0, 0, 4, 0, run[0], 1)], OUTBOX))
    asked: list[int] = []

    def stats() -> Any:
        asked.append(len(results.counters.runs()))
        if len(asked) == 3:  # the renewal with it arrives between two checks
            results.end_outbox(run, np.array([(run[1], 5, 0, 0, 0, 5, 0, run[0], 1)], OUTBOX))
        reported = results.totals().reported
        return SimpleNamespace(cameras={}, readers=[], to_dict=lambda: {"reported": reported})

    fleet: Any = SimpleNamespace(stats=stats)
    assert _empty(fleet, [results.counters]) == {"reported": 5, "dropped": {}}
    assert asked == [1, 1, 1]


def test_cameras_are_added_so_that_no_reader_ends_before_one_of_its_kind_is_there() -> None:
    """It ends when all cameras that are there have started and have other outputs."""
    kinds: dict[str, Any] = {}
    started: set[Any] = set()

    def add(name: str, url: str, build: Any, *, exclusive: bool = False, needs: Any = None) -> None:
        kinds[name] = build
        if needs is None:  # at once
            started.add(build)
        assert len(started) == 2 or set(kinds.values()) - started

    fleet: Any = SimpleNamespace(add=add, remove=kinds.pop)
    _add_all(fleet, ["a", "b"], ["c"], {0})
    assert list(kinds) == ["camera-0", "camera-1", "camera-2"]
