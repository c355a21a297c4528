"""Spool: order, numbers, retries, rejected events, exits of the program, its statistics."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from rigs.spools import Receiver, Running
from rigs.web_client import request
from rigs.written import boxes, write
from support import WATCHDOG, Push, program_environment, run_program, until

import freshframe as ff


def test_results_arrive_in_order_with_numbers_that_go_on_after_a_restart(tmp_path: Path) -> None:
    first, second = Receiver(), Receiver()
    assert write(ff.Spool(tmp_path / "yard", first), "a", "b", "c").complete
    assert write(ff.Spool(tmp_path / "yard", second), "d").complete
    assert first.numbers == [1, 2, 3]
    assert second.numbers == [4]
    assert [event["value"] for event in first.events + second.events] == ["a", "b", "c", "d"]
    assert {event["box"] for event in first.events + second.events} == {first.events[0]["box"]}
    assert first.events[0]["source"] == "Push"
    assert abs(first.events[0]["spooled"] - time.time()) < WATCHDOG


def test_an_event_is_the_record_of_a_line(tmp_path: Path) -> None:
    receiver = Receiver()
    write(ff.Spool(tmp_path / "yard", receiver), boxes(2, depth=[1.5, 2.5]))
    write(ff.JsonLines(tmp_path / "a.jsonl"), boxes(2, depth=[1.5, 2.5]))
    event, line = receiver.events[0], json.loads((tmp_path / "a.jsonl").read_text())
    own = {key: event.pop(key) for key in ("n", "box", "spooled", "source")}
    assert own["n"] == 1
    del event["captured"], line["captured"]
    assert event == line


@pytest.mark.slow
def test_a_batch_that_fails_is_sent_again_with_the_same_borders(tmp_path: Path) -> None:
    receiver = Receiver(OSError("away"), SystemExit("no end of the program"), ValueError("still away"))
    running = Running(ff.Spool(tmp_path / "yard", receiver, batch_size=3, max_wait=WATCHDOG))
    with running.pipeline:
        running.source.push(*range(6))
        until(lambda: len(receiver.events) == 6, "all arrive")
        until(lambda: running.stats.sent == 6, "all are counted")
        assert running.stats.errors == 3
        assert running.stats.last_error == "ValueError: still away"
    assert receiver.batches == [[1, 2, 3]] * 4 + [[4, 5, 6]]


def test_events_wait_for_their_batch_for_a_while_only(tmp_path: Path) -> None:
    receiver = Receiver()
    running = Running(ff.Spool(tmp_path / "yard", receiver, max_wait=0.01))
    with running.pipeline:
        running.source.push("a")
        until(lambda: receiver.numbers == [1], "one alone is sent")


def test_send_may_change_its_events_and_gets_them_unchanged_again(tmp_path: Path) -> None:
    seen: list[Any] = []

    def send(events: list[dict[str, Any]]) -> None:
        seen.append(events[0].pop("value"))
        if len(seen) == 1:
            raise OSError("away")

    running = Running(ff.Spool(tmp_path / "yard", send, max_wait=0))
    with running.pipeline:
        running.source.push("a")
        until(lambda: len(seen) == 2, "sent again")
    assert seen == ["a", "a"]


def test_refused_events_are_put_aside_and_the_others_are_sent(tmp_path: Path) -> None:
    receiver = Receiver(ff.RefusedError([0, 2], "no such topic"))
    running = Running(ff.Spool(tmp_path / "yard", receiver, batch_size=4, max_wait=WATCHDOG))
    with running.pipeline:
        running.source.push(*"abcd")
        until(lambda: running.stats.sent == 2, "the others are sent")
        assert (running.stats.refused, running.stats.errors, running.stats.waiting) == (2, 0, 0)
    assert receiver.numbers == [2, 4]
    aside = [json.loads(line) for line in (tmp_path / "yard" / "refused.jsonl").read_text().splitlines()]
    assert [(line["n"], line["value"], line["refused"]) for line in aside] == [
        (1, "a", "no such topic"),
        (3, "c", "no such topic"),
    ]


def test_a_refusal_of_an_event_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    receiver = Receiver(ff.RefusedError([1]))
    running = Running(ff.Spool(tmp_path / "yard", receiver, max_wait=0))
    with running.pipeline:
        running.source.push("a")
        until(lambda: receiver.numbers == [1], "sent again")
        until(lambda: running.stats.errors == 1, "counted")
    assert "out of range for a batch of 1" in str(running.stats.last_error)


def test_lines_of_json_are_not_parsed(tmp_path: Path) -> None:
    seen: list[str] = []
    write(ff.Spool(tmp_path / "yard", seen.extend, as_text=True), "a", "b")
    assert [json.loads(line)["value"] for line in seen] == ["a", "b"]


def test_results_are_kept_while_nothing_can_be_sent(tmp_path: Path) -> None:
    away = Receiver(*(OSError("away") for _ in range(100)))
    write(ff.Spool(tmp_path / "yard", away), *range(300))
    there = Receiver()
    write(ff.Spool(tmp_path / "yard", there), "last")
    assert there.numbers == list(range(1, 302))


def test_stop_does_not_wait_for_a_send_that_hangs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    hangs, go_on = threading.Event(), threading.Event()

    def send(events: list[Any]) -> None:
        hangs.set()
        assert go_on.wait(WATCHDOG)

    running = Running(ff.Spool(tmp_path / "yard", send, max_wait=0, slow_after=0.001))
    with running.pipeline:
        running.source.push("a")
        assert hangs.wait(WATCHDOG)
        until(lambda: running.stats.sending_for > 0, "the call is seen")
        running.source.push("b")
        until(lambda: "has not returned for 0.001 s" in caplog.text, "the call is told")
    assert "send() is still running" in caplog.text
    with pytest.raises(ff.NodeError, match="another Spool of this program"):
        write(ff.Spool(tmp_path / "yard", send), "c")
    go_on.set()
    until(lambda: (tmp_path / "yard" / "sent").read_text().startswith(f"{1:020d}"), "it counts as sent")
    until(lambda: "closed" in (tmp_path / "yard" / "sent").read_text(), "the folder is free")
    receiver = Receiver()
    write(ff.Spool(tmp_path / "yard", receiver), "c")
    assert receiver.numbers == [2, 3]


@pytest.mark.slow
def test_the_next_run_does_not_warn_of_one_that_was_stopped_while_a_send_hung(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ended = run_program(
        """
        import sys, threading
        import freshframe as ff
        hangs = threading.Event()
        def send(events):
            hangs.set()
            threading.Event().wait()
        pipeline = ff.Pipeline()
        ones = pipeline.add(lambda frame: 1, pipeline.add(ff.open("demo:circles?size=64x48")))
        pipeline.add(ff.Spool(sys.argv[1], send, max_wait=0), ones)
        pipeline.start()
        hangs.wait()
        pipeline.stop()
        """,
        arguments=[str(tmp_path / "yard")],
    )
    assert ended.code == 0, ended
    receiver = Receiver()
    write(ff.Spool(tmp_path / "yard", receiver), "next")
    assert receiver.numbers[0] == 1
    assert "was not closed" not in caplog.text


def test_the_page_and_the_metrics_have_what_waits(tmp_path: Path) -> None:
    receiver = Receiver(*(OSError("away") for _ in range(1000)))
    running = Running(ff.Spool(tmp_path / "yard", receiver, batch_size=2, max_wait=0))
    with running.pipeline, running.pipeline.serve() as dashboard:
        running.source.push(*"abc")
        until(lambda: running.stats.waiting == 3 and running.stats.errors > 0, "all wait")
        node = request(dashboard.url, "/api/state").json()["nodes"][1]
        assert node["spool"]["waiting"] == 3
        assert node["spool"]["oldest_age"] > 0
        assert node["spool"]["last_error"] == "OSError: away"
        text = request(dashboard.url, "/metrics").text
        assert re.search(r'^freshframe_spool_waiting_results\{.*node="spool"\} 3$', text, re.MULTILINE)
        assert re.search(
            r'^freshframe_spool_oldest_age_seconds\{.*node="spool"\} [0-9.]+$', text, re.MULTILINE
        )
        receiver.faults.clear()
        until(lambda: running.stats.sent == 3, "all are sent")
        assert running.stats.oldest_age == 0


def lossy(pipeline: ff.Pipeline) -> list[str]:
    return [line.split("  ")[1] for line in str(pipeline).splitlines() if "may drop events that" in line]


def test_an_edge_that_may_drop_events_above_a_spool_is_shown_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def grown(event: ff.types.PresenceEvent) -> ff.types.PresenceEvent:
        return event

    pipeline = ff.Pipeline()
    camera = pipeline.add(Push(), name="cam")
    presence = pipeline.add(ff.Presence(lambda names: names), camera, name="changes")
    first = pipeline.add(grown, presence, name="first")  # "block", because it is downstream of a generator
    second = pipeline.add(grown, first, name="second")  # LATEST
    pipeline.add(ff.Spool(tmp_path / "box", lambda events: None), second, name="spool")
    pipeline.reader(second)
    with pipeline:
        assert lossy(pipeline) == ["first -> second"]
    told = "'second' has LATEST downstream of 'first', and may drop events that 'spool' should record"
    until(lambda: told in caplog.text, "it is logged")


def test_edges_that_keep_events_or_drop_only_states_are_not_marked(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    circles = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open("demo:circles?size=320x180")))
    counts = pipeline.add(ff.LineCounter((160, 0), (160, 180)), circles)
    pipeline.add(ff.Spool(tmp_path / "direct", lambda events: None), counts)
    only = pipeline.add(
        lambda value: value, counts, name="only"
    )  # its edge keeps the events of dropped values
    pipeline.add(ff.Spool(tmp_path / "below", lambda events: None), only)
    # Not events: the newest state replaces older ones.
    many = pipeline.add(lambda value: value, circles, name="many")
    pipeline.add(ff.Spool(tmp_path / "states", lambda events: None), many)
    with pipeline:
        assert lossy(pipeline) == []


def test_results_that_are_too_old_expire_while_a_send_hangs(tmp_path: Path) -> None:
    go_on, called = threading.Event(), threading.Event()

    def send(events: list[dict[str, Any]]) -> None:
        called.set()
        go_on.wait()

    source = Push()
    pipeline = ff.Pipeline()
    spool = ff.Spool(tmp_path / "box", send, batch_size=1, max_wait=0, max_age=0.2)
    pipeline.add(spool, pipeline.add(source), name="spool")
    with pipeline:
        source.push(1)
        assert called.wait(WATCHDOG)
        source.push(2, 3)

        def expired() -> int:
            counters = pipeline.stats().nodes["spool"].spool
            assert counters is not None
            return counters.expired

        until(lambda: expired() == 2, "both are too old")
        go_on.set()


def test_two_programs_cannot_use_one_folder(tmp_path: Path) -> None:
    running = Running(ff.Spool(tmp_path / "yard", Receiver()))
    with running.pipeline:
        ended = run_program(
            """
            import os, sys
            import freshframe as ff
            pipeline = ff.Pipeline()
            pipeline.add(ff.Spool(sys.argv[1], print), pipeline.add(ff.open("demo:circles?frames=1")))
            try:
                pipeline.run()
            except ff.NodeError as error:
                print(error.__cause__)
            """,
            arguments=[str(tmp_path / "yard")],
        )
    assert re.search(r"the program with the pid \d+ already uses the spool", ended.out), ended


def test_values_that_are_no_json_are_an_error_that_names_them(tmp_path: Path) -> None:
    with pytest.raises(ff.NodeError, match="cannot write a value of type object"):
        write(ff.Spool(tmp_path / "yard", Receiver()), object())


def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    def send(events: list[Any]) -> None:
        raise AssertionError

    for options, message in (
        ({"batch_size": 0}, "batch_size must be 1 to 10000 events"),
        ({"max_bytes": 10}, "max_bytes must be at least 65536"),
        ({"max_age": 0}, "max_age must be more than 0 seconds"),
        ({"max_wait": -1}, "max_wait must be 0 to 1e[+]09 seconds"),
        ({"max_wait": 1e10}, "max_wait must be 0 to 1e[+]09 seconds"),
        ({"slow_after": 0}, "slow_after must be more than 0 seconds"),
    ):
        with pytest.raises(ff.OptionError, match=message):
            ff.Spool(tmp_path / "yard", send, **options)
    with pytest.raises(ff.OptionTypeError, match="send must be a function"):
        ff.Spool(tmp_path / "yard", "mqtt")  # type: ignore[arg-type]
    with pytest.raises(ff.OptionError, match="needs at least one index"):
        ff.RefusedError([])
    (tmp_path / "file").touch()
    with pytest.raises(ff.NodeError, match=r"needs a folder, and .* is not a folder"):
        write(ff.Spool(tmp_path / "file", send), 1)
    (tmp_path / "link").symlink_to(tmp_path / "unmounted")
    with pytest.raises(ff.NodeError, match=r"needs a folder, and .* is a link to nothing"):
        write(ff.Spool(tmp_path / "link", send), 1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo.jpg").touch()
    with pytest.raises(ff.NodeError, match=r"has other files, such as 'photo\.jpg'"):
        write(ff.Spool(tmp_path / "mine", send), 1)
    with pytest.raises(ff.NodeError, match="No such file"):
        write(ff.Spool(tmp_path / "missing" / "yard", send), 1)


# --- kills --------------------------------------------------------------------------------------------------

PROGRAM = """
import os, random, sys, time
import freshframe as ff
folder, out, made = sys.argv[1:4]
received = os.open(out, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
offered = os.open(made, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def send(events):
    if random.random() < 0.1:
        raise OSError("away")
    os.write(received, "".join(f"{e['n']} {e['value']}\\n" for e in events).encode())
class Numbers(ff.Source[int]):
    live = False
    def read(self):
        n = int(sys.argv[4])
        while True:
            for _ in range(20):
                yield n, n / 100
                n += 1
            os.write(offered, f"{n}\\n".encode())
            if self.stop_token.wait(0.01):
                return
pipeline = ff.Pipeline()
spool = ff.Spool(folder, send, max_wait=0.02)
pipeline.add(spool, pipeline.add(Numbers()))
pipeline.start()
print("ready", flush=True)
pipeline.wait()
"""


@pytest.mark.slow
def test_kills_at_any_moment_lose_only_what_was_in_memory(tmp_path: Path) -> None:
    folder, out, made = tmp_path / "yard", tmp_path / "out", tmp_path / "made"
    made.touch()
    kills, chance = 5, random.Random(1)
    for _ in range(kills):
        begin = made.read_text().split()[-1:] or ["0"]
        child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(folder), str(out), str(made), begin[0]],
            env=program_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.1 + 0.3 * chance.random())  # when to kill it
        child.send_signal(signal.SIGKILL)
        _, said = child.communicate(timeout=WATCHDOG)
        assert "NodeError" not in said
    last = Receiver()
    write(ff.Spool(folder, last), "end")
    received = [line.split() for line in out.read_text().splitlines()]
    numbers = [int(n) for n, _ in received]
    assert len(numbers) > 100
    kept: dict[int, str] = {}
    largest, doubles = 0, 0
    for n, value in received + [[str(event["n"]), str(event["value"])] for event in last.events]:
        if int(n) <= largest:
            doubles += 1
            assert kept[int(n)] == value  # the same result
            continue
        assert int(n) == largest + 1  # no gap
        largest, kept[int(n)] = int(n), value
    assert doubles <= kills * 100  # one batch for each kill
    values = [int(value) for value in kept.values() if value != "end"]
    assert values == sorted(values)


@pytest.mark.slow
def test_an_event_that_has_begun_is_ended_after_a_crash(tmp_path: Path) -> None:
    ended = run_program(
        """
        import os, signal, sys, time
        import freshframe as ff
        class Two(ff.Source[dict]):
            live = False
            def read(self):
                yield {"key": "yard", "began_utc": 100.0}, 0
                yield {"key": "door", "began_utc": 101.0}, 1
                yield {"key": "door", "began_utc": 101.0, "ended_utc": 102.0}, 2
                self.stop_token.wait(60)
        def send(events):
            if events[-1]["n"] == 3:
                os.kill(os.getpid(), signal.SIGKILL)
        pipeline = ff.Pipeline()
        pipeline.add(ff.Spool(sys.argv[1], send), pipeline.add(Two(), name="camera"))
        pipeline.run()
        """,
        arguments=[str(tmp_path / "yard")],
    )
    assert ended.code == -signal.SIGKILL
    for _ in range(2):  # the first run ends it, and the second has nothing to end
        receiver = Receiver()
        write(ff.Spool(tmp_path / "yard", receiver), "next")
        ends = [event for event in receiver.events if isinstance(event["value"], dict)][-1:]
        if _ == 0:
            (end,) = ends
            assert end["source"] == "camera"
            assert end["value"]["key"] == "yard"
            assert end["value"]["reason"] == "restart"
            assert end["value"]["ended_utc"] <= end["value"]["decided_utc"]
            assert receiver.numbers == [1, 2, 3, 4, 5]
        else:
            assert ends == []
