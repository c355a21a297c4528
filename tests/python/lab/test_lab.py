"""`freshframe lab`: complete rows, ratios that no load can change, honest sentences, clean ends."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.watchdog import run_to_end
from support import WATCHDOG, measured_until, run_program

import freshframe as ff
from freshframe import _lab
from freshframe._cli.lab import (
    LABS,
    call_guard,
    contention,
    double_release,
    fibonacci,
    free_threaded,
    sums,
)
from freshframe._cli.lab.measure import Bench, counting, switch_interval
from freshframe._cli.lab.twins import Twins, load_builder
from freshframe._cli.outcome import UsageError

COMMAND = [sys.executable, "-m", "freshframe", "lab"]

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(ff.__file__).parents[1])}

Records = list[dict[str, Any]]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_to_end(
        [*COMMAND, *arguments],
        env={**ENVIRONMENT, **environment},
        timeout=5 * WATCHDOG,  # compilers may run
    )


@functools.cache
def lab(name: str) -> Records:
    """Returns the records of a quick run of a lab. Each lab runs once for all tests."""
    return measured(name)


def measured(name: str) -> Records:
    ended = run(name, "--quick", "--json", "-q")
    assert (ended.returncode, ended.stderr) == (0, "")
    return [json.loads(line) for line in ended.stdout.splitlines()]


def runs(name: str) -> Iterator[Records]:
    """The run of all tests, then others: for comparisons of times that a busy machine may spoil once."""
    yield lab(name)
    while True:
        yield measured(name)


def rows(records: Records, table: str) -> Records:
    return [record for record in records if record["table"] == table]


@pytest.mark.table(cases=1)
@pytest.mark.parametrize("name", LABS)
def test_a_lab_writes_the_machine_then_its_rows_then_their_meaning(name: str) -> None:
    first, *between, last = lab(name)
    assert first["table"] == "machine"
    assert first["cores"] == len(os.sched_getaffinity(0))
    assert len(between) >= 4
    for table in {record["table"] for record in between}:
        assert len({tuple(record) for record in rows(between, table)}) == 1, (
            "rows of one table differ in keys"
        )
    assert last["table"] == "meaning"
    assert last["text"].endswith(".")
    assert not re.search(r"[.:] [A-Z]", last["text"].removeprefix("Not as expected: ")), "one sentence"
    assert all(record["lab"] == name for record in (first, *between, last))


def test_without_a_name_the_labs_are_listed_with_their_times() -> None:
    ended = run()
    assert ended.returncode == 0
    assert [line.split()[0] for line in ended.stdout.splitlines()] == list(LABS)
    assert all(re.search(r"about \d+ s", line) for line in ended.stdout.splitlines())
    assert run("--list").stdout == ended.stdout
    assert [json.loads(line)["lab"] for line in run("--json").stdout.splitlines()] == list(LABS)


def test_for_people_there_is_a_table_and_a_sentence_and_stderr_says_how_long_it_takes() -> None:
    ended = run("call-guard", "--quick")
    assert ended.returncode == 0
    assert "call guard" in ended.stdout
    assert "ratio" in ended.stdout
    assert "one call" in ended.stdout.splitlines()[-1] or "Note:" in ended.stdout
    assert re.search(r"takes about \d+ s", ended.stderr)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gil-olympics"], ["gil-olympics", *LABS]),
        (["call-guard", "--picture", "x.png"], ["frozen-game"]),
        (["frozen-game", "--picture", "x.gif"], [".png", "x.gif"]),
        (["frozen-game", "--picture", "missing/x.png"], ["missing"]),
        (["sum", "--free-threaded", "python3.14t"], ["fibonacci and contention"]),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2_before_anything_is_measured(arguments: list[str], words: list[str]) -> None:
    ended = run(*arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert all(word in ended.stderr for word in words)
    assert "takes about" not in ended.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("name", ["contention", "frozen-game"])
def test_an_interrupted_lab_ends_its_threads_and_says_so(
    name: str, number: signal.Signals, code: int
) -> None:
    with subprocess.Popen(
        [*COMMAND, name], env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        assert "takes about" in running.stderr.readline()
        running.send_signal(number)
        out, err = running.communicate(timeout=WATCHDOG)
    assert (running.returncode, out) == (code, "")
    assert err == f"stopped by {number.name}\n"


def test_the_package_does_not_load_what_only_the_labs_need() -> None:
    ended = run_program(
        """
        import sys, freshframe, freshframe._cli
        print(sorted(name for name in sys.modules if "lab" in name.rpartition(".")[2]))
        """
    )
    assert ended.out == "[]\n"


def test_every_native_function_of_the_labs_documents_its_use_of_the_gil() -> None:
    functions = {name: f for name, f in vars(_lab).items() if callable(f) and not name.startswith("_")}
    assert len(functions) == 9
    holding = [name for name, f in functions.items() if "GIL: released" not in (f.__doc__ or "")]
    assert sorted(holding) == ["call_held"]


def test_the_native_work_refuses_times_that_are_none() -> None:
    for seconds in (-1.0, float("nan"), 61.0):
        with pytest.raises(ValueError, match="between 0 and 60"):
            _lab.wait(seconds, True)


def cpu_time(work: Callable[[], object]) -> float:
    """Returns the time of this thread; other programs cannot make it longer, unlike the time on the clock."""
    began = time.thread_time()
    work()
    return time.thread_time() - began


def test_fibonacci_numbers_are_right() -> None:
    for release in (False, True):
        assert [_lab.fibonacci(n, release) for n in (0, 1, 2, 10, 93)] == [0, 1, 1, 55, 12200160415121876738]


@pytest.mark.needs_gil
def test_two_holders_of_the_gil_take_turns() -> None:
    turns = runs("fibonacci")
    found: dict[tuple[str, str], dict[str, Any]] = {}

    def in_calls() -> dict[str, float]:
        """Seconds, as multiples of the time that one call needs the processor."""
        nonlocal found
        found = {(row["binding"], row["case"]): row for row in rows(next(turns), "threads")}
        both, holder_first = found[fibonacci.OURS, "gil+gil"], found[fibonacci.OURS, "gil-then-nogil"]
        cpu = min(cpu_time(lambda: _lab.fibonacci(both["n"], False)) for _ in range(3))
        overlapping = found[fibonacci.OURS, "nogil+nogil"]
        seconds = {
            "both hold": both["seconds"],
            "the first holds": holder_first["seconds"],
            # Calls that overlap need the processor for as long as calls that do not.
            "processor, both hold": both["cpu_seconds"],
            "processor, none holds": overlapping["cpu_seconds"],
        }
        return {name: each / cpu for name, each in seconds.items()}

    # Side by side they would take as long as one of them. The lab's process may have had a faster core.
    measured_until(in_calls, lambda calls: min(calls.values()) > 1.3)
    assert len(found) == 4 * 6
    for (binding, _), row in found.items():
        assert (row["ratio"] is None) == bool(row["missing"]), binding
        assert row["missing"] != ""


@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("c++")), reason="needs a C++ compiler")
def test_the_compiler_refuses_to_let_the_gil_go_twice_and_its_words_are_shown() -> None:
    found = {row["binding"]: row for row in rows(lab("fibonacci"), "double release")}
    assert list(found) == ["nanobind", "pybind11", "PyO3", "freshframe/gil.hpp"]
    ours = found["freshframe/gil.hpp"]
    assert ours["ends"] == "compile error"
    assert "the GIL is already released" in ours["message"]
    for row in found.values():
        assert row["ends"] or row["missing"]


@pytest.mark.needs_gil
def test_without_compilers_the_rows_say_why_they_are_missing_and_what_to_do(tmp_path: Path) -> None:
    ended = run("fibonacci", "--quick", "--json", PATH=str(tmp_path), XDG_CACHE_HOME=str(tmp_path), CXX="")
    assert ended.returncode == 0, ended.stderr
    records = [json.loads(line) for line in ended.stdout.splitlines()]
    reasons = {row["binding"]: row["missing"] for row in rows(records, "threads") if row["missing"]}
    assert set(reasons) == {"pybind11", "PyO3", "Cython"}
    assert all(re.search(r"pip install|apt-get install|build_twins.py", r) for r in reasons.values()), reasons
    ours = rows(records, "double release")[-1]
    assert (ours["ends"], ours["message"]) == (None, None)
    assert "apt-get install g++" in ours["missing"]
    notes = rows(records, "meaning")[0]["notes"]
    assert any("PyO3 is not measured" in note for note in notes)


def test_a_compiler_that_fails_for_another_reason_has_not_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "c++"
    compiler.write_text("#!/bin/sh\necho 'error: unrecognized option -std=c++20' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    end = double_release._refused_ours()
    assert (end.how, end.message) == ("", "")
    assert "unrecognized option" in end.missing


def test_a_compiler_that_does_not_end_in_time_has_not_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "c++"
    compiler.write_text("#!/bin/sh\nexec sleep 1000\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    monkeypatch.setattr(double_release, "_COMPILER_LIMIT", 0.1)
    end = double_release._refused_ours()
    assert (end.how, end.message) == ("", "")
    assert end.missing == f"{compiler} had not ended after 0.1 s"


def test_a_child_that_fails_before_it_lets_go_twice_has_not_survived_it(tmp_path: Path) -> None:
    broken = types.SimpleNamespace(__file__=str(tmp_path / "no_such_module.so"))
    end = double_release._dies(Twins({"nanobind": broken}, {}, None), "nanobind", "no_such_module")
    assert end.how == ""
    assert "ModuleNotFoundError" in end.missing


@pytest.mark.skipif(load_builder() is None, reason="needs a checkout")
def test_twins_that_cannot_be_built_name_the_missing_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    twins = Twins.find(Bench(quick=False, say=lambda text: None))
    assert "cargo was not found" in twins.missing["PyO3"]
    assert set(twins.missing) == {"pybind11", "PyO3", "Cython", "nanobind"}


def test_outside_a_checkout_a_missing_twin_says_where_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freshframe._cli.lab.twins.load_builder", lambda: None)
    bench = Bench(quick=True, say=lambda text: None)
    twins = Twins.find(bench)
    assert "PyO3" in twins.missing
    assert "checkout" in twins.missing["PyO3"]
    table, _ = double_release.table(bench, twins)
    assert "checkout" in str(table.records[2]["missing"])


@pytest.mark.needs_gil
def test_five_calls_that_hold_the_gil_stand_in_line() -> None:
    guards = runs("call-guard")

    def seconds() -> dict[tuple[str, str], float]:
        return {(row["work"], row["style"]): row["seconds"] for row in rows(next(guards), "calls")}

    def only_held_calls_stand_in_line(found: dict[tuple[str, str], float]) -> bool:
        held = found["waits", "held"]
        return found["waits", "call guard"] < held and found["waits", "scoped release"] < held

    found = measured_until(seconds, only_held_calls_stand_in_line)
    assert len(found) == 6
    assert found["waits", "held"] >= 5 * call_guard.QUICK
    assert found["computes", "held"] >= 5 * call_guard.QUICK


@pytest.mark.needs_gil
def test_on_one_core_calls_that_compute_cannot_overlap_and_the_lab_says_so() -> None:
    ended = run_program(
        """
        import os, sys
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        from freshframe._cli import main
        sys.exit(main(["lab", "call-guard", "--quick", "--json", "-q"]))
        """
    )
    assert ended.code == 0, ended.err
    records = [json.loads(line) for line in ended.out.splitlines()]
    found = {(row["work"], row["style"]): row for row in rows(records, "calls")}
    assert found["computes", "call guard"]["seconds"] >= 5 * call_guard.QUICK
    assert found["computes", "call guard"]["expected"] == 5
    assert "one core" in rows(records, "meaning")[0]["notes"][0]


@pytest.mark.needs_gil
def test_a_capture_that_holds_the_gil_freezes_the_game() -> None:
    games = runs("frozen-game")
    held, key, released = "capture holds the GIL", "the same, then waitKey(30)", "capture lets it go"

    def intervals() -> dict[str, dict[str, Any]]:
        return {row["beside"]: row for row in rows(next(games), "intervals")}

    def freezes(found: dict[str, dict[str, Any]]) -> bool:
        frozen = found[held]
        return bool(
            found[key]["missed"] > 0 and frozen["p50"] > 0.029 and frozen["missed"] > 0.4 * frozen["frames"]
        )

    found = measured_until(intervals, freezes)
    assert list(found) == ["alone", held, key, released, "freshframe"]
    assert all(row["p50"] <= row["p99"] <= row["max"] for row in found.values())


@pytest.mark.needs_gil
def test_a_native_thread_waits_for_as_long_as_a_busy_thread_may_keep_the_gil() -> None:
    contentions = runs("contention")

    def waits() -> dict[tuple[int, float], dict[str, Any]]:
        return {(row["busy"], row["switch_interval"]): row for row in rows(next(contentions), "waits")}

    def waits_for_the_busy_thread(found: dict[tuple[int, float], dict[str, Any]]) -> bool:
        p50 = {case: row["p50"] for case, row in found.items()}
        beside = p50[1, 0.005]  # if other programs need the cores, the busy thread is not always busy
        return bool(beside > 0.004 and beside > p50[1, 0.0002] and beside > p50[0, 0.005])

    found = measured_until(waits, waits_for_the_busy_thread)
    assert len(found) == 1 + 3 * 3
    assert all(row["asked"] > 0 and row["p50"] <= row["p90"] <= row["p99"] for row in found.values())


def test_the_cost_of_letting_go_is_shown_for_every_length_of_work() -> None:
    found = rows(lab("contention"), "costs")
    assert [(row["work"], row["beside_busy_thread"]) for row in found] == [
        (work, beside) for work in (10e-6, 100e-6, 1e-3, 10e-3) for beside in (False, True)
    ]
    for row in found:
        assert row["held"] >= 0.9 * row["work"]
        assert row["released"] >= 0.9 * row["work"]


def test_the_switch_interval_is_restored_also_after_a_failure() -> None:
    before = sys.getswitchinterval()
    assert contention._asking(1, 0.0002, 0.05)()
    assert sys.getswitchinterval() == before

    def fail() -> None:
        with counting(2) as counters, switch_interval(0.001):
            assert all(counter.is_alive() for counter in counters)
            assert sys.getswitchinterval() == pytest.approx(0.001)
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError):
        fail()
    assert sys.getswitchinterval() == before  # the fixture of all tests checks that no counter is left


@pytest.mark.needs_gil
def test_every_way_to_add_is_measured_and_a_loop_that_holds_the_gil_stops_the_other_thread() -> None:
    adding = runs("sum")

    def kernels() -> dict[str, dict[str, Any]]:
        return {row["kernel"]: row for row in rows(next(adding), "kernels")}

    # If other programs need the cores, the other thread may get none while the loop runs.
    found = measured_until(kernels, lambda found: bool(found[sums.LOOP_RELEASED]["other_thread"] > 0))
    assert {sums.NUMPY, sums.OURS, sums.LOOP_HELD, sums.LOOP_RELEASED, "math.fsum"} <= set(found)
    assert all(row["bytes_per_second"] > 0 for row in found.values())
    assert found[sums.LOOP_HELD]["other_thread"] == 0
    assert found["math.fsum"]["other_thread"] == 0
    assert found["math.fsum"]["error_decades"] == 0
    assert found[sums.OURS]["error_decades"] <= found[sums.NUMPY]["error_decades"]
    assert found[sums.LOOP_HELD]["error_tenths"] == found[sums.LOOP_RELEASED]["error_tenths"] > 1e-13


def test_the_plain_loop_adds_one_after_the_other() -> None:
    values = np.random.default_rng(3).standard_normal(1000)
    total = 0.0
    for value in values:
        total += value
    assert _lab.sum(values, True) == _lab.sum(values, False) == total
    refused: list[Any] = [[1.0], np.zeros(3, np.float32), np.zeros(6)[::2]]
    for wrong in refused:
        with pytest.raises(TypeError):
            _lab.sum(wrong, True)


@pytest.mark.parametrize(
    ("gil", "rows"), [("true", None), ("false", [{"lab": "x", "table": "threads", "ratio": 1.0}])]
)
def test_the_free_threaded_column_comes_from_the_other_python(tmp_path: Path, gil: str, rows: Any) -> None:
    python = tmp_path / "python"
    machine = f'{{"lab": "x", "table": "machine", "gil": {gil}}}'
    row = '{"lab": "x", "table": "threads", "ratio": 1.0}'
    python.write_text(f"#!/bin/sh\necho '{machine}'\necho '{row}'\n")
    python.chmod(0o755)
    bench = Bench(True, lambda _: None, free_threaded=python)
    if rows is not None:
        assert free_threaded.tables(bench, "fibonacci")["threads"] == rows
        return
    with pytest.raises(UsageError, match="runs with a GIL: name a free-threaded Python"):
        free_threaded.tables(bench, "fibonacci")


def test_the_free_threaded_column_has_the_times_of_freshframe_alone() -> None:
    ours = {"binding": fibonacci.OURS, "case": "gil", "seconds": 0.1, "cpu_seconds": 0.2}
    missing = {"binding": "PyO3", "case": "gil", "seconds": None, "missing": "it would switch the GIL on"}
    assert fibonacci.read_our_times([ours, missing]) == {"gil": (0.1, 0.2)}


def test_a_free_threaded_python_that_is_not_there_is_named() -> None:
    bench = Bench(True, lambda _: None, free_threaded=Path("no/python"))
    with pytest.raises(UsageError, match="--free-threaded 'no/python'"):
        free_threaded.tables(bench, "fibonacci")
