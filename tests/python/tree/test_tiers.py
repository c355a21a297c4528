"""Which tests ./dev test --quick, ./dev test and ./dev test --all choose, by their markers."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import tiers
from rigs import repeated
from rigs.watchdog import run_to_end
from support import TESTS

ROOT = Path(__file__).parents[3]


def test_the_sample_of_a_table_has_each_row_and_each_column_once() -> None:
    cases = [{"row": row, "column": column} for row in "abc" for column in range(5)]
    chosen = [cases[place] for place in tiers.covering(cases)]
    assert len(chosen) == 5
    assert {case["row"] for case in chosen} == set("abc")
    assert {case["column"] for case in chosen} == set(range(5))


def test_the_sample_of_a_list_is_the_whole_list() -> None:
    assert tiers.covering([{"text": text} for text in "abc"]) == [0, 1, 2]


def test_values_without_a_text_of_their_own_are_told_apart() -> None:
    first, second = object(), object()
    assert tiers.covering([{"value": first}, {"value": second}, {"value": first}]) == [0, 1]


@pytest.mark.parametrize(
    ("count", "wanted", "places"),
    [(10, 3, [0, 4, 9]), (2, 5, [0, 1]), (7, 1, [0]), (3, 3, [0, 1, 2])],
)
def test_a_number_of_cases_is_spread_evenly(count: int, wanted: int, places: list[int]) -> None:
    assert tiers.spread(count, wanted) == places


LISTED = """Inbox.
  DropsTheOldest
  Waits
Files/MediaStart.
  IsFound/0  # GetParam() = mp4
  IsFound/1  # GetParam() = mkv
  IsFound/2  # GetParam() = ts
  IsFound/3  # GetParam() = flv
Typed/0.  # TypeParam = int
  Holds
"""


@pytest.mark.parametrize("tier", ["quick", "default"])
def test_slow_tests_in_cpp_are_left_out_and_long_tables_cut(tier: str) -> None:
    tests = list(tiers.listed_tests(LISTED.splitlines()))
    slow = tiers.slow_tests(["# why", "Inbox.Waits", "Files/MediaStart.IsFound 2"])
    assert tiers.left_out(tests, slow, "all") == {"Inbox": [], "Files/MediaStart": [], "Typed/0": []}
    assert tiers.left_out(tests, slow, tier) == {
        "Inbox": ["Waits"],
        "Files/MediaStart": ["IsFound/1", "IsFound/2"],
        "Typed/0": [],
    }


def test_the_slow_tests_in_cpp_exist() -> None:
    defined = set()
    for folder in ("tests/cpp", "gil/tests/cpp"):
        for path in (ROOT / folder).rglob("*.cpp"):
            found = re.findall(r"^(?:TYPED_)?TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", path.read_text(), re.M)
            defined |= {f"{suite}.{name}" for suite, name in found}
    listed = tiers.slow_tests(tiers.SLOW.read_text().splitlines())
    assert listed
    assert [name for name in listed if name.rpartition("/")[2] not in defined] == []


PROGRAM = """#!/bin/sh
if [ "$1" = --gtest_list_tests ]; then cat {folder}/listed; else echo "$1" >>{folder}/filters; fi
"""


@pytest.mark.table(cases=2)
@pytest.mark.skipif(shutil.which("ctest") is None, reason="no ctest")
@pytest.mark.parametrize(
    ("processes", "filters"),
    [
        ("8", {":Inbox.*-", ":Files/MediaStart.*-", ":Typed/0.*-"}),
        ("2", {":Inbox.*:Typed/0.*-", ":Files/MediaStart.*-"}),
        ("", {"Inbox.*", "Files/MediaStart.*", "Typed/0.*"}),
    ],
)
def test_ctest_runs_each_suite_once(tmp_path: Path, processes: str, filters: set[str]) -> None:
    program = tmp_path / "program"
    program.write_text(PROGRAM.format(folder=tmp_path))
    program.chmod(0o755)
    (tmp_path / "listed").write_text(LISTED)
    (tmp_path / "CTestTestfile.cmake").write_text(
        f"set(FRESHFRAME_TESTS_PROGRAM [[{program}]])\nset(FRESHFRAME_TESTS_PYTHON [[{sys.executable}]])\n"
        f"include([[{ROOT / 'tests/cpp/suites.cmake'}]])\n"
    )
    ended = run_to_end(
        ["ctest", "--parallel", "2"],
        cwd=tmp_path,
        env=os.environ | {"FRESHFRAME_TEST_TIER": "quick", "FRESHFRAME_TEST_PROCESSES": processes},
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    given = (tmp_path / "filters").read_text().splitlines()
    assert sorted(given) == sorted(f"--gtest_filter={one}" for one in filters)


SUITE = """
import pytest

