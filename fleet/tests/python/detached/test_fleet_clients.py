"""A detached fleet's controller in this process and its programs."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fleet_rigs.packed import packed
from fleet_rigs.yard import Yard, yard_fixture
from support import until

import freshframe as ff
from freshframe_fleet import _wire
from freshframe_fleet._control.agents.link import Pulls
from freshframe_fleet._detached.client import remote_controller
from freshframe_fleet._detached.client.channel import Channel, Endpoint
from freshframe_fleet._detached.client.remote_controller import RemoteController
from freshframe_fleet._detached.client.remote_reader import RemoteReader
from freshframe_fleet._detached.server import cluster_kept
from freshframe_fleet._read.reader import FleetReader
from freshframe_fleet._read.results import Results

EPOCH = 7 << 32

yard = yard_fixture()


def batch_of(reader: Results, *results: tuple[int, int]) -> _wire.Batch:
    """(camera, ordinal)."""
    data = packed(0)
    records = [(EPOCH, each, each, 0, 0.0, 0.0, camera, len(data)) for camera, each in results]
    outboxes, pickles = np.empty(0, _wire.OUTBOX), memoryview(data * len(results))
    return _wire.Batch(reader.number, 1, outboxes, np.array(records, _wire.RESULT), pickles)


def give(to: Results, *ordinals: int) -> None:
    """Gives ordinals as an agent's batch does."""
    to.push(batch_of(to, *((0, each) for each in ordinals)))


def test_results_are_not_given_to_a_connection_that_another_one_has_followed(yard: Yard) -> None:
    first: Any = SimpleNamespace()
    second: Any = SimpleNamespace()
    clients, controller = yard.clients, yard.parts
    controller.cameras.add("cam", "x", 0)
    incarnation, _, _ = clients._do_open(first, "key", "ticks", None, False)
    results = yard.served().results
    lost: list[Any] = []
    pull = threading.Thread(
        target=lambda: lost.extend(clients._do_pull(first, "key", incarnation, 0, 0, 500, 1.0).result[3])
    )
    pull.start()
    waiters: Any = results.changed
    until(lambda: waiters._waiters, "the pull of the first connection")
    clients._do_open(second, "key", "ticks", None, True)
    give(results, 0, 1, 2)
    pull.join()
    _, _, serial, items = clients._do_pull(second, "key", incarnation, 0, 0, 500, 1.0).result
    assert lost == []
    assert (serial, [item[7] for item in items]) == (1, [0, 1, 2])


def test_a_reader_wakes_the_controller_once_when_it_has_room_again() -> None:
    wakes: list[int] = []
    results = Results(1, "ticks", wants=lambda: wakes.append(1))
    reader = FleetReader(results, {0: "cam"}.__getitem__, lambda _: None)
    give(results, *range(10))
    assert results.makes_room()
    for _ in range(10):
        reader.get(100)
    assert wakes == []  # the next pull is on its way already
    give(results, *range(10, 1010))
    assert not results.makes_room()
    left = [reader.get(100).ordinal for _ in range(1000)]
    assert left == list(range(10, 1010))
    assert wakes == [1]


def test_a_reader_that_was_closed_since_its_program_was_away_says_so(yard: Yard) -> None:
    yard.parts.cameras.add("cam", "x", 0)
    reader = RemoteReader(Channel("yard", yard.find), "ticks", None, lambda _: None)
    give(yard.served().results, 0, 1, 2)
    assert [reader.get(100).ordinal for _ in range(3)] == [0, 1, 2]
    yard.away = True
    connection = reader._channel._socket
    assert connection is not None
    connection.shutdown(socket.SHUT_RDWR)
    until(lambda: not list(yard.parts.readers), "the end of the reader at the controller")
    yard.away = False
    with pytest.raises(ff.StateError, match=r"its program was away for more than 0.2 s. Open another one"):
        reader.get(100)


