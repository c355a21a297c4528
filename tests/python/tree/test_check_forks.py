"""tools/check_forks.py: every mutex is held during a fork, or has a reason why not."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
RULES = """
[[mutexes]]
why = "for the test"
of = { "src/known.hpp" = ["mutex_"] }
[thread_locals]
names = []
"""


def check(tree: Path) -> tuple[int, str]:
    program = [sys.executable, str(ROOT / "tools/check_forks.py"), str(tree)]
    ended = subprocess.run(program, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout


@pytest.mark.table(cases=5)
@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("  std::mutex mutex_;\n", "src/new.hpp:1: how does mutex_ live across a fork?"),
        ("  mutable Mutex mutex_;\n", "how does mutex_ live"),
        ("static std::once_flag once;\n", "how does once live"),
        ("Mutex building_{LockRank::Graph};\n", "how does building_ live"),
        ("  pthread_atfork(nullptr, nullptr, &renew);\n", "is called in include/freshframe/forks.hpp only"),
        ("  Mutex mutex_;\n  core::ForkHold hold_{mutex_};\n", ""),
        ("  std::mutex mutex_;\n  forks::Hold<std::mutex> hold_{mutex_};\n", ""),
        ("  const Lock lock(mutex_);\n  Mutex& mutex;\n", ""),
    ],
)
def test_a_mutex_without_a_hold_or_a_reason_is_found(code: str, said: str, tmp_path: Path) -> None:
    for folder in ("include", "src", "tools"):
        (tmp_path / folder).mkdir()
    (tmp_path / "tools/forks.toml").write_text(RULES)
    (tmp_path / "src/known.hpp").write_text("  std::mutex mutex_;\n")
    (tmp_path / "src/new.hpp").write_text(code)
    status, output = check(tmp_path)
    assert (status, said in output) == (1 if said else 0, True), output


def test_a_reason_for_a_mutex_that_is_gone_is_found(tmp_path: Path) -> None:
    for folder in ("include", "src", "tools"):
        (tmp_path / folder).mkdir()
    (tmp_path / "tools/forks.toml").write_text(RULES)
    (tmp_path / "src/known.hpp").write_text("\n")
    assert check(tmp_path) == (
        1,
        "tools/forks.toml names mutex_ of src/known.hpp, where there is no such mutex\n",
    )


@pytest.mark.slow
def test_the_tree_passes() -> None:
    if not (ROOT / "src").is_dir():
        pytest.skip("the tests run without the sources")
    assert check(ROOT)[0] == 0, check(ROOT)[1]
