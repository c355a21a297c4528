"""pytest --gil-budget: the test that held the GIL fails, and no other one."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from budget_runs import HEAD, LIMIT, run, run_seen

pytestmark = pytest.mark.needs_gil

PLANTED = """
numbers = [n * 7919 % 1_000_003 for n in range(1_500_000)]
def test_sleeps_with_the_gil(): hold()
def test_computes(): sorted(numbers)
def test_own_thread():
    thread = threading.Thread(target=hold)
    thread.start()
    thread.join()
@pytest.fixture
def holds_first(): hold()
@pytest.fixture
def holds_last():
    yield
    hold()
def test_setup(holds_first): pass
def test_teardown(holds_last): pass
@pytest.mark.gil_budget("10s")
def test_may_take_longer(): hold()
@pytest.mark.gil_budget(None)
def test_has_no_budget(): hold()
def test_sleeps(): time.sleep(0.2)
def test_lets_go(): hashlib.pbkdf2_hmac("sha256", b"a", b"b", 300_000)
def test_is_quick(): pass
"""

FAIL = {"test_sleeps_with_the_gil", "test_computes", "test_own_thread", "test_setup", "test_teardown"}


@pytest.mark.slow
def test_planted_holds_are_found_and_the_others_pass(tmp_path: Path) -> None:
    done = run_seen(tmp_path, PLANTED, "--junit-xml", str(tmp_path / "junit.xml"), wanted=FAIL)
    assert done.over == FAIL, done.text
    assert done.code == 1
    assert re.search(
        r"ms blocked in clock_nanosleep: libc\.so\.6:usleep, called at .*test_it\.py:\d+:hold", done.text
    )
    assert "builtins:sorted" in done.text
    assert "in its teardown:" in done.text
    assert done.last_line.startswith("gil budget: 5 tests over it")
    properties = {
        (case.get("name"), each.get("name")): each.get("value")
        for case in ET.parse(tmp_path / "junit.xml").iter("testcase")
        for each in case.iter("property")
    }
    assert properties["test_computes", "gil_name"] == "builtins:sorted"
    assert float(properties["test_computes", "gil_longest_ms"] or 0) >= 50
    assert ("test_is_quick", "gil_name") not in properties


@pytest.mark.slow
def test_workers_of_xdist_measure_and_the_controller_sums_up(tmp_path: Path) -> None:
    done = run_seen(tmp_path, PLANTED, "-n", "2", wanted=FAIL)
    assert done.over == FAIL, done.text
    assert done.last_line.startswith("gil budget: 5 tests over it")


QUIET = """
@pytest.fixture(autouse=True)
def rare_switches():
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.5)
    yield
    sys.setswitchinterval(before)
def loop(seconds=0.25):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end: pass
def test_bytecode_alone(): loop()
def test_bytecode_beside_bytecode():
    other = threading.Thread(target=loop)
    other.start()
    loop()
    other.join()
def test_recursion():
    def f(n): return n if n < 2 else f(n - 1) + f(n - 2)
    f(24)
"""


@pytest.mark.slow
@pytest.mark.repeats  # a watch that gets no processor sees too little to know bytecode from a short call
def test_bytecode_is_never_over_a_budget_whatever_the_switch_interval(tmp_path: Path) -> None:
    for _ in range(5):  # a thread that others keep from the processor may look like one that computes
        done = run(tmp_path, QUIET, budget="20ms")
        if done.code == 0:
            break
    assert done.code == 0, done.text
    assert done.over == set()


@pytest.mark.slow
def test_a_hold_of_a_thread_is_charged_to_the_test_that_has_left_it(tmp_path: Path) -> None:
    tests = """
def test_leaves_a_thread():
    threading.Thread(target=lambda: (time.sleep(0.3), hold()), daemon=True).start()
def test_innocent(): time.sleep(1.5)
"""
    for _ in range(10):  # a busy machine may hide the hold
        done = run(tmp_path, tests)
        if done.report["left"]:
            break
    assert done.over == set()
    assert done.code == 1, done.text
    assert "test_it.py::test_leaves_a_thread left a thread that held the GIL later" in done.text
    assert "2 passed" in done.text
    assert [hold["test"] for hold in done.report["left"]] == ["test_it.py::test_leaves_a_thread"]


@pytest.mark.slow
def test_a_collection_counts_only_where_that_was_asked_for(tmp_path: Path) -> None:
    tests = """
