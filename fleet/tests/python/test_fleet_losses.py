"""Every result of a fleet is delivered, in transit, or counted with its cause."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from fleet_rigs import builds as fleet_builds
from fleet_rigs.checks import balance, change_setup, shared_fleet, until_state, until_up
from support import until

import freshframe as ff
from freshframe.fleet import CameraStats
from freshframe_fleet._control.counts import CameraCounts

one_fleet = shared_fleet()


def ended(fleet: ff.fleet.Fleet, name: str) -> CameraStats:
    until_state(fleet, name, "ended")
    return fleet.stats().cameras[name]


def test_what_a_camera_makes_is_kept_or_counted_with_its_cause(fleet: ff.fleet.Fleet) -> None:
    reader = fleet.reader("ticks")
    fleet.add("quick", "5000", fleet_builds.bursts)
    fleet.add("slow", "ticks:0.001:50", fleet_builds.ticks)
    quick, slow = ended(fleet, "quick"), ended(fleet, "slow")
    assert quick.produced == quick.kept + quick.dropped == 5000
    assert quick.drops.get("queue_full", 0) > 0
    assert quick.dropped == sum(quick.drops.values())
    assert slow.produced == slow.kept + slow.dropped == 50
    until(lambda: fleet.stats().readers[0].reported == quick.kept + slow.kept, "the reader's reports")
    balance(fleet)
    counted = fleet.stats().readers[0]
    got = Counter(reader.get(100).camera for _ in range(counted.reported - counted.outbox_full))
    assert got["slow"] == slow.kept
    assert sum(got.values()) + counted.outbox_full == quick.kept + slow.kept


def test_results_that_are_too_large_are_told_and_counted(
    fleet: ff.fleet.Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    reader = fleet.reader("bytes")
    fleet.add("cam", f"{9 << 20},10,{9 << 20},10", fleet_builds.sizes)
    first, second = reader.get(100), reader.get(100)
    assert (len(first.value), first.dropped, first.ordinal) == (10, 1, 1)
    assert (len(second.value), second.dropped, second.ordinal) == (10, 1, 3)
    camera = ended(fleet, "cam")
    assert (camera.too_large, camera.kept, camera.dropped) == (2, 4, 0)
    assert fleet.stats().readers[0].outbox_full == 2
    balance(fleet)
    until(
        lambda: any("returns results of 9.0 MiB" in each.getMessage() for each in caplog.records), "the log"
    )


def test_a_result_that_cannot_be_pickled_is_counted(fleet: ff.fleet.Fleet) -> None:
    fleet.reader("ticks")
    fleet.add("cam", "x", fleet_builds.unpicklable)
    until(lambda: fleet.stats().cameras["cam"].drops.get("failed", 0) > 0, "the failure")
    camera = fleet.stats().cameras["cam"]
    assert camera.produced == camera.kept + camera.dropped


def test_counts_of_starts_add_up_and_late_ones_change_nothing() -> None:
    counts = CameraCounts()
    counts.tell(7, {"kept": 10})
    counts.tell(7, {"queue_full": 3})
    assert counts.totals(7, {"kept": 12}) == {"kept": 12, "queue_full": 3}
    counts.tell(9, {"kept": 1, "stopped": 2})
    counts.tell(7, {"kept": 100})  # a camera that moves has two runs for a while
    assert counts.totals(9, {}) == {"kept": 101, "queue_full": 3, "stopped": 2}
    for epoch in range(10, 16):
        counts.tell(epoch, {"kept": 1, "skipped": 0})
    assert counts.totals(15, {}) == {"kept": 107, "queue_full": 3, "stopped": 2}
    counts.tell(7, {"kept": 101})
    counts.tell(16, {"kept": 1})
    counts.tell(7, {"kept": 200})
    counts.tell(5, {"kept": 200})
    assert counts.totals(16, {"kept": 5}) == {"kept": 113, "queue_full": 3, "stopped": 2}


@pytest.mark.slow
def test_a_rolling_drain_loses_no_frame_that_is_not_counted() -> None:
    with ff.fleet.Fleet(agents=2) as fleet:
        until_up(fleet)
        reader = fleet.reader("frames")
        fleet.add_many({f"cam{number}": "0.02" for number in range(4)}, fleet_builds.broadcast)
        frames: dict[str, set[int]] = {}
        repeated = 0

        def read(condition: Callable[[], bool]) -> None:
            nonlocal repeated
            while not condition():
                sample = reader.get(100)
                repeated += sample.value in frames.setdefault(sample.camera, set())
                frames[sample.camera].add(sample.value)

        read(lambda: len(frames) == 4)
        for agent in ("agent0", "agent1"):
            fleet.drain(agent)
            read(lambda agent=agent: fleet.stats().agents[agent].camera_count == 0)  # type: ignore[misc]
            fleet.resume(agent)
        newest = {name: camera.epoch for name, camera in fleet.stats().cameras.items()}
        ends = {name: max(numbers) + 25 for name, numbers in frames.items()}
        read(lambda: all(max(numbers) > ends[name] for name, numbers in frames.items()))
        stats = fleet.stats()
        balance(fleet)
    assert {name: camera.epoch for name, camera in stats.cameras.items()} == newest
    assert all(camera.starts >= 2 for camera in stats.cameras.values())
    missing = sum(max(each) - min(each) + 1 - len(each) for each in frames.values())
    [books] = stats.readers
    counted = books.fenced + books.outbox_full + sum(camera.dropped for camera in stats.cameras.values())
    assert missing <= counted
    assert books.lost_with_agent == 0


def test_results_expire_and_count(monkeypatch: pytest.MonkeyPatch) -> None:
    change_setup(monkeypatch, expire_after=0.5)
    with ff.fleet.Fleet() as fleet:
        until_up(fleet)
        reader = fleet.reader("ticks")
        fleet.add("cam", "ticks:0.001", fleet_builds.ticks)
        until(lambda: fleet.stats().readers[0].expired > 0, lambda: f"results that expire: {fleet.stats()}")
        balance(fleet)
        counts = fleet.stats().readers[0]
        ordinal, dropped = -1, 0
        while dropped < counts.expired:  # on a busy machine in more than one gap
            sample = reader.get(100)
            assert sample.ordinal == ordinal + 1 + sample.dropped
            ordinal, dropped = sample.ordinal, dropped + sample.dropped
        balance(fleet)


def test_a_named_reader_comes_back_to_what_it_had_not_delivered(fleet: ff.fleet.Fleet) -> None:
    reader = fleet.reader("ticks", name="saver")
    fleet.add("cam", "ticks:0.001:300", fleet_builds.ticks)
    first = [reader.get(100).seq for _ in range(20)]
    with pytest.raises(ff.StateError, match="reader 'saver' is already open"):
        fleet.reader("ticks", name="saver")
    reader.close()
    kept = ended(fleet, "cam").kept  # a loaded machine drops some of the 300 before they are kept
    with pytest.raises(ff.StateError, match="reader 'saver' reads 'ticks', not 'faces'"):
        fleet.reader("faces", name="saver")
    again = fleet.reader("ticks", name="saver")
    seqs = first + [again.get(100).seq for _ in range(kept - len(first))]
    assert seqs == sorted(set(seqs))
    assert again.poll() is None
    assert fleet.stats().readers[0].name == "saver"
    balance(fleet)


def test_a_batch_that_fails_gives_its_results_back(
    fleet: ff.fleet.Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = fleet.reader("ticks")
    fleet.add("cam", "ticks:0.001:100", fleet_builds.ticks)
    get, calls = reader.get, iter(range(1000))

    def interrupted(timeout: float | None = None) -> Any:
        if next(calls) == 7:
            raise KeyboardInterrupt
        return get(timeout)

    monkeypatch.setattr(reader, "get", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(reader.batches(10, max_wait=50))
    balance(fleet)
    kept = ended(fleet, "cam").kept
    seqs = [sample.seq for sample in next(reader.batches(kept, max_wait=50))]
    assert len(seqs) == kept
    assert seqs == sorted(set(seqs))


@pytest.mark.slow
def test_an_agent_may_have_many_pipelines_that_their_builds_do_not_name(
    fleet: ff.fleet.Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    cameras = {f"cam{n}": "ticks:0.5" for n in range(10 * len(fleet.stats().agents))}
    fleet.add_many(cameras, fleet_builds.ticks)
    until(lambda: fleet.stats().states() == {"running": len(cameras)}, "all cameras")
    controller: Any = fleet._controller
    controller.parts.notes.log(logging.WARNING, "freshframe", "behind what agents have logged")
    until(lambda: any("behind what" in each.getMessage() for each in caplog.records), "the log")
    assert [each.getMessage() for each in caplog.records if "pipelines" in each.getMessage()] == []