def test_results_of_a_camera_that_the_controller_does_not_know_end_no_reader(yard: Yard) -> None:
    """A store that was lost has forgotten cameras whose agents go on."""
    parts = yard.parts
    known = parts.cameras.add("cam", "x", 0)
    remote = RemoteController("yard", yard.find)
    reader = remote.open_reader("ticks", "log")
    link: Any = SimpleNamespace(name="a", pulls=Pulls(), meter=SimpleNamespace(clock_offset=0.0))
    batch = batch_of(yard.served().results, (7, 0), (known, 0), (7, 1), (known, 1))
    yard.controller.controller.call(lambda: parts.readers.take(link, batch))
    samples = [reader.get(100) for _ in range(2)]
    assert [(each.camera, each.ordinal) for each in samples] == [("cam", 0), ("cam", 1)]
    (counts,) = remote.stats().readers
    assert (counts.delivered, counts.fenced, counts.waiting) == (2, 2, 0)
    assert yard.controller.name_of(7) == "unknown camera 7"
    remote.close()


def test_a_reader_that_the_store_did_not_take_is_not_open_for_ever(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_kept, "PATIENCE", 0.1)
    first: Any = SimpleNamespace()
    second: Any = SimpleNamespace()
    yard.store.fails = True
    with pytest.raises(ff.StateError, match="store does not answer"):
        yard.clients._do_open(first, "one", "ticks", "log", False)
    yard.store.fails = False
    yard.clients._leave(first)
    monkeypatch.setattr(cluster_kept, "PATIENCE", 50.0)
    assert yard.clients._do_open(second, "two", "ticks", "log", False)[1] == 0


def test_other_readers_go_on_while_one_waits_for_the_store(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    other: Any = SimpleNamespace()
    incarnation, _, _ = yard.clients._do_open(other, "other", "ticks", None, False)
    goes_on, waits = threading.Event(), threading.Event()

    def write_through() -> None:
        waits.set()
        assert goes_on.wait(100)

    monkeypatch.setattr(yard.controller, "write_through", write_through)
    slow: Any = SimpleNamespace()
    opening = threading.Thread(target=yard.clients._do_open, args=(slow, "slow", "ticks", None, False))
    opening.start()
    assert waits.wait(100)
    try:
        assert yard.clients._lock.acquire(timeout=1)
        yard.clients._lock.release()
        assert yard.clients._acknowledge("other", incarnation, 0, 0) is not None
    finally:
        goes_on.set()
        opening.join()


def test_what_nobody_waits_for_any_more_is_not_asked(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    remote = RemoteController("yard", yard.find)
    goes_on = threading.Event()
    asked: list[str] = []

    def ask(what: str, *arguments: Any, **options: Any) -> Any:
        asked.append(what)
        assert goes_on.wait(100)
        return 0

    monkeypatch.setattr(remote._channel, "ask", ask)
    for _ in range(5):
        with pytest.raises(ff.StateError, match="has not answered within"):
            remote.stats(0.01)
    goes_on.set()
    assert remote.count_cameras("north") == 0
    assert asked in (["stats", "count_cameras"], ["count_cameras"])
    monkeypatch.undo()
    remote.close()


def test_the_close_of_a_reader_does_not_wait_for_a_controller_that_stands_still(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_controller, "_FAREWELL", 0.1, raising=False)
    remote = RemoteController("yard", yard.find)
    reader = remote.open_reader("ticks")
    goes_on = threading.Event()
    with monkeypatch.context() as patch:
        patch.setattr(remote._channel, "ask", lambda *arguments, **options: goes_on.wait(100))
        closing = threading.Thread(target=reader.close)
        closing.start()
        closing.join(100)
        assert not closing.is_alive()
        goes_on.set()
    remote.close()


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """SIGINT raises KeyboardInterrupt, even where a shell ignores it for programs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_a_reader_whose_opening_is_interrupted_is_closed(yard: Yard) -> None:
    found, goes_on = threading.Event(), threading.Event()

    def find() -> Endpoint:
        found.set()
        assert goes_on.wait(100)
        return yard.find()

    def interrupt() -> None:
        assert found.wait(100)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        RemoteReader(Channel("yard", find), "ticks", None, lambda _: None)
    goes_on.set()
    until(lambda: all(each.name != "reader of ticks" for each in threading.enumerate()), "its thread")
    until(lambda: not list(yard.parts.readers), "its end at the controller")


def test_a_token_is_not_shown() -> None:
    assert "secret" not in repr(Endpoint("127.0.0.1", 1, b"secret"))