def test_collects():
    gc.disable()
    kept = [[n] for n in range(3_000_000)]
    gc.enable()
    more = [[] for n in range(200_000)]
    for part in kept: part.append(kept)
    kept.clear()
    gc.set_threshold(1, 1, 1)
    [[] for n in range(50)]
    gc.set_threshold(700, 10, 10)
"""
    for _ in range(10):  # a busy machine may hide a collection
        done = run(tmp_path, tests, budget="10ms")
        holds = [hold for each in done.report["tests"].values() for hold in each]
        collections = [hold for hold in holds if hold["kind"] == "collector"]
        if collections:
            break
    assert collections, done.text
    assert "collections up to" in done.last_line
    counted = run_seen(tmp_path, tests, "--gil-count", "collector", wanted={"test_collects"}, budget="10ms")
    assert counted.code == 1
    assert "gc:collection" in counted.text


@pytest.mark.slow
def test_only_marked_tests_have_a_budget_where_that_was_asked_for(tmp_path: Path) -> None:
    tests = f"""
@pytest.mark.gil_budget("{LIMIT}")
def test_marked(): hold()
def test_unmarked(): hold()
"""
    assert run_seen(tmp_path, tests, budget="marked", wanted={"test_marked"}).over == {"test_marked"}


@pytest.mark.slow
def test_without_a_budget_the_plugin_does_nothing(tmp_path: Path) -> None:
    tests = f"""
@pytest.mark.gil_budget("{LIMIT}")
def test_marked():
    hold()
    parts = [name for name in sys.modules if name.startswith("gil_budget.")]
    assert parts == ["gil_budget.pytest_plugin"]
"""
    done = run(tmp_path, tests, "--strict-markers", budget=None)
    assert done.code == 0, done.text
    assert "gil budget:" not in done.text


def test_the_package_imports_neither_freshframe_nor_numpy(tmp_path: Path) -> None:
    tests = """
def test_modules(): assert not {"freshframe", "numpy", "rich"} & set(sys.modules)
"""
    done = run(tmp_path, tests)
    assert done.code == 0, done.text


@pytest.mark.slow
def test_the_settings_of_pytest_can_hold_it_all(tmp_path: Path) -> None:
    (tmp_path / "base.txt").write_text("2000ms libc.so.6:usleep\n")
    settings = f"gil_budget = {LIMIT}\ngil_budget_baseline = base.txt\ngil_budget_allow =\n  builtins:*"
    done = run(tmp_path, PLANTED, budget=None, settings=settings)
    assert done.code == 0, done.text
    assert "baseline of 1 names" in done.text
    assert run(tmp_path, PLANTED, budget="off", settings=settings).report == {}


@pytest.mark.slow
def test_reporting_only_fails_nothing_and_prints_what_is_over(tmp_path: Path) -> None:
    done = run_seen(tmp_path, "def test_holds(): hold()", "--gil-report-only", wanted={"test_holds"})
    assert done.code == 0
    assert re.search(r"test_it\.py::test_holds: .* libc\.so\.6:usleep", done.text), done.text
    assert done.over == {"test_holds"}


@pytest.mark.slow
def test_github_gets_a_warning_at_the_programs_line(tmp_path: Path) -> None:
    tests = "def test_holds(): hold()"
    done = run_seen(tmp_path, tests, wanted={"test_holds"}, GITHUB_ACTIONS="true")
    line = HEAD.split("\n").index("def hold(ms=300): C.usleep(ms * 1000)") + 1
    assert f"::warning file=test_it.py,line={line}::" in done.text


@pytest.mark.slow
def test_a_test_over_its_budget_once_passes_with_confirm(tmp_path: Path) -> None:
    tests = """
runs = []
def test_first_run_only():
    runs.append(1)
    if len(runs) == 1: hold()
def test_always(): hold()
"""
    done = run_seen(tmp_path, tests, "--gil-confirm", wanted={"test_always"})
    assert "1 failed, 1 passed" in done.text, done.text
    assert done.over == {"test_always"}
    assert done.code == 1


@pytest.mark.slow
def test_a_hold_with_another_name_in_the_second_run_is_told_and_passes(tmp_path: Path) -> None:
    tests = """
runs = []
numbers = [n * 7919 % 1_000_003 for n in range(1_500_000)]
def test_changes():
    runs.append(1)
    hold() if len(runs) == 1 else sorted(numbers)
