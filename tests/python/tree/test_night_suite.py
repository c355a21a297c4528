"""The parts of `./dev night` that run the tests: again and again, and with threads that hesitate."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from night import __main__ as night
from night import ledger
from night.delays import delays
from night.ledger import Entry
from night.repeats import repeats
from night.suite import files

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler for what is preloaded")

_TESTS = """
import ctypes, os, threading
import pytest

_kept, _cache = [], {}
_turns = iter(range(10**9))


def test_clean(tmp_path, caplog):
    tmp_path.joinpath("file").write_text("text")


def test_an_object():
    _kept.append([len])


def test_a_block():
    ctypes.CDLL(None).malloc(100)


def test_a_descriptor():
    _kept.append(os.dup(1))


def test_a_cache_of_twelve():
    _cache[next(_turns) % 12] = {}


@pytest.mark.parametrize("error", [ValueError("the same in each run")])
def test_an_exception_of_its_parameters(error):
    with pytest.raises(ValueError):
        raise error


@pytest.mark.parametrize("steps", [iter([1])])
def test_what_can_run_once(steps):
    assert next(steps) == 1


def test_one_that_fails():
    assert not _kept


@pytest.mark.skip
def test_one_that_is_skipped():
    pass
"""


@pytest.fixture
def counting(tmp_path: Path) -> dict[str, str]:
    """The variables with which blocks are counted."""
    return night._preloaded("blocks.c", tmp_path)


@pytest.mark.thorough
def test_what_each_run_leaves_behind_is_told_and_a_cache_is_not(
    tmp_path: Path, counting: dict[str, str]
) -> None:
    root = tmp_path / "tests"
    root.mkdir(exist_ok=True)
    (root / "test_leaks.py").write_text(_TESTS)
    patience = {"FRESHFRAME_TEST_PATIENCE": "10"}  # a busy machine needs minutes for all runs of a test
    ran, found, figures = repeats(0.1, 0, counting | patience, root)
    told = {line.split("::")[1] for line in found}
    assert {line.split(":")[0].split(" ")[0] for line in told} == {
        "test_an_object",
        "test_a_block",
        "test_a_descriptor",
        "test_one_that_fails",
    }
    assert any("leaves at least 1 objects" in line and "builtins.list" in line for line in found)
    [block] = [line for line in found if "::test_a_block:" in line]
    assert "leaves at least 1 blocks" in block
    # The least growth of many runs: one in which Python gives back other memory leaves less than malloc(100).
    assert all(0 < int(size) <= 104 for size in re.findall(r"(\d+) bytes", block)), block
    assert any("1 descriptors" in line for line in found)
    assert ran == 8
    assert figures == {"next": 0.0, "files": 1.0, "run once": 1.0}


def test_a_file_that_ends_its_process_is_told_and_the_next_piece_goes_on_behind_it(
    tmp_path: Path, counting: dict[str, str]
) -> None:
    root = tmp_path / "tests"
    (root / "folder").mkdir(parents=True)
    (root / "test_a.py").write_text("def test_a(): pass")
    (root / "folder" / "test_b.py").write_text("import os\n\n\ndef test_b(): os.abort()")
    order = [path.name for path in files(root)]
    assert sorted(order) == ["test_a.py", "test_b.py"]
    ran, found, figures = repeats(60.0, order.index("test_b.py"), counting, root)
    assert ran == 1
    assert len(found) == 1
    assert found[0].startswith("test_b.py: ended with -6: ")
    assert figures["files"] == 2


def test_a_piece_begins_where_the_last_one_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []

    def ran(_: float, first: int, library: dict[str, str]) -> night.Found:
        assert Path(library["LD_PRELOAD"]).exists()
        begun.append(first)
        return 5, [], {"next": 7.0}

    monkeypatch.setattr("night.repeats.repeats", ran)
    part = night._name("repeats")
    monkeypatch.setattr(ledger, "read", lambda: [Entry(part, "aaaa", 1.0, 1, [], {"next": 3.0})])
    assert night.PARTS["repeats"].run(1.0) == (5, [], {"next": 7.0})
    monkeypatch.setattr(ledger, "read", lambda: [Entry("random", "aaaa", 1.0, 1, [], {"next": 3.0})])
    night.PARTS["repeats"].run(1.0)
    assert begun == [3, 0]


_WITH_DELAYS = """
import os

import pytest


def test_passes():
    assert os.environ["FRESHFRAME_TEST_DELAYS"]


@pytest.mark.parametrize("order", ["one", "a rare [one] - of two"])
def test_fails_with_delays(order):
    assert order == "one" or not os.environ["FRESHFRAME_TEST_DELAYS"]


def test_fails():
    raise ValueError
"""


@pytest.mark.thorough
def test_a_test_that_fails_with_delays_is_told_with_its_seed_and_how_often(tmp_path: Path) -> None:
    root = tmp_path / "tests"
    root.mkdir()
    (root / "test_orders.py").write_text(_WITH_DELAYS)
    ran, found, figures = delays(0.1, 0, night._preloaded("delays.c", tmp_path), 3, root)
    assert ran == 4
    assert figures == {"next": 0.0, "files": 1.0}
    always, rare = sorted(found, key=len)
    assert "test_fails_with_delays[a rare [one] - of two]" in rare
    assert "fails, 3 of 3 times again, 0 without delays" in rare
    assert "test_fails, FRESHFRAME_TEST_DELAYS=" in always
    assert "fails, 3 of 3 times again, 3 without delays" in always


def test_a_file_that_hangs_or_ends_its_process_with_delays_is_told(tmp_path: Path) -> None:
    (tmp_path / "test_abort.py").write_text("import os\n\n\ndef test_b(): os.abort()")
    _, found, _ = delays(0.1, 0, {}, 3, tmp_path)
    assert len(found) == 1
    assert "test_abort.py::test_b, FRESHFRAME_TEST_DELAYS=" in found[0]


_LOCKS = """
import ctypes, resource

libc, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)
before = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
for _ in range(20_000):
    assert libc.pthread_mutex_lock(mutex) == libc.pthread_mutex_unlock(mutex) == 0
print(resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - before)
"""


def test_a_thread_hesitates_at_locks_when_there_is_a_seed(tmp_path: Path) -> None:
    library = night._preloaded("delays.c", tmp_path)
    sleeps = {}
    for seed in ("", "1", "2"):
        environment = os.environ | library | {"FRESHFRAME_TEST_DELAYS": seed}
        sleeps[seed] = int(subprocess.check_output([sys.executable, "-c", _LOCKS], env=environment))
    assert 40 < sleeps["1"] < 1000
    assert 40 < sleeps["2"] < 1000
    assert sleeps[""] < 20