@pytest.mark.table
@pytest.mark.parametrize("column", range(4))
@pytest.mark.parametrize("row", range(3))
def test_table(row, column):
    pass

@pytest.mark.table(cases=2)
@pytest.mark.parametrize("number", range(9))
def test_list(number):
    pass

@pytest.mark.slow
def test_slow():
    pass

@pytest.mark.full
def test_full():
    pass
"""


def run_suite(
    folder: Path, plugin: str, suite: str, tier: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Runs a test suite with one of the rigs as a plugin."""
    (folder / "conftest.py").write_text(f"from rigs.{plugin} import *\n")
    (folder / "test_suite.py").write_text(textwrap.dedent(suite))
    markers = ["table(cases)", "slow", "full", "repeats"]
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n" + "".join(f"  {one}\n" for one in markers))
    return run_to_end(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, "test_suite.py"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{TESTS}:{ROOT / 'tests'}", "FRESHFRAME_TEST_TIER": tier},
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tier", "counts"),
    [
        ("quick", "1 passed, 22 deselected"),
        ("default", "6 passed, 1 skipped, 16 deselected"),
        ("all", "22 passed, 1 skipped"),
        ("full", "23 passed"),
    ],
)
def test_a_run_has_the_tests_of_its_tier(tmp_path: Path, tier: str, counts: str) -> None:
    ended = run_suite(tmp_path, "tiers", SUITE, tier)
    assert ended.returncode == 0, ended.stdout
    assert ended.stdout.splitlines()[-1].startswith(counts)


SHARED = """
import pytest

@pytest.fixture(scope="module")
def built():
    return 1

@pytest.fixture
def made():
    return 2

def test_of_what_several_share(built):
    pass

def test_of_its_own(made, tmp_path_factory):
    pass
"""


@pytest.mark.slow
@pytest.mark.parametrize(("tier", "counts"), [("quick", "1 passed, 1 deselected"), ("default", "2 passed")])
def test_the_quick_tests_share_no_fixture_of_their_file(tmp_path: Path, tier: str, counts: str) -> None:
    ended = run_suite(tmp_path, "tiers", SHARED, tier)
    assert ended.stdout.splitlines()[-1].startswith(counts), ended.stdout


def test_the_files_with_slow_tests_run_first(tmp_path: Path) -> None:
    (tmp_path / "test_fast.py").write_text("def test_a():\n    pass\n\n\ndef test_b():\n    pass\n")
    suite = "import pytest\n@pytest.mark.slow\ndef test_slow():\n    pass\n"
    ended = run_suite(tmp_path, "tiers", suite, "all", "test_fast.py", "--collect-only")
    assert re.findall(r"::(\w+)", ended.stdout) == ["test_slow", "test_a", "test_b"]


COMPILED = """
import pytest

made = []

@pytest.fixture(scope="module", params=["c++", "clang++"])
def compiled(request):
    made.append(request.param)

@pytest.mark.parametrize("number", range(2))
def test_one(compiled, number):
    pass

def test_other(compiled):
    assert len(made) == len(set(made))
"""


@pytest.mark.slow
@pytest.mark.parametrize("tier", ["default", "all"])
def test_a_fixture_of_a_file_is_made_once_for_each_of_its_cases(tmp_path: Path, tier: str) -> None:
    ended = run_suite(tmp_path, "tiers", COMPILED, tier)
    assert ended.stdout.splitlines()[-1].startswith("6 passed"), ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize("more", [0, 1])
def test_a_run_fails_if_too_many_tests_need_a_second_attempt(tmp_path: Path, more: int) -> None:
    suite = f"""
    import pytest

    tried = set()

    @pytest.mark.repeats
    @pytest.mark.parametrize("number", range({repeated.BUDGET + more}))
    def test_comes_back(number):
        assert number in tried or tried.add(number)
    """
    ended = run_suite(tmp_path, "repeated", suite, "all")
    assert ended.returncode == more, ended.stdout
    assert ended.stdout.count("passed at attempt 2") == repeated.BUDGET + more


@pytest.mark.slow
def test_a_test_that_fails_twice_has_failed(tmp_path: Path) -> None:
    suite = "import pytest\n@pytest.mark.repeats\ndef test_fails():\n    assert False\n"
    assert run_suite(tmp_path, "repeated", suite, "all").returncode == 1


def test_each_marker_selects_tests() -> None:
    declared = re.search(r"^markers = \[\n(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.M | re.S)
    assert declared is not None
    paths = [path for folder in ("tests", "gil/tests") for path in ROOT.glob(f"{folder}/**/*.py")]
    texts = [path.read_text() for path in paths if path != Path(__file__)]
    for name in re.findall(r'^  "(\w+)', declared[1], re.M):
        assert any(re.search(rf"\bmark\.{name}\b", text) for text in texts), name