"""
    for _ in range(10):  # a busy machine may hide a hold
        done = run(tmp_path, tests, "--gil-confirm")
        assert done.code == 0, done.text
        if found := "over its budget in one of two runs" in done.text:
            break
    assert found, done.text


@pytest.mark.slow
def test_a_forked_child_is_not_watched_and_the_report_says_so(tmp_path: Path) -> None:
    tests = """
def test_forks():
    child = os.fork()
    if child == 0:
        hold()
        os._exit(0)
    os.waitpid(child, 0)
"""
    done = run(tmp_path, tests)
    assert done.code == 0, done.text
    assert "1 forked children not watched" in done.last_line


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "name", "error"),
    [
        (
            "gil_budget.windows",
            "native_module",
            'raise importlib.import_module("gil_budget").Unsupported("no")',
        ),
        ("gil_budget._plugin.measuring", "why_not_to_fail", 'return "no schedstat"'),
    ],
)
def test_where_it_cannot_measure_nothing_fails_and_it_says_so(
    tmp_path: Path, place: str, name: str, error: str
) -> None:
    (tmp_path / "conftest.py").write_text(
        f"""
import importlib
def cannot():
    {error}
setattr(importlib.import_module("{place}"), "{name}", cannot)
import gil_budget._plugin.summary as summary
summary.why_not_to_fail = lambda: "no schedstat"
"""
    )
    done = run(tmp_path, "def test_holds(): hold()")
    assert done.code == 0, done.text
    assert "nothing fails: no schedstat" in done.text or "not measured here: no" in done.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "tests", "message"),
    [
        (["--gil-budget", "10"], "", "a limit must be a number with its unit"),
        (["--gil-budget", "1ms"], "", "a limit must be 2 ms to 60 s, got '1ms'"),
        (
            ["--gil-count", "calls"],
            "",
            "--gil-count must be one or more of call, freeing, objects, collector, import",
        ),
        (["--gil-baseline", "none.txt"], "", "cannot read the baseline 'none.txt'"),
        ([], "@pytest.mark.gil_budget\ndef test_it(): pass", "the marker takes one limit"),
        ([], "@pytest.mark.gil_budget('often')\ndef test_it(): pass", "got 'often'"),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, options: list[str], tests: str, message: str) -> None:
    done = run(tmp_path, tests or "def test_it(): pass", *options)
    assert done.code != 0
    assert message in done.text


@pytest.mark.slow
def test_tests_are_counted_and_not_their_phases(tmp_path: Path) -> None:
    """Both of a call and a teardown that the watch did not see are of one test; so are two runs of it."""
    (tmp_path / "conftest.py").write_text(
        """
from gil_budget.windows import Window
Window.saw_all_since = lambda self, moment: False
"""
    )
    tests = "def test_a(): hold()\ndef test_b(): pass\n"
    for options in [(), ("--gil-confirm",)]:
        done = run(tmp_path, tests, *options)
        assert "in 2 tests the watch got no processor" in done.last_line
        assert done.report["blind"] == ["test_it.py::test_a", "test_it.py::test_b"]
    (tmp_path / "conftest.py").write_text(
        """
from gil_budget.windows import Window
Window.settle = lambda self, timeout=0: False
"""
    )
    done = run(tmp_path, tests)
    assert "in 2 tests not all is known" in done.last_line
    assert done.report["unsettled"] == 2


@pytest.mark.slow
def test_what_a_suite_keeps_until_the_exit_is_not_reported_below_the_result(tmp_path: Path) -> None:
    tests = """
def test_keeps_it_all(request):
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(request.config))
"""
    done = run(tmp_path, tests)
    assert done.code == 0, done.text
    assert "leaked" not in done.text
    assert (
        done.text.rstrip().splitlines()[-1].startswith("=")
        or " passed" in done.text.rstrip().splitlines()[-1]
    )


@pytest.mark.slow
def test_tests_in_pure_python_that_make_many_objects_pass(tmp_path: Path) -> None:
    tests = """
def test_tree():
    rows = [{"id": n, "tags": [n, n + 1]} for n in range(600_000)]
    assert len(rows) == 600_000
def test_collects():
    kept = [[n] for n in range(1_000_000)]
    gc.collect()
"""
    for _ in range(5):  # a machine that stands still may make a short call long
        done = run(tmp_path, tests, budget="10ms")
        if done.code == 0:
            break
    assert done.code == 0, done.text
    kinds = {hold["kind"] for holds in done.report["tests"].values() for hold in holds}
    assert "collector" in kinds or done.report["blind"], done.text
    assert kinds <= {"collector", "objects"}, done.text
