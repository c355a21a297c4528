"""tools/check_joined.py: no name is defined twice in the unnamed namespaces of a unity build."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from rigs.watchdog import LONG_WATCHDOG, run_to_end

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tools"))
from check_joined import clashes, hidden  # noqa: E402


def unnamed(code: str) -> str:
    return (
        f"namespace freshframe {{\nnamespace {{\n\n{code}\n\n}}  // namespace\n}}  // namespace freshframe\n"
    )


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [
        ("constexpr int kStart = 1;", 'constexpr const char* kStart = "";', "kStart"),
        ("constexpr Seconds kSlice{0.05};", "constexpr auto kSlice = second();", "kSlice"),
        ("constexpr std::array<int, 2> kAll = {1, 2};", "constexpr int kAll[] = {1};", "kAll"),
        ("struct Input {\n};", "class Input final {\n};", "Input"),
        ("bool is_video(const Stream& one) {\n}", "bool is_video(const Stream& other) {\n}", "is_video("),
        ("using Place = int;", "using Place = double;", "Place"),
        ("using Place = int;", "struct Place {\n};", "Place"),
        (
            "int show(Row row) {\n}\nconst auto shown = bind(&show);",
            "int show(Column column) {\n}",
            "show",
        ),
    ],
)
def test_a_name_in_two_files_is_refused(one: str, other: str, name: str) -> None:
    said = clashes({Path("a.cpp"): unnamed(one), Path("b.cpp"): unnamed(other)})
    assert len(said) == 1
    assert name in said[0]
    assert "a.cpp and in b.cpp" in said[0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("constexpr int kFirst = 1;", "constexpr int kSecond = 1;"),
        ("using Clock = std::chrono::steady_clock;", "using Clock = std::chrono::steady_clock;"),
        ("int of(Row row) {\n}", "int of(Column column) {\n}"),
        ("int f() {\n  const int count = 1;\n}", "int g() {\n  const int count = 2;\n}"),
    ],
)
def test_names_that_can_live_together_pass(one: str, other: str) -> None:
    assert clashes({Path("a.cpp"): unnamed(one), Path("b.cpp"): unnamed(other)}) == []


@pytest.mark.parametrize(
    ("header", "code", "namespace", "found"),
    [
        ("inline constexpr double kPatience = 0.005;", "constexpr Seconds kPatience{1};", "freshframe", 1),
        ("class WayOut {\n};", "struct WayOut {\n};", "freshframe", 1),
        ("struct Input {\n};", "using Input = int;", "freshframe", 1),
        ("using Times = std::vector<double>;", "using Times = Series;", "freshframe", 1),
        (
            "inline void expect(const Stats& stats) {\n}",
            "void expect(const Inbox& inbox) {\n}",
            "freshframe",
            1,
        ),
        ("inline constexpr double kPatience = 0.005;", "constexpr int kPatienceHere = 1;", "freshframe", 0),
        ("inline constexpr double kPatience = 0.005;", "constexpr Seconds kPatience{1};", "freshframe::x", 0),
        ("struct A {\n  static constexpr int kMost = 3;\n};", "constexpr int kMost = 1;", "freshframe", 0),
    ],
)
def test_a_name_that_a_header_of_the_namespace_has_is_refused(
    header: str, code: str, namespace: str, found: int
) -> None:
    text = f"namespace {namespace} {{\n{header}\n}}\n"
    said = hidden({Path("a.cpp"): unnamed(code)}, {Path("b.hpp"): text})
    assert len(said) == found
    assert all("a.cpp and in b.hpp" in line for line in said)


@pytest.mark.slow
def test_the_tree_has_no_such_name() -> None:
    ended = run_to_end([sys.executable, str(ROOT / "tools/check_joined.py")], timeout=LONG_WATCHDOG)
    assert ended.returncode == 0, ended.stdout
