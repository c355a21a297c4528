"""The ledger of `./dev night`, its page, and what a long run calls growth."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from night import __main__ as night
from night import ledger, own_process, watched
from night.ledger import Entry
from night.own_process import REMAINS, Usage


def test_the_page_has_the_table_of_the_ledger() -> None:
    text = ledger.PAGE.read_text(encoding="utf-8")
    assert ledger.with_table(text, ledger.read()) == text, "run ./dev night --report"


def test_pieces_of_a_part_are_added_up_at_each_commit(tmp_path: Path) -> None:
    path = tmp_path / "ledger.json"
    ledger.note(Entry("random", "aaaa", 10.0, 5), path)
    ledger.note(Entry("random", "aaaa", 20.0, 7, ["seed 6 fails"]), path)
    ledger.note(Entry("random", "bbbb", 30.0, 8), path)
    assert [(entry.commit, entry.seconds, entry.runs) for entry in ledger.read(path)] == [
        ("aaaa", 30.0, 12),
        ("bbbb", 30.0, 8),
    ]
    assert ledger.runs_of("random", path) == 20
    table = ledger.table(ledger.read(path))
    assert "| random | 20 random pipelines | 1 | `bbbb` | 1 |" in table
    ledger.note(Entry("random on 3.14t", "aaaa", 60.0, 9), path)
    assert "| random on 3.14t | 9 random pipelines | 1 | `aaaa` | 0 |" in ledger.table(ledger.read(path))


def test_a_piece_is_noted_with_its_commit_and_a_finding_is_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent(_: float) -> night.Found:
        raise night.NotHereError("there is no build of it")

    seconds: list[float] = []

    def grows(limit: float) -> night.Found:
        seconds.append(limit)
        return 3, ["grew"], {}

    monkeypatch.setitem(night.PARTS, "soak", night.Part(grows, is_apart=False))
    monkeypatch.setitem(night.PARTS, "fuzz", night.Part(absent, is_apart=False))
    monkeypatch.setattr(night, "commit", lambda: "cccc")
    monkeypatch.setattr(own_process, "IS_FREE_THREADED", False)
    path = tmp_path / "ledger.json"
    arguments = ["--hours", "0.000001", "--part", "fuzz", "--part", "soak", "--ledger", str(path)]
    assert night.main(arguments) == 1
    assert [(one.part, one.commit) for one in ledger.read(path)] == [("soak", "cccc")]
    assert ledger.runs_of("soak", path) == 3 * len(seconds)
    assert 0 < seconds[0] <= 0.0036
    assert "fuzz: left out: there is no build of it" in capsys.readouterr().out


def test_a_free_threaded_python_has_its_own_rows_and_goes_on_behind_its_own_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.json"
    pieces = {"chaos": 0, "fuzz": 0}

    def before(part: str) -> int:
        return sum(one.runs for one in ledger.read(path) if one.part == part)

    monkeypatch.setattr(ledger, "runs_of", before)
    monkeypatch.setattr(own_process, "IS_FREE_THREADED", True)
    monkeypatch.setattr(night, "commit", lambda: "cccc")
    for part in pieces:
        ran = dataclasses.replace(night.PARTS[part], run=lambda _: (3, [], {}))
        monkeypatch.setitem(night.PARTS, part, ran)
        night.run_piece(part, 1.0, path)
        pieces[part] = night._runs_before(part)
    version = f"3.{sys.version_info.minor}t"
    assert [(one.part, one.runs) for one in ledger.read(path)] == [(f"chaos on {version}", 3), ("fuzz", 3)]
    assert pieces == {"chaos": 3, "fuzz": 3}


def test_a_piece_that_is_too_short_to_tell_is_left_out(tmp_path: Path) -> None:
    with pytest.raises(night.NotHereError, match="at least 300 s"):
        night.run_piece("churn", 100.0, tmp_path / "ledger.json")


def test_a_fuzz_target_runs_on_its_seeds_and_says_why_it_ended(tmp_path: Path) -> None:
    target = tmp_path / "freshframe_fuzz_process"
    for folder in ("parent", "worker", "url"):
        (tmp_path / "seeds" / folder).mkdir(parents=True)
    target.write_text('#!/bin/sh\necho "$@" >"$0.given"\necho "Done 7 runs in 1 second(s)" >&2\n')
    target.chmod(0o755)
    assert night._fuzz_target(target, 9) == (7, [])
    given = Path(f"{target}.given").read_text().split()
    assert "-max_total_time=9" in given
    assert [Path(each).name for each in given[-3:]] == ["process", "parent", "worker"]
    target.write_text("#!/bin/sh\n(echo ERROR: x; echo SUMMARY: overflow; echo the end) >&2\nexit 77\n")
    assert night._fuzz_target(target, 9) == (0, ["process: SUMMARY: overflow"])


def test_faults_of_a_fleet_count_only_if_they_were_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    def verdict(faults: int, recovery: float, *findings: str) -> str:
        figures = {"faults": faults, "recovery_max_seconds": recovery}
        return "a line\n" + json.dumps({"figures": figures, "findings": findings})

    ended = iter(
        [(1, "", "x\nStateError: no result"), (0, verdict(5, 3.0), ""), (4, verdict(4, 2.0, "lost"), "")]
    )
    times = iter([0.0, 1.0, 2.0, 3.0, 11.0])
    monkeypatch.setattr("night.__main__.time", SimpleNamespace(monotonic=lambda: next(times)))
    monkeypatch.setattr(night, "watched", lambda *_: next(ended))
    first = 1 + night._runs_before("fleets")
    found = [f"seed {first}: ended with 1: StateError: no result", f"seed {first + 10}: lost"]
    assert night._fleets(10.0) == (9, found, {"recovery_max_seconds": 3.0})


def test_a_run_of_chaos_that_hangs_or_dies_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def verdict(faults: int, *findings: str) -> str:
        figures = {"memory grown MiB": faults}
        return "a line\n" + json.dumps(
            {"faults": {"clock": faults}, "figures": figures, "findings": findings}
        )

    ended = iter([(0, verdict(5), ""), (4, verdict(4, "lost"), ""), (-6, "", "x\nFatal Python Error: y")])
    times = iter([0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 11.0])
    monkeypatch.setattr("night.__main__.time", SimpleNamespace(monotonic=lambda: next(times)))
    monkeypatch.setattr(night, "watched", lambda *_: next(ended))
    first = 1 + night._runs_before("chaos")
    found = [f"seed {first + 1}: lost", f"seed {first + 2}: ended with -6: Fatal Python Error: y"]
    assert night._chaos(10.0) == (9, found, {"memory grown MiB": 5})


def test_what_takes_too_long_shows_its_stacks_and_is_ended() -> None:
    sleeps = [
        sys.executable,
        "-X",
        "faulthandler",
        "-c",
        "import time; print(1, flush=True); time.sleep(600)",
    ]
    code, said, errors = watched.watched(sleeps, 5.0, dict(os.environ))
    assert (code, said) == (-6, "1\n")
    assert "Fatal Python error: Aborted" in errors


def test_a_piece_in_a_process_of_its_own_gives_what_it_found_and_its_crash_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = iter([(0, 'seed 7: lost\n[3, ["lost"], {"a": 1}]\n', ""), (-11, "", "x\nFatal Python error: y")])
    monkeypatch.setattr(night, "watched", lambda *_: next(ended))
    assert night._apart("random", 1.0) == (3, ["lost"], {"a": 1})
    assert capsys.readouterr().out == "seed 7: lost\n"
    assert night._apart("soak", 1.0) == (0, ["the piece ended with -11: Fatal Python error: y"], {})


def test_a_child_that_stands_still_does_not_hold_the_end_of_what_takes_too_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watched, "_STACKS", 1.0)
    stops = "import os, signal, time; os.fork() or os.kill(os.getpid(), signal.SIGSTOP); time.sleep(600)"
    code, _, _ = watched.watched([sys.executable, "-c", stops], 2.0, dict(os.environ))
    assert code == -signal.SIGABRT


def test_the_clock_of_a_program_can_be_set(tmp_path: Path) -> None:
    environment = night._clock_to_set(tmp_path)
    if not environment:
        pytest.skip("needs a C compiler")
    asks = [sys.executable, "-c", "import time; print(int(time.time()))"]
    before = int(subprocess.check_output(asks, env=os.environ | environment))
    (tmp_path / "offset").write_bytes((86400).to_bytes(8, "little"))
    assert int(subprocess.check_output(asks, env=os.environ | environment)) >= before + 86400


def test_tests_that_fail_under_a_sanitizer_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = (
        "GoogleTest dev: 9 tests ran, 0\nGoogleTest asan: 5 tests ran, 0\nGoogleTest tsan: 4 tests ran, 0\n"
    )
    failed = (
        "12: [  FAILED  ] Queue.Drops (3 ms)\n12: [  FAILED  ] Queue.Drops\n12: [  FAILED  ] 1 test, listed\n"
    )
    said = iter([(0, counts, ""), (1, failed + counts, "./dev: it failed"), (1, counts, "./dev: it failed")])

    def ends(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, *next(said))

    monkeypatch.setattr("night.__main__.subprocess", SimpleNamespace(run=ends))
    assert night._sanitizers(1.0) == (9, [], {})
    assert night._sanitizers(1.0) == (9, ["Queue.Drops fails"], {})
    assert night._sanitizers(1.0) == (9, ["./dev: it failed"], {})


def test_a_file_that_does_not_compile_for_another_system_is_found_unless_it_is_listed() -> None:
    from night.other_system import findings, listed, sources  # noqa: PLC0415  (as above)

    failed = {"a.cpp": "error: no", "b.cpp": "error: no"}
    assert findings(failed, ["b.cpp"], ["a.cpp", "b.cpp", "c.cpp"]) == ["a.cpp: error: no"]
    assert findings({}, ["b.cpp", "d.cpp"], ["a.cpp", "b.cpp"]) == [
        "b.cpp compiles: remove it from other_system.txt",
        "d.cpp is no longer there: remove it from other_system.txt",
    ]
    assert len(sources()) > 100
    assert listed() < set(sources())


def _soaked(what: str, value: Callable[[int], int]) -> list[str]:
    """The growth of a soak of 750 s, which is level but for one thing."""
    from night.long_runs import _MOST, growth  # noqa: PLC0415  (needs PyAV)

    looks: dict[str, Callable[[], int]] = {name: lambda: 1000 for name in _MOST}
    looks["lines"] = partial(next, count())
    looks[what] = partial(next, map(value, count(-150)))  # from 0 on, it is warm
    made = Usage(looks)
    for second in range(1, 751):
        made.look(second)
    return growth(made)


@pytest.mark.parametrize(
    ("what", "most"),
    [
        ("blocks", 80),
        ("bytes", 2 << 20),
        ("objects", 1600),
        ("memory", 2 << 20),
        ("mappings", 8),
        ("threads", 2),
        ("descriptors", 2),
        ("files", 1),
    ],
)
def test_growth_of_a_soak_is_found_behind_peaks_and_no_peak_is_growth(what: str, most: int) -> None:
    from night.long_runs import _MOST  # noqa: PLC0415  (needs PyAV)

    def slope(more: float) -> Callable[[int], int]:  # in the 400 s between the two that are compared
        return lambda second: 10 * most + int(more * max(0, second) / 400)

    def peaks(second: int) -> int:
        return 50 * most * (second % 7 == 3)

    assert _MOST[what] == most
    steady = slope(0)
    assert _soaked(what, slope(most + 0.5)) == []
    assert _soaked(what, lambda second: steady(second) + peaks(second)) == []
    assert _soaked(what, lambda second: steady(second) * (second >= 0)) == [], "it was not warm before"
    for grows in (slope(most + 1.5), lambda second: slope(most + 1.5)(second) + peaks(second)):
        (found,) = _soaked(what, grows)
        assert found.startswith(f"{what} grew from {10 * most} to "), found
        assert found.endswith(" in 400 s"), found


def test_ever_more_lines_of_a_soak_are_found() -> None:
    assert _soaked("lines", lambda second: 1000 + second) == []
    (found,) = _soaked("lines", lambda second: 2000 + second + 9 * min(0, second) + 2 * max(0, second - 400))
    assert found == "the log got 199 lines in the first third and 597 in the last"


def test_an_event_that_a_receiver_misses_or_has_twice_is_found() -> None:
    from night.long_runs import _Numbers  # noqa: PLC0415  (needs PyAV)

    numbers = _Numbers()
    for number in (1, 3, 2, 2, 5, 5):
        numbers.take(number)
    assert (numbers.count(), numbers.repeated) == (4, 2)
    assert numbers.findings() == ["events missing below the last one: 1"]
    numbers.take(4)
    assert (numbers.count(), numbers.findings()) == (5, [])


def test_a_receiver_that_misses_an_event_keeps_no_list_of_all_the_later_ones() -> None:
    from night.long_runs import _MOST_LATER, _Numbers  # noqa: PLC0415  (needs PyAV)

    numbers, last = _Numbers(), 3 * _MOST_LATER
    for number in range(3, last):
        numbers.take(number)
    numbers.take(last + 1)
    assert len(numbers._later) <= _MOST_LATER
    assert (numbers.count(), numbers.repeated) == (last - 2, 0)
    assert numbers.findings() == ["events missing below the last one: 3"]


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ({"sent": 9}, []),
        ({"sent": 10}, ["10 events were sent, but their receiver has 9"]),
        ({"sent": 9, "expired": 2}, ["expired events: 2"]),
        ({"sent": 9, "refused": 2}, ["refused events: 2"]),
        ({"sent": 9, "lost": 2, "waiting": 100}, ["lost events: 2"]),
        (
            {"sent": 9, "lost": 1, "waiting": 101},
            ["101 events wait, although their receiver has come back", "lost events: 1"],
        ),
    ],
)
def test_a_spool_that_gives_up_or_stands_still_is_found(
    monkeypatch: pytest.MonkeyPatch, counts: dict[str, int], found: list[str]
) -> None:
    from night import long_runs  # noqa: PLC0415  (needs PyAV)

    monkeypatch.setattr(long_runs, "_THERE", -long_runs._AWAY)  # no time to wait for it
    spool = SimpleNamespace(**{"waiting": 0, "refused": 0, "expired": 0, "lost": 0, **counts})
    node = SimpleNamespace(spool=spool)
    pipeline: Any = SimpleNamespace(stats=lambda: SimpleNamespace(nodes={"spool": node}))
    numbers = long_runs._Numbers()
    for number in range(1, 10):
        numbers.take(number)
    assert long_runs._let_it_send(pipeline, numbers) == found


def _churned(what: str, each: float) -> list[str]:
    """The growth of a churn of 600 rounds, one a second, each of which leaves this number of a thing."""
    from night.churn import growth  # noqa: PLC0415  (needs PyAV)

    made = Usage(REMAINS)
    for second in range(600):
        made.moments.append(float(second))
        for name, values in made.seen.items():
            begins = min(second, 100) * 50 if name in ("blocks", "objects") else 0  # it makes that once
            values.append(20_000 + begins + (int(each * second) if name == what else 0))
    return growth(made)


@pytest.mark.parametrize(
    ("what", "little", "more"),
    [
        ("blocks", 0.2, 0.3),  # in 300 rounds, where 40 and .1 for each round are no growth
        ("bytes", 400, 450),
        ("objects", 5.6, 6),  # 1600, and .5 for each round
        ("mappings", 0.02, 0.04),
        ("threads", 0.005, 0.02),
        ("descriptors", 0.005, 0.02),
    ],
)
def test_what_nodes_connections_and_viewers_leave_behind_is_found(
    what: str, little: float, more: float
) -> None:
    assert _churned(what, 0) == _churned(what, little) == []
    (found,) = _churned(what, more)
    assert found.startswith(f"{what} grew from ")


def test_blocks_that_are_allocated_and_not_freed_are_counted(tmp_path: Path) -> None:
    environment = night._preloaded("blocks.c", tmp_path)
    if not environment:
        pytest.skip("there is no C compiler")
    program = """
