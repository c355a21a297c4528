"""Two hands at one record of a fleet: the other side comes in between, at each place where it can."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import itertools
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from fleet_rigs import builds as fleet_builds
from fleet_rigs.packed import packed
from fleet_rigs.yard import Memory, Yard, yard_fixture
from rigs.in_between import stopped

import freshframe as ff
from freshframe_fleet import _fleet
from freshframe_fleet._control import kept
from freshframe_fleet._control.builds.builds import SentBuilds
from freshframe_fleet._control.kept import StateFile
from freshframe_fleet._control.notes import AgentLogs
from freshframe_fleet._desk import Desk
from freshframe_fleet._detached.client.channel import Channel, Endpoint
from freshframe_fleet._detached.client.remote_controller import RemoteController
from freshframe_fleet._detached.client.remote_reader import RemoteReader
from freshframe_fleet._detached.cluster_state import ClusterState, Trouble
from freshframe_fleet._read.reader import FleetReader
from freshframe_fleet._read.results import Result, Results

EPOCH = 7 << 32

yard = yard_fixture()

# ---- the store: term, state, builds and trouble


class Hand:
    """The store as one controller uses it. Before its call of this number the other side comes."""

    def __init__(self, store: Memory, call: int, other: Callable[[], None]) -> None:
        self._store = store
        self._call = call
        self._other = other
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        def work(*arguments: Any) -> Any:
            self.calls += 1
            if self.calls - 1 == self._call:
                self._other()
            return getattr(self._store, name)(*arguments)

        return work


class Controllers:
    """The controllers of one fleet. Remembers which writes counted."""

    def __init__(self) -> None:
        self.store = Memory()
        self.first = ClusterState("yard", self.store)
        self.began = [self.first]
        self.writes: dict[bytes, tuple[int, int]] = {}  # states, their terms and their places in time
        self.counted: set[bytes] = set()
        self.builds: dict[bytes, str] = {}  # their keys
        self.write(self.first, b"first 1")

    def write(self, controller: ClusterState, state: bytes) -> None:
        build = self.builds[state] = controller.build_key(len(self.builds))
        controller.write_build(build, state)
        self.writes[state] = controller.term, len(self.writes)
        if controller.write(state):
            self.counted.add(state)
            controller.forget_builds_but({build})

    def begin(self, store: Any = None) -> ClusterState:
        self.began.append(ClusterState("yard", store or self.store))
        return self.began[-1]

    def others_begin(self) -> None:
        for number in range(2):
            self.write(self.begin(), b"other %d" % number)

    def may_begin_with(self, controller: ClusterState) -> bool:
        """Whether it has the newest state that counts of those before it, or one that is newer still."""
        known = [self.writes[state] for state in self.counted if self.writes[state][0] < controller.term]
        return controller.before is not None and self.writes[controller.before] >= max(known)


OTHERS: dict[str, Callable[[Controllers], None]] = {
    "create": lambda all_of: all_of.write(all_of.begin(), b"other"),
    "create alone": lambda all_of: (all_of.begin(), None)[1],
    "put": lambda all_of: all_of.write(all_of.first, b"first 2"),
    "create and delete": lambda all_of: all_of.others_begin(),
    "end": lambda all_of: all_of.first.clear(),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_state_that_counts_is_read_by_the_next_controller_whoever_comes_in_between(other: str) -> None:
    for call in itertools.count():
        all_of = Controllers()
        hand = Hand(all_of.store, call, lambda all_of=all_of: OTHERS[other](all_of))  # type: ignore[misc]
        second = all_of.begin(hand)
        is_ended = other == "end" and second.before is None
        assert is_ended or not second.is_latest or all_of.may_begin_with(second), f"call {call}"
        all_of.write(second, b"second")
        all_of.write(second, b"second again")
        following = all_of.begin()
        assert all_of.may_begin_with(following), f"call {call}"
        assert following.before is not None
        assert following.read_build(all_of.builds[following.before]) == following.before
        if hand.calls <= call:
            break
    assert call > 8


def test_a_controller_that_ends_leaves_everything_of_the_next_one_and_nothing_of_its_own() -> None:
    all_of = Controllers()
    store = all_of.store
    store.put("yard/state/7", b"written late by one that was given up")
    second = all_of.begin()
    all_of.write(second, b"second")
    Trouble("yard", store).note("the next one cannot start")
    own = dict(store.values)
    all_of.first.write_build(all_of.first.build_key(1), b"late")
    all_of.first.clear()
    del own["yard/state/7"]
    assert store.values == own
    second.clear()
    assert store.values == {}


FOREIGN = ["", "abc", "-5", "-5-1", "7.5", "\u0667", "1_0", " 12", "7/8", str(1 << 32), "9" * 5_000]


def test_keys_of_other_programs_in_the_store_are_left_alone_and_reported_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Memory()
    foreign = {f"yard/{what}/{end}": b"?" for what in ("term", "state", "build") for end in FOREIGN}
    store.values.update(foreign)
    for number in range(2):
        controller = ClusterState("yard", store)
        assert controller.write(b"state %d" % number)
        assert controller.is_latest
        controller.forget_builds_but(())
    assert controller.before == b"state 0"
    assert controller.term < 1 << 32
    controller.clear()
    assert store.values == foreign
    reported = [each for each in caplog.records if "'yard/term/abc'" in each.getMessage()]
    assert len(reported) == 2  # once by each controller


# ---- the file of a local fleet


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return kept.state_folder()


def comes_before_lock(monkeypatch: pytest.MonkeyPatch, *others: Callable[[], object]) -> None:
    """One of the others, once, before an attempt to lock a file."""
    lock, left = fcntl.flock, list(others)

    def come(descriptor: int, how: int) -> None:
        if left:
            left.pop(0)()
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", come)


def held() -> None:
    raise BlockingIOError("another program looks")


@pytest.mark.parametrize("comes", ["nobody", "sweep", "close", "close and sweep", "look"])
def test_a_fleet_has_the_lock_of_its_name_whoever_removes_the_file_in_between(
    folder: Path, monkeypatch: pytest.MonkeyPatch, comes: str
) -> None:
    before = StateFile("local-a1b2c", keep=False)
    others: dict[str, list[Callable[[], object]]] = {
        "nobody": [],
        "sweep": [lambda: kept._sweep(folder)],
        "close": [before.close],
        "close and sweep": [before.close, lambda: kept._sweep(folder)],
        "look": [before.close, held, held],
    }
    if before.close not in others[comes]:
        before.close()
        (folder / "local-a1b2c.lock").touch()  # left by a killed program
    comes_before_lock(monkeypatch, *others[comes])
    fleet = StateFile("local-a1b2c", keep=False)
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".lock"]
    monkeypatch.setattr(kept, "_SWEPT_WITHIN", 0)
    with pytest.raises(ff.StateError, match="'local-a1b2c' runs already, in this program"):
        StateFile("local-a1b2c", keep=False)
    fleet.close()
    assert list(folder.iterdir()) == []


def test_a_sweep_removes_nothing_of_a_fleet_that_begins_meanwhile(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = StateFile("local-a1b2c", keep=False)
    fleets: list[StateFile] = []

    def begin() -> None:
        before.close()
        fleets.append(StateFile("local-a1b2c", keep=False))

    comes_before_lock(monkeypatch, begin)
    kept._sweep(folder)
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".lock"]
    fleets[0].close()


@pytest.mark.parametrize("kind", ["local", "ray"])
def test_a_made_up_name_never_comes_again_even_with_the_same_process_id(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)  # the pid in many containers
    ray = dict.fromkeys(("agents_per_machine", "on_head", "host", "runtime_env", "name"))
    names: set[str] = set()
    for _ in range(3):  # programs
        spec: Any = importlib.util.find_spec("freshframe_fleet._plan")
        program = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(program)
        limits = program.Limits(65.0, 120.0, 30.0, 256 << 20)
        for _ in range(2):
            if kind == "local":
                names.add(program.local_setup(None, limits).name)
            else:
                names.add(
                    program.ray_plan("auto", limits, **ray, detached=False, orphan_after=300.0).setup.name
                )
    assert len(names) == 6
    assert all(kept._MADE_UP.fullmatch(name) for name in names)  # so that they are swept


def test_two_threads_that_close_a_fleet_release_its_lock_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close, closed = os.close, list[int]()

    def note(descriptor: int) -> None:
        closed.append(descriptor)
        close(descriptor)

    monkeypatch.setattr(os, "close", note)
    for line in itertools.count():
        state = StateFile("local-a1b2c", keep=False)
        lock = state._lock
        closed.clear()
        if not stopped(state.close, line, state.close, StateFile.close):
            break
        assert closed == [lock]
    assert line > 3


def test_two_threads_that_close_a_fleet_leave_the_socket_of_the_next_one(folder: Path) -> None:
    for line in itertools.count():
        desk = Desk("yard", {})
        following: list[Desk] = []

        def begin(desk: Desk = desk, following: list[Desk] = following) -> None:
            desk.close()
            following.append(Desk("yard", {}))

        if not stopped(desk.close, line, begin, Desk.close):
            break
        assert (folder / "yard.sock").exists()
        following[0].close()
    assert line > 3


# ---- readers: names, the end, and the name under which one comes back


def test_a_camera_has_a_name_at_every_moment_in_which_results_of_it_come(yard: Yard) -> None:
    reader = RemoteReader(Channel("yard", yard.find), "ticks", None, lambda _: None)
    reader._note_names({7: "cam", 8: "gate"})
    names: set[str] = set()
    for line in itertools.count():
        if not stopped(
            lambda: reader._note_names({7: "cam", 8: "gate"}),
            line,
            lambda: names.update((reader._name_of(7), reader._name_of(8))),
            reader._note_names,
        ):
            break
    assert line > 4
    assert names == {"cam", "gate"}
    assert reader._name_of(9) == "unknown camera 9"
    reader.close()


def test_a_reader_that_comes_back_while_it_is_closed_is_open(yard: Yard) -> None:
    for line in itertools.count():
        results = Results(1, "ticks", "log")
        reader = FleetReader(results, lambda _: "cam", lambda _: None)
        opened = threading.Event()

        def come_back(results: Results = results, opened: threading.Event = opened) -> None:
            if results.closed:  # otherwise it is refused
                results.reopen()
                opened.set()

        if not stopped(reader.close, line, come_back, reader.close, results.close):
            break
        assert results.ended is not opened.is_set()
    assert line > 3


def test_a_detached_reader_that_comes_back_while_it_is_closed_is_open(yard: Yard) -> None:
    clients = yard.clients
    for line in itertools.count():
        here: Any = SimpleNamespace()
        incarnation, _, _ = clients._do_open(here, f"one {line}", "ticks", "log", False)
        clients._leave(here)

        def come_back(line: int = line, here: Any = here) -> None:
            clients._do_open(here, f"two {line}", "ticks", "log", False)

        def close(line: int = line, incarnation: str = incarnation, here: Any = here) -> None:
            clients._do_close(here, f"one {line}", incarnation, 0, 0)

        came = stopped(close, line, come_back, clients._do_close, clients._close_seat, clients._fleet.leave)
        if not came:
            break
        assert not yard.served().results.ended
        clients._do_close(here, f"two {line}", yard.served().incarnation, 0, 0)
    assert line > 4


def test_a_reader_whose_program_comes_back_while_it_is_closed_for_its_absence_goes_on(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients, here = yard.clients, SimpleNamespace()
    come: Any = here
    clients._do_open(come, "key", "ticks", "log", False)
    leave, back = yard.controller.leave, threading.Event()

    def leave_late(*what: Any) -> None:
        back.wait(0.2)  # longer than a program needs that comes in between
        leave(*what)

    monkeypatch.setattr(yard.controller, "leave", leave_late)
    clients._leave(come)
    clients._seats["key"].lost_at = float("-inf")
    while "key" in clients._seats:
        pass
    clients._do_open(come, "key", "ticks", "log", True)
    back.set()
    assert not yard.served().results.ended


def test_a_reader_that_another_thread_closes_ends_at_every_moment(yard: Yard) -> None:
    data = packed(0)
    given: list[int] = []
    for line in range(60):
        reader = RemoteReader(Channel("yard", yard.find), "ticks", "log", lambda _: None)
        reader._note_names({0: "cam"})
        with reader.results.changed:
            reader.results.items += [
                Result(0, EPOCH, ordinal, 0, 0.0, 0.0, 0, ordinal, memoryview(data)) for ordinal in range(3)
            ]

        def read(reader: FleetReader = reader) -> None:
            given.extend(sample.ordinal for sample in reader)

        assert stopped(read, line, reader.close, reader.get, reader._advance)
        reader._thread.join(100)
        yard.clients._do_close(None, reader.key, "", 0, 0)  # type: ignore[arg-type]
    assert 0 in given


def test_results_that_come_while_the_program_counts_are_not_acknowledged(yard: Yard) -> None:
    data, reader = packed(0), RemoteReader(Channel("yard", yard.find), "ticks", None, lambda _: None)
    serial = 0

    def come() -> None:
        nonlocal serial
        heads = [(0, EPOCH, ordinal, 0, 0.0, 0.0, 0, ordinal, len(data)) for ordinal in (serial, serial + 1)]
        reader._take(serial + 1, heads, memoryview(data * 2))
        serial += 2

    given: list[tuple[int, int]] = []

    def count() -> None:  # as stats() does, on the program's thread
        given.append(reader.acknowledgement()[1:])

    for line in itertools.count():
        if not stopped(count, line, come, reader.acknowledgement):
            break
    assert line > 5
    assert set(given) == {(0, 0)}
    reader.close()


def test_a_request_that_is_on_its_way_when_the_connection_is_closed_is_not_asked(yard: Yard) -> None:
    def find() -> Endpoint:
        channel.close()  # by another thread
        return yard.find()

    channel = Channel("yard", find)
    with pytest.raises(ff.StateError, match="the fleet was closed"):
        channel.ask("check_open", timeout=50, patience=50)
    assert not channel.is_open


def test_threads_that_add_cameras_at_once_send_a_build_once() -> None:
    for line in itertools.count():
        sent, numbers = itertools.count(), set[int]()
        builds = SentBuilds(lambda *_, sent=sent: next(sent))

        def use(builds: SentBuilds = builds, numbers: set[int] = numbers) -> None:
            builds.use(fleet_builds.ticks, numbers.add)

        if not stopped(use, line, use, builds.number_build, builds._sent):
            break
        assert (numbers, next(sent)) == ({0}, 1)
    assert line > 10


def test_a_log_line_for_which_no_thread_can_be_started_is_logged_with_the_next_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    logs = AgentLogs("yard")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", Mock(side_effect=RuntimeError("can't start new thread")))
        logs.put(logging.WARNING, "freshframe", "the first")
    logs.put(logging.WARNING, "freshframe", "the second")
    logs.close()
    assert [record.getMessage() for record in caplog.records] == ["the first", "the second"]


# ---- a program that closes its fleet on one thread and asks for more on another


def test_no_reader_of_a_program_outlives_its_connection(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    remote = RemoteController("yard", yard.find)
    made: list[RemoteReader] = []

    def make(*arguments: Any) -> RemoteReader:
        made.append(RemoteReader(*arguments))
        remote.close()  # on another thread
        return made[0]

    monkeypatch.setattr("freshframe_fleet._detached.client.remote_controller.RemoteReader", make)
    with pytest.raises(ff.StateError, match="this program has closed its connection"):
        remote.open_reader("ticks")
    made[0]._thread.join(100)
    assert not made[0]._thread.is_alive()
    with pytest.raises(ff.EndOfStreamError):
        made[0].get(100)


def test_no_page_outlives_its_fleet(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    controller: Any = SimpleNamespace(
        name="yard", check_open=lambda: None, ticked=0.0, close=lambda: closed.append("controller")
    )
    life = _fleet.Life(controller, None)

    def make(*arguments: Any) -> Any:
        life.close()  # on another thread
        return SimpleNamespace(close=lambda: closed.append("page"))

    monkeypatch.setattr(_fleet, "FleetDashboard", make)
    with pytest.raises(ff.StateError, match="the fleet was closed"):
        life.serve("127.0.0.1", 0, None)
    assert closed == ["controller", "page"]


def test_a_part_that_cannot_be_closed_keeps_no_other_part_open() -> None:
    closed: list[str] = []

    def close(what: str) -> Callable[[], None]:
        def fail() -> None:
            closed.append(what)
            raise RuntimeError(what)

        return fail

    controller: Any = SimpleNamespace(name="yard", close=close("controller"))
    life = _fleet.Life(controller, None)
    pages: list[Any] = [SimpleNamespace(close=close(f"page {each}")) for each in range(2)]
    desk: Any = SimpleNamespace(close=close("desk"))
    life._pages, life._desk = pages, desk
    _fleet._open.add(life)
    with pytest.raises(RuntimeError):
        life.close()
    assert sorted(closed) == ["controller", "desk", "page 0", "page 1"]
    assert closed[-1] == "controller"
    assert life not in _fleet._open
    with contextlib.suppress(RuntimeError):
        life.close()
