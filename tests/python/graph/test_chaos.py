"""The program of `./dev night --part chaos`: a large pipeline with faults, and checks of its counters."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rigs.watchdog import LONG_WATCHDOG, run_to_end
from support import TESTS

import freshframe as ff

pytest.importorskip("av", reason="needs PyAV, which encodes the cameras' video")
plant = importlib.import_module("night.chaos.plant")
Receiver = importlib.import_module("night.chaos.receiver").Receiver
without_an_end = importlib.import_module("night.chaos.__main__").without_an_end


@pytest.mark.slow
def test_nothing_is_found_in_a_short_run() -> None:
    paths = os.pathsep.join([*sys.path, str(TESTS.parent)])
    command = [sys.executable, "-m", "night.chaos", "--seed", "2", "--seconds", "3"]
    ended = run_to_end(command, env=os.environ | {"PYTHONPATH": paths}, timeout=LONG_WATCHDOG)
    assert ended.stdout, ended.stderr
    verdict = json.loads(ended.stdout)
    assert verdict["findings"] == []
    assert ended.returncode == 0
    assert verdict["faults"]
    assert verdict["figures"]["pictures"] > 10


def _sample(source: str, seq: int) -> Any:
    return SimpleNamespace(source=source, seq=seq)


@pytest.mark.parametrize(
    ("stamps", "finding"),
    [
        ([(0, 5), (0, 6), (0, 9)], ""),
        ([(0, 5), (1, 6)], "quick: a picture of camera 1 came as one of cam0"),
        ([(0, 5), (0, 4)], "quick: picture 4 of cam0 after 5"),
        ([(0, 5), (0, 5)], "quick: picture 5 of cam0 after 5"),
        ([(0, 5), None], "quick: a picture of cam0 is no whole one, after []"),
    ],
)
def test_a_wrong_picture_is_found(stamps: list[tuple[int, int] | None], finding: str) -> None:
    books = plant.Books()
    for seq, stamp in enumerate(stamps):
        books.saw("quick", _sample("cam0", seq), stamp)
    assert books.findings == ([finding] if finding else [])


def test_a_camera_that_shows_one_picture_may_do_so_and_one_that_sends_rubbish_is_not_read() -> None:
    books = plant.Books()
    books.begin(0, "still")
    for seq, stamp in enumerate([(0, 5), (0, 5), None]):
        books.saw("quick", _sample("cam0", seq), stamp)
    assert books.findings == []


def _edge(delivered: int, dropped: int = 0, drops: int = 0, waiting: int = 0, child: str = "quick") -> Any:
    counts = {"passed_in": 10, "delivered": delivered, "waiting": waiting, "dropped": dropped}
    room = {"queue": ff.Queue(2), "source_count": 1}
    return SimpleNamespace(parent="cam0", child=child, drops={"queue_full": drops}, **counts, **room)


def test_a_sample_without_a_fate_or_a_call_that_was_not_counted_is_found() -> None:
    for edge, calls, word in (
        (_edge(8, 2, 2), 8, ""),
        (_edge(8, 1, 1), 8, "does not balance"),
        (_edge(8, 2, 1), 8, "have no cause"),
        (_edge(8, 2, 2), 9, "was called with"),
        (_edge(8, 2, 2), 0, "was called with"),
        (_edge(8, waiting=2), 8, ""),
        (_edge(7, waiting=3), 7, "than the queue has room for"),
    ):
        books = plant.Books()
        for _ in range(calls):
            books.called("quick", "cam0")
        books.audit(SimpleNamespace(edges=[edge], nodes={}))
        assert len(books.findings) == (1 if word else 0)
        assert word in "".join(books.findings)


def test_a_sample_that_a_death_of_a_worker_has_lost_without_a_count_is_found() -> None:
    for dropped, findings in ((1, 0), (0, 1)):
        node = SimpleNamespace(workers=(1,), processed=6, dropped=dropped, in_flight=1)
        books = plant.Books()
        books.audit(SimpleNamespace(edges=[_edge(8, 2, 2, child="work1")], nodes={"work1": node}))
        assert len(books.findings) == findings


def test_a_counter_that_falls_is_found_unless_its_camera_was_removed() -> None:
    text = '# TYPE total counter\n# TYPE now gauge\ntotal{{node="cam0"}} {0}\nnow{{node="cam0"}} {0}\n'
    books = plant.Books()
    books.counters(text.format(5))
    books.forget_counters("cam0")
    books.counters(text.format(3))
    assert books.findings == []
    books.counters(text.format(2))
    assert books.findings == ['total{node="cam0"} fell from 3 to 2']


def _events(*numbers: int, source: str = "cam0") -> list[dict[str, Any]]:
    return [{"n": number, "source": source, "value": {"camera": "cam0"}} for number in numbers]


def test_the_receiver_notes_a_gap_and_what_was_sent_again() -> None:
    receiver = Receiver()
    receiver(_events(1, 2))
    receiver.fault = "forgets"
    with pytest.raises(TimeoutError, match="lost"):
        receiver(_events(3))
    receiver.fault = None
    receiver(_events(3, 5))
    assert (receiver.taken, receiver.again, receiver.missing) == (5, 1, 1)
    receiver.fault = "refuses"
    with pytest.raises(ff.RefusedError) as refused:
        receiver(_events(6, 7, 8))
    assert refused.value.indices == (1,)
    receiver(_events(6, 8))
    assert (receiver.taken, receiver.refused, receiver.missing) == (8, {7}, 1)
    receiver.fault = None
    receiver.refused.add(9)
    receiver(_events(9))
    assert receiver.findings == ["event 9 came, which was refused"]
    assert receiver.strange == []
    receiver(_events(10, source="cam1"))
    assert receiver.strange == ["{'camera': 'cam0'} came as a result of cam1"]


def test_a_slow_node_that_is_late_is_found() -> None:
    books = plant.Books()
    slow = plant.Reads("slow", books, 0.3)
    for number in range(1, 600):  # at ten images per second, each is seen immediately
        books.seen["cam0"].append((number / 10, number))
    slow._compare("cam0", 500, 59.9)
    assert books.findings == []
    slow._compare("cam0", 380, 59.9)
    assert books.findings == ["slow: got picture 380 of cam0, long after 398 was seen"]
    assert len(books.seen["cam0"]) < 220


def test_a_recording_without_an_end_is_found_unless_the_disk_was_full(tmp_path: Path) -> None:
    whole = tmp_path / "copy1_00001.mkv"
    pipeline = ff.Pipeline()
    pipeline.add(ff.VideoFile(whole), pipeline.add(ff.open("demo:circles?frames=5&pace=0&size=64x48")))
    pipeline.run()
    data = bytearray(whole.read_bytes())
    at = data.index(b"\x18\x53\x80\x67") + 4
    data[at : at + 8] = b"\x01" + 7 * b"\xff"  # as a muxer leaves it that is killed
    cut, next_one = tmp_path / "copy1_00002.mkv", tmp_path / "copy1_00003.mkv"
    cut.write_bytes(data)
    next_one.write_bytes(whole.read_bytes())
    for path, time in ((whole, 10), (cut, 20), (next_one, 30)):
        os.utime(path, (time, time))
    files = [whole, cut, next_one]
    assert without_an_end(files, []) == [cut]
    assert without_an_end(files, [(1.0, 19.0), (31.0, 40.0)]) == [cut]
    assert without_an_end(files, [(25.0, 26.0)]) == []
    assert without_an_end(files[:2], [(31.0, 40.0)]) == [], "the end of the last one comes later"


def test_a_time_that_goes_back_is_found() -> None:
    books = plant.Books()
    for source, pts in (("cam0", 1.0), ("cam1", 0.5), ("cam0", 1.0), ("cam0", 2.0), ("cam1", 0.4)):
        books.timed("quick", cast(Any, SimpleNamespace(source=source, pts=pts)))
    assert books.findings == ["quick: pts 0.4 of cam1 after 0.5"]
    books = plant.Books()
    books.comebacks["cam1"] = 1
    for pts in (5.0, 0.1, 0.2):  # the timestamps of a new camera start at 0
        books.timed("quick", cast(Any, SimpleNamespace(source="cam1", pts=pts)))
    assert books.findings == []
    books.timed("quick", cast(Any, SimpleNamespace(source="cam1", pts=0.1)))
    assert len(books.findings) == 1