import ctypes
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.calloc.restype = libc.realloc.restype = libc.valloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
libc.realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
before, bytes_before = libc.freshframe_test_blocks(), libc.freshframe_test_bytes()
blocks = [libc.malloc(8) for _ in range(1000)] + [libc.calloc(2, 8) for _ in range(1000)] + [libc.valloc(8)]
blocks = [libc.realloc(block, 64) for block in blocks]
there, bytes_there = libc.freshframe_test_blocks(), libc.freshframe_test_bytes()
for block in blocks: libc.free(block)
print(there - before, libc.freshframe_test_blocks() - there)
print(bytes_there - bytes_before, libc.freshframe_test_bytes() - bytes_there)
"""
    said = subprocess.check_output([sys.executable, "-c", program], env=os.environ | environment, text=True)
    made, freed, made_bytes, freed_bytes = map(int, said.split())
    assert 2001 <= made < 2201, "lists of Python are blocks, too"
    assert -2201 < freed <= -1900
    assert 2001 * 64 <= made_bytes < 2 * 2001 * 64 + 100_000
    assert -made_bytes - 1000 < freed_bytes <= -2001 * 64 + 1000


def test_programs_at_their_limits_run_beside_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from night import limits  # noqa: PLC0415  (needs PyAV)
    from night.limits import graph, workers  # noqa: PLC0415

    chosen = ((graph.many_sources, graph.seconds_of_a_queue, graph.kept_memory), (workers.busy_workers,))
    monkeypatch.setattr(limits, "_GROUPS", chosen)
    tried, found, figures = limits.limits(6.0)  # too short for the rules of two of them
    assert found == []
    assert set(figures) == {program.__name__ for group in chosen for program in group}
    assert tried == sum(figures.values()) > 0


def test_a_limit_that_is_passed_is_told_by_its_program_and_not_a_thousand_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from night import limits  # noqa: PLC0415  (needs PyAV)

    def passes(seconds: float, find: Callable[[str], None]) -> int:
        for number in range(9):
            find(f"{number} of {seconds:g} s")
        return 9

    def breaks(_: float, __: Callable[[str], None]) -> int:
        raise ValueError("no room")

    monkeypatch.setattr(limits, "_GROUPS", ((passes, breaks),))
    tried, found, figures = limits.limits(2.0)
    assert (tried, figures) == (9, {"passes": 9})
    assert sorted(found) == [
        "breaks: raised ValueError('no room')",
        "passes: 0 of 1 s",
        "passes: 1 of 1 s",
        "passes: 2 of 1 s (and 6 more)",
    ]


def test_a_sample_that_is_older_than_its_queue_allows_is_found() -> None:
    from night.limits import graph  # noqa: PLC0415

    source, found = graph._Bursts(), list[str]()
    slow = graph._Slow(source, found.append)
    source.newest = 5.0
    for captured in (1.0, 4.5, 3.9):
        slow.process(cast("Any", SimpleNamespace(value=1, captured=captured)))
    assert found == ["a queue of 1 s gave a sample that was 1.10 s older than one that had come"]


def test_a_rule_is_tried_in_a_process_of_its_own_whose_end_is_a_finding() -> None:
    from night.limits import tracks  # noqa: PLC0415  (needs PyAV)
    from night.limits.rule import apart  # noqa: PLC0415

    found = list[str]()
    assert apart(tracks._counted_tracks, 0.0, found.append) == 0
    assert found == []

    def elsewhere(_: float, find: Callable[[str], None]) -> int:
        find("nothing")
        return 1

    assert apart(elsewhere, 0.0, found.append) == 0, "no other process has its module"
    (text,) = found
    assert text.startswith("its process ended with 1: ")
    assert "test_night" in text
