"""Fleets: cameras on agents, results in readers, and counters that balance."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fleet_rigs import builds as fleet_builds
from fleet_rigs.checks import balance, shared_fleet, until_state
from support import WATCHDOG, run_program, until

import freshframe as ff
from freshframe.fleet import FleetReader, FleetSample
from freshframe_fleet._agent.run import checked

one_fleet = shared_fleet(agents=2)  # shared by all tests that do no harm


def take(reader: FleetReader, count: int) -> list[FleetSample]:
    return [reader.get(100) for _ in range(count)]


def test_results_of_a_generator_have_their_part(fleet: ff.fleet.Fleet) -> None:
    reader = fleet.reader("parts")
    fleet.add("cam", "ticks:0.01", fleet_builds.parts)
    samples = take(reader, 15)
    assert [sample.part for sample in samples] == [0, 1, 2] * 5
    assert [sample.value for sample in samples] == [sample.seq for sample in samples]
    assert {sample.seq for sample in samples[::3]} == {sample.seq for sample in samples[2::3]}


def test_results_of_all_cameras_arrive_once_each_in_order(fleet: ff.fleet.Fleet) -> None:
    reader = fleet.reader("ticks")
    fleet.add_many({f"cam{n}": "ticks:0.01" for n in range(6)}, fleet_builds.ticks)
    samples = take(reader, 300)
    assert {sample.camera for sample in samples} == {f"cam{n}" for n in range(6)}
    for camera in {sample.camera for sample in samples}:
        mine = [sample for sample in samples if sample.camera == camera]
        seqs = [sample.seq for sample in mine]
        assert seqs == sorted(set(seqs))
        assert all(sample.value == sample.seq for sample in mine)
        assert len({sample.epoch for sample in mine}) == 1
        assert all(sample.age < 60 for sample in mine)
    stats = fleet.stats()
    assert Counter(camera.agent for camera in stats.cameras.values()) == {"agent0": 3, "agent1": 3}
    assert len({camera.epoch >> 32 for camera in stats.cameras.values()}) == 1
    assert stats.readers[0].delivered == 300


def test_cameras_run_in_the_agents_processes(fleet: ff.fleet.Fleet) -> None:
    fleet.add_many({"a": "one", "b": "two"}, fleet_builds.values)
    reader, urls = fleet.reader("pids"), fleet.reader("urls")
    pids = {sample.camera: sample.value[0] for sample in take(reader, 50)}
    agents = fleet.stats().agents
    assert set(pids.values()) == {agent.pid for agent in agents.values()}
    assert os.getpid() not in pids.values()
    assert {(s.camera, s.value) for s in take(urls, 50)} == {("a", "one"), ("b", "two")}


@pytest.mark.slow
def test_a_function_of_the_main_program_and_its_classes_travel(state_folder: Path) -> None:
    ended = run_program(
        """
        import dataclasses
        import freshframe as ff

        @dataclasses.dataclass
        class Found:
            what: str

        class Once(ff.Source[int]):
            live = True
            def read(self):
                while not self.stop_token.wait(0.01):
                    yield 1, 0.0

        def build(url):
            pipeline = ff.Pipeline()
            return pipeline, {"found": pipeline.add(lambda n: Found(url), pipeline.add(Once()))}

        with ff.fleet.Fleet() as fleet:
            fleet.add("cam", "here", build)
            sample = next(iter(fleet.reader("found")))
            print(sample.value, type(sample.value) is Found)
        """
    )
    assert (ended.code, ended.out, ended.complaints) == (0, "Found(what='here') True\n", "")


def test_large_results_arrive(fleet: ff.fleet.Fleet) -> None:
    fleet.add("cam", "any", fleet_builds.large)
    for sample in take(fleet.reader("arrays"), 5):
        assert sample.value.shape == (1 << 16,)
        assert (sample.value == sample.seq).all()


def test_circles_arrive_as_circles(fleet: ff.fleet.Fleet) -> None:
    fleet.add("cam", "demo:circles?size=160x120&fps=25", fleet_builds.demo)
    samples = take(fleet.reader("circles"), 5)
    assert all(isinstance(sample.value, ff.Circles) for sample in samples)


def test_a_camera_can_be_removed_and_its_name_used_again(fleet: ff.fleet.Fleet) -> None:
    reader = fleet.reader("ticks")
    fleet.add("cam", "ticks:0.01", fleet_builds.ticks)
    first = take(reader, 3)[-1]
    fleet.remove("cam")
    with pytest.raises(ff.StateError, match=r"still closing|no camera"):
        fleet.remove("cam")
    until_state(fleet, "cam", "gone")
    fleet.add("cam", "ticks:0.01", fleet_builds.ticks)
    until(lambda: reader.get(100).epoch > first.epoch, "the second camera")


def test_a_move_starts_a_new_epoch_on_the_other_agent(fleet: ff.fleet.Fleet) -> None:
    reader = fleet.reader("ticks")
    fleet.add("cam", "ticks:0.01", fleet_builds.ticks)
    first = take(reader, 3)[-1]
    until(lambda: all(agent.state == "up" for agent in fleet.stats().agents.values()), "the agents")
    [there] = set(fleet.stats().agents) - {fleet.stats().cameras["cam"].agent}
    fleet.move("cam", there)
    epochs = [first.epoch]
    while epochs[-1] == first.epoch:
        epochs.append(reader.get(100).epoch)
    assert epochs == sorted(epochs)
    assert fleet.stats().cameras["cam"].agent == there


@pytest.mark.slow
def test_a_drained_agent_has_no_cameras_until_it_resumes(fleet: ff.fleet.Fleet) -> None:
    fleet.add_many({f"cam{n}": "ticks:0.05" for n in range(8)}, fleet_builds.ticks)
    until(lambda: fleet.stats().states() == {"running": 8}, "all cameras")
    fleet.drain("agent0")  # does not wait
    with pytest.raises(ff.StopTimeoutError, match="'agent0' still has"):
        fleet.drain("agent0", timeout=1e-9)
    fleet.drain("agent0", timeout=None)
    assert fleet.stats().agents["agent0"].camera_count == 0
    until(lambda: fleet.stats().states() == {"running": 8}, "all cameras again")
    fleet.resume("agent0")
    fleet.add("late", "ticks:0.05", fleet_builds.ticks)
    until_state(fleet, "late", "running")
    assert fleet.stats().cameras["late"].agent == "agent0"


@pytest.mark.slow
def test_a_slow_reader_drops_at_its_own_outbox_and_slows_nobody(fleet: ff.fleet.Fleet) -> None:
    slow, fast = fleet.reader("ticks"), fleet.reader("ticks")
    thread = threading.Thread(target=lambda: list(fast))
    thread.start()
    fleet.add_many({f"cam{n}": "ticks:0.0003" for n in range(2)}, fleet_builds.ticks)
    until(lambda: fleet.stats().readers[0].outbox_full > 100, "a full outbox")
    balance(fleet)
    assert fleet.stats().readers[1].delivered > fleet.stats().readers[0].reported // 2
    ordinal, gaps = -1, 0
    while gaps == 0:
        sample = slow.get(100)
        if sample.camera == "cam0":
            assert sample.ordinal == ordinal + 1 + sample.dropped
            ordinal, gaps = sample.ordinal, gaps + (sample.dropped > 0)
    fast.close()
    thread.join(100)


@pytest.mark.slow
def test_unmet_needs_leave_a_camera_unplaced_and_say_so() -> None:
    with ff.fleet.Fleet(agents=[{"site": "north"}, {"site": "south", "name": "south1"}]) as fleet:
        fleet.add("here", "ticks:0.05", fleet_builds.ticks, needs={"site": "south"})
        fleet.add("nowhere", "ticks:0.05", fleet_builds.ticks, needs={"site": "east"})
        until_state(fleet, "here", "running")
        stats = fleet.stats()
        assert stats.cameras["here"].agent == "south1"
        assert stats.unplaced() == {"nowhere": "no agent has site=east"}
        with pytest.raises(ff.StateError, match=r"needs \{'site': 'south'\}, but agent 'agent0' has"):
            fleet.move("here", "agent0")


@pytest.mark.slow
def test_a_camera_that_fails_says_why_and_is_tried_again(fleet: ff.fleet.Fleet) -> None:
    fleet.reader("ticks")
    wanted: dict[Callable[[str], Any], str] = {
        fleet_builds.raises: r"ValueError: no camera at rtsp://me:\*\*\*@host/x",
        fleet_builds.returns_nothing: r"build must return \(pipeline, outputs\), got NoneType",
        fleet_builds.frames: "cannot be sent to another machine",
        fleet_builds.fails_later: "burnt out",
        fleet_builds.unpicklable: "a lock cannot be sent to another process",
    }
    for build in wanted:
        fleet.add(getattr(build, "__name__", ""), "rtsp://me:secret@host/x", build)
    until(lambda: all(c.starts > 1 for c in fleet.stats().cameras.values()), "second starts")
    for build, why in wanted.items():
        texts = [
            event.text for event in fleet.stats().events if event.about == getattr(build, "__name__", "")
        ]
        assert any(re.search(why, text) for text in texts), texts
    assert "secret" not in repr(fleet.stats()) + repr(fleet.stats().events)


def test_a_camera_that_ends_is_read_to_its_end(fleet: ff.fleet.Fleet) -> None:
    reader = fleet.reader("ticks")
    fleet.add("cam", "ticks:0.001:50", fleet_builds.ticks)
    assert [sample.seq for sample in take(reader, 50)] == list(range(50))
    until_state(fleet, "cam", "ended")


def test_an_output_that_no_camera_has_ends_its_reader(fleet: ff.fleet.Fleet) -> None:
    early = fleet.reader("faces")
    fleet.add("cam", "ticks:0.05", fleet_builds.ticks)
    with pytest.raises(ff.GraphError, match="no camera has an output 'faces'; the outputs are: 'ticks'"):
        early.get(100)
    with pytest.raises(ff.GraphError, match="no camera has an output 'noses'"):
        next(iter(fleet.reader("noses")))


def test_a_read_that_gets_nothing_times_out_and_the_reader_stays_usable(fleet: ff.fleet.Fleet) -> None:
    reader = fleet.reader("ticks")
    with pytest.raises(ff.ReadTimeoutError, match=r"no result of output 'ticks' arrived within 0\.01 s"):
        reader.get(0.01)
    fleet.add("cam", "ticks:0.01", fleet_builds.ticks)
    assert reader.get(100).camera == "cam"


def test_readers_end_with_the_fleet() -> None:
    with ff.fleet.Fleet() as fleet:
        reader = fleet.reader("ticks")
        fleet.add("cam", "ticks:0.01", fleet_builds.ticks)
        reader.get(100)
        seen: list[FleetSample] = []
        thread = threading.Thread(target=lambda: seen.extend(reader))
        thread.start()
    thread.join(100)
    assert not thread.is_alive()
    with pytest.raises(ff.EndOfStreamError):
        reader.get(1)


def test_poll_never_waits(fleet: ff.fleet.Fleet) -> None:
    reader = fleet.reader("ticks")
    assert reader.poll() is None
    fleet.add("cam", "ticks:0.001:5", fleet_builds.ticks)
    samples: list[FleetSample] = []

    def has_five() -> bool:
        if (sample := reader.poll()) is not None:
            samples.append(sample)
        return len(samples) == 5

    until(has_five, "five results")
    assert [sample.seq for sample in samples] == [0, 1, 2, 3, 4]
    assert not reader.ended
    reader.close()
    assert reader.ended
    with pytest.raises(ff.EndOfStreamError, match=r"^the reader of 'ticks' was closed$"):
        reader.poll()


def test_an_event_loop_gets_all_results_whatever_is_cancelled(fleet: ff.fleet.Fleet) -> None:
    reader, idle = fleet.reader("ticks"), fleet.reader("ticks")
    seen: list[int] = []

    def is_complete() -> bool:
        camera = fleet.stats().cameras["cam"]  # a loaded machine drops some ticks before they are kept
        return camera.state == "ended" and len(seen) == camera.kept

    async def read() -> None:
        async for sample in reader:
            seen.append(sample.seq)  # noqa: PERF401  (each one is kept, even if the next wait is cancelled)

    async def read_in_pieces() -> None:
        results = aiter(reader)
        while len(seen) < 100:
            with contextlib.suppress(asyncio.TimeoutError):
                seen.append((await asyncio.wait_for(anext(results), 0.003)).seq)
        while not is_complete():
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(read(), 0.02)

    async def wait_for_nothing() -> None:
        async for _ in idle:
            pass

    async def both() -> None:
        waiting = asyncio.ensure_future(wait_for_nothing())
        await read_in_pieces()
        idle.close()  # wakes it
        await waiting

    fleet.add("cam", "ticks:0.001:300", fleet_builds.ticks)
    asyncio.run(asyncio.wait_for(both(), WATCHDOG))
    assert seen == sorted(set(seen))
    assert reader.poll() is None


def test_batches_are_full_or_not_late(fleet: ff.fleet.Fleet) -> None:
    fleet.add_many({"a": "ticks:0.005", "b": "ticks:0.005"}, fleet_builds.ticks)
    batches = fleet.reader("ticks").batches(10, max_wait=30)
    assert [len(next(batches)) for _ in range(3)] == [10, 10, 10]
    few = fleet.reader("ticks").batches(10_000, max_wait=0.01)
    assert 1 <= len(next(few)) < 10_000


@pytest.mark.slow
def test_user_code_that_keeps_the_gil_for_two_seconds_loses_nothing(fleet: ff.fleet.Fleet) -> None:
    reader = fleet.reader("ticks")
    fleet.add("cam", "2.5", fleet_builds.holds_the_gil, exclusive=True)
    until(lambda: reader.get(100).seq > 10, "a result after the hold")
    stats = fleet.stats()
    assert stats.cameras["cam"].starts == 1
    assert all(agent.state == "up" for agent in stats.agents.values())


def test_a_closed_fleet_refuses_and_still_tells() -> None:
    fleet = ff.fleet.Fleet()
    fleet.add("cam", "ticks:0.05", fleet_builds.ticks)
    fleet.close()
    fleet.close()
    with pytest.raises(ff.StateError, match="the fleet was closed"):
        fleet.add("other", "ticks:0.05", fleet_builds.ticks)
    with pytest.raises(ff.StateError, match="the fleet was closed"):
        fleet.reader("ticks")
    assert set(fleet.stats().cameras) == {"cam"}


def test_cameras_come_from_a_csv_file(fleet: ff.fleet.Fleet, tmp_path: Path) -> None:
    file = tmp_path / "cameras.csv"
    file.write_text("name,url,needs\na,ticks:0.05,\nb,ticks:0.05,site=east;gpu=yes\n")
    assert fleet.add_many(file, fleet_builds.ticks) == 2
    assert fleet.stats().cameras["b"].needs == {"site": "east", "gpu": "yes"}
    for text, what in (
        ("name\na\n", "must have the columns name, url"),
        ("name,url\na,\n", "cameras.csv:2: a camera needs a name and a url"),
        ("name,url\na,x\na,y\n", "cameras.csv:3: the name 'a' is used twice"),
        ("name,url,needs\na,x,east\n", "needs must look like site=north;gpu=yes"),
    ):
        file.write_text(text)
        with pytest.raises(ff.OptionError, match=what):
            fleet.add_many(file, fleet_builds.ticks)


def test_what_is_wrong_is_refused_with_a_reason(fleet: ff.fleet.Fleet) -> None:
    def keeps(what: Any) -> Callable[[str], Any]:
        return lambda url: what

    make: Any = ff.fleet.Fleet
    given: Any = fleet
    ticks, option, kind, state = fleet_builds.ticks, ff.OptionError, ff.OptionTypeError, ff.StateError
    fleet.add("cam", "ticks:0.05", ticks)
    wrong: list[tuple[Any, type[Exception], str]] = [
        (lambda: make(agents=0), option, "1 to 64 agents, got 0"),
        (lambda: make(agents=65), option, "1 to 64 agents, got 65"),
        (lambda: make(agents=1 << 70), option, f"1 to 64 agents, got {1 << 70}"),
        (lambda: make(agents=np.int64(-2)), option, "agents, got -2"),
        (lambda: make(agents=True), kind, "agents must be a number, or a list"),
        (lambda: make(agents=[{"name": "a"}] * 2), option, "two agents have the name 'a'"),
        (lambda: make(name="../x"), option, "name must be 1 to 64 characters of"),
        (lambda: given.add("cam", "x", ticks), state, "a camera named 'cam' already exists"),
        (lambda: given.add("c", "x", keeps(threading.Lock())), kind, "'what', a lock, cannot be pickled"),
        (
            lambda: given.add("c", "x", keeps(bytes(33 << 20))),
            kind,
            "33 MiB when pickled, but an agent accepts at most 32",
        ),
        (lambda: given.add("c", "x", 3), kind, "build must be a function"),
        (lambda: given.add("c", "", ticks), option, "url of 'c' must be a non-empty UTF-8 string"),
        (lambda: given.remove("c"), state, "no camera is named 'c'"),
        (lambda: given.move("cam", "agent7"), state, "named 'agent7'; the agents are 'agent0', 'agent1'"),
        (lambda: given.update("cam"), option, "needs url= or build="),
        (lambda: given.drain("agent7"), state, "no agent is named 'agent7'"),
        (lambda: given.reader("ticks").batches(0), option, "batch_size must be at least 1"),
    ]
    for call, error, text in wrong:
        with pytest.raises(error, match=text):
            call()
    assert set(fleet.stats().cameras) == {"cam"}
    fleet.drain("agent1")
    with pytest.raises(ff.StateError, match=r"it is draining; call resume\('agent1'\) first"):
        fleet.move("cam", "agent1")
    fleet.resume("agent1")


@pytest.mark.parametrize(
    ("made", "found"),
    [
        (None, r"\(pipeline, outputs\), got NoneType$"),
        ((1, 2, 3), r"\(pipeline, outputs\), got tuple of 3$"),
        ((ff.Pipeline(), {}), r"a non-empty mapping of names to ports, got \{\}$"),
        ((ff.Pipeline(), ["boxes"]), r"a non-empty mapping of names to ports, got \['boxes'\]$"),
    ],
)
def test_the_error_of_a_build_shows_what_it_returned(made: Any, found: str) -> None:
    with pytest.raises(ff.GraphError, match=found):
        checked(made)
