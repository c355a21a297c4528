"""gil_budget.budget(): a block that holds the GIL too long raises, and the process has one watch."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ctypes
import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import gil_budget
import pytest
from budget_runs import python_path
from gil_budget._gil_watch.running import find_running
from gil_budget.holds import Hold
from gil_budget.limits import LimitError, parse_seconds
from gil_budget.verdict import Verdict
from rigs.watchdog import LONG_WATCHDOG, run_to_end

needs_gil = pytest.mark.needs_gil

C = ctypes.PyDLL(None)


def hold(milliseconds: int = 300) -> None:
    C.usleep(milliseconds * 1000)


def exceeded(call: Callable[[], object] = hold) -> gil_budget.BudgetExceeded:
    """The error of a budget of 50 ms; again when a busy machine left the watch no processor meanwhile."""
    for _ in range(50):
        budget = gil_budget.budget("50ms")
        try:
            with budget:
                call()
        except gil_budget.BudgetExceeded as error:
            return error
        assert not budget.complete, budget.holds
    raise AssertionError("the watch never got a processor")


@needs_gil
def test_a_call_over_the_budget_raises_with_its_names() -> None:
    error = exceeded()
    assert re.search(r"held for 50\.0 ms or longer:\n.*usleep", str(error))
    (found,) = error.holds
    assert found.native == "libc.so.6:usleep"
    assert found.name == found.native
    assert found.kind == "call"
    assert found.system_call == "clock_nanosleep"
    assert found.python is not None
    assert found.python.endswith(":hold")
    assert found.thread == threading.current_thread().name
    assert 0.05 <= found.seconds <= found.lasted


@pytest.mark.slow
@needs_gil
def test_the_verdict_is_ready_when_the_block_ends() -> None:
    for _ in range(5):
        assert exceeded(lambda: hold(200)).holds


@needs_gil
def test_a_quiet_block_passes_and_leaves_no_watch() -> None:
    with gil_budget.budget("50ms") as budget:
        time.sleep(0.2)
    assert budget.over == []
    assert find_running() is None


@pytest.mark.slow
@needs_gil
@pytest.mark.repeats  # a watch that gets no processor sees too little to know bytecode from a short call
def test_a_tight_loop_of_bytecode_that_shares_its_processor_is_over_no_budget() -> None:
    processors = os.sched_getaffinity(0)
    shared = {min(processors)}
    busy = [sys.executable, "-c", f"import os\nos.sched_setaffinity(0, {shared})\nwhile True: pass"]
    with subprocess.Popen(busy) as other:
        try:
            with gil_budget.budget("5ms"):  # its threads keep all processors
                os.sched_setaffinity(0, shared)  # pins this thread
                until_then = time.monotonic() + 10
                while time.monotonic() < until_then:
                    for _ in itertools.repeat(None, 200_000):  # few instructions, and no variable changes
                        pass
        finally:
            os.sched_setaffinity(0, processors)
            other.kill()


def spin() -> None:
    exec("while True: pass")  # on one line it is one instruction, which jumps to itself


def count(iterator: Iterator[None]) -> Callable[[], None]:
    def loop() -> None:
        for _ in iterator:  # no instruction but the first calls anything, and no variable changes
            pass

    return loop


@pytest.mark.table(cases=2)
@needs_gil
@pytest.mark.repeats  # a watch that gets no processor sees too little to know bytecode from a short call
@pytest.mark.parametrize(
    "loop",
    [spin, count(itertools.repeat(None)), count(itertools.cycle([None]))],
    ids=["jump", "repeat", "cycle"],
)
def test_a_loop_that_is_always_at_the_same_instruction_is_no_call(loop: Callable[[], None]) -> None:
    def end(*_: object) -> None:
        raise InterruptedError

    interval = sys.getswitchinterval()
    handler = signal.signal(signal.SIGVTALRM, end)
    try:
        with gil_budget.budget("50ms"):
            sys.setswitchinterval(10)  # otherwise it lets go of the GIL before it is over the budget
            signal.setitimer(signal.ITIMER_VIRTUAL, 0.4)
            with pytest.raises(InterruptedError):
                loop()
            sys.setswitchinterval(interval)
    finally:
        sys.setswitchinterval(interval)
        signal.signal(signal.SIGVTALRM, handler)


@needs_gil
def test_the_blocks_own_exception_comes_first() -> None:
    budget = gil_budget.budget("50ms")

    def hold_and_fail() -> None:
        with budget:
            hold()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        hold_and_fail()
    assert budget.over or not budget.complete


@pytest.mark.slow
@needs_gil
def test_budgets_in_each_other_have_their_own_limits() -> None:
    with gil_budget.budget("10s"):
        assert exceeded().holds
        with gil_budget.budget("5s"):
            hold()
    assert find_running() is None


@pytest.mark.slow
@needs_gil
def test_allowed_names_and_other_kinds_do_not_count() -> None:
    with gil_budget.budget("50ms", allow=["libc.so.6:*"]) as budget:
        hold()
    assert budget.holds or not budget.complete
    with gil_budget.budget("50ms", count=["import"]):
        hold()


@needs_gil
def test_it_is_used_once() -> None:
    budget = gil_budget.budget()
    with budget:
        pass
    with pytest.raises(RuntimeError, match="already used"):
        budget.__enter__()


@needs_gil
def test_a_forked_child_can_have_its_own() -> None:
    with gil_budget.budget("10s"):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                exceeded()
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.slow
@needs_gil
@pytest.mark.parametrize(("limit", "code"), [("50ms", 1), ("10s", 0)])
def test_the_command_runs_a_program_under_a_budget(tmp_path: Path, limit: str, code: int) -> None:
    program = tmp_path / "app.py"
    program.write_text(
        "import ctypes, sys\nfor _ in range(5): ctypes.PyDLL(None).usleep(300_000)\nprint(sys.argv[1:])\n"
    )
    command = [sys.executable, "-c", "import sys, gil_budget._command as c; sys.exit(c.main())"]
    for _ in range(10):  # a busy machine may hide all of the holds
        done = run_to_end(
            [*command, "run", "--budget", limit, str(program), "-x"],
            env={**os.environ, "PYTHONPATH": python_path()},
            timeout=LONG_WATCHDOG,
        )
        if done.returncode == code:
            break
    assert (done.returncode, done.stdout) == (code, "['-x']\n"), done.stderr
    assert ("libc.so.6:usleep" in done.stderr) == bool(code)


@pytest.mark.parametrize(("limit", "seconds"), [("10ms", 0.01), ("2000us", 0.002), (" 0.5 s", 0.5), (1, 1.0)])
def test_limits(limit: str | float, seconds: float) -> None:
    assert parse_seconds(limit) == pytest.approx(seconds)


@pytest.mark.parametrize("limit", ["10", "ms", "1ms", "61s", 0.001, True, None, "-5ms"])
def test_a_wrong_limit_is_refused(limit: str | float) -> None:
    with pytest.raises(LimitError, match=r"a limit must be .*, got"):
        parse_seconds(limit)


def test_a_wrong_kind_is_refused() -> None:
    with pytest.raises(
        ValueError,
        match="count must be a list with one or more of call, freeing, objects, collector, import, got 'gc'",
    ):
        gil_budget.budget(count=["gc"])


def made(seconds: float = 0.02, name: str | None = "a.so:f", kind: str = "call") -> Hold:
    return Hold(seconds, seconds, 0.0, kind, name, None, None, "t", 1, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("verdict", "hold", "over"),
    [
        (Verdict(), made(), True),
        (Verdict(), made(0.009), False),
        (Verdict(), made(name=None), False),
        (Verdict(), made(kind="freeing"), True),
        (Verdict(), made(kind="objects"), False),
        (Verdict(), made(kind="collector"), False),
        (Verdict(), made(kind="import"), False),
        (Verdict(count=("import",)), made(kind="import"), True),
        (Verdict(allow=("a.so:*",)), made(), False),
        (Verdict(allow=("b.so:*",)), made(), True),
        (Verdict(baseline={"a.so:f": 0.02}), made(0.0239), False),
        (Verdict(baseline={"a.so:f": 0.02}), made(0.0241), True),
    ],
)
def test_the_verdict(verdict: Verdict, hold: Hold, over: bool) -> None:
    assert verdict.is_over(hold, 0.01) is over


@pytest.mark.parametrize(
    ("native", "program", "name"),
    [("a.so:f", "/x/b.py:3:g", "a.so:f"), (None, "/x/b.py:3:C.g", "b.py:C.g"), (None, None, None)],
)
def test_the_name_has_neither_line_nor_folder(
    native: str | None, program: str | None, name: str | None
) -> None:
    assert Hold(0.1, 0.1, 0.0, "call", native, program, program, "t", 1, None).name == name
