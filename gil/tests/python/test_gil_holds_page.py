"""docs/benchmarks/gil-holds.md shows its figures, without rows that two witnesses dispute."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
LIBRARY = "_a.cpython-311-x86_64-linux-gnu.so"
ROWS = ROOT / "gil" / "tools" / "gil_holds" / "rows.json"


@pytest.fixture
def page_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "gil" / "tools" / "gil_holds"))
    monkeypatch.delitem(sys.modules, "page", raising=False)
    import page  # noqa: PLC0415

    return page.page_of


def results(**more: Any) -> dict[str, Any]:
    """Returns the results of one call that held the GIL for 40 ms of 41."""
    one = {
        "wall": 0.041,
        "hold": 0.04,
        "native": "_a.cpython-311-x86_64-linux-gnu.so:f(int)",
        "silence": 0.041,
    }
    rounds = [{**one, "holds": 1, **more}] * 7
    row = {"package": "a", "version": "1", "text": "`f(4 MB)`", "amount": 4, "unit": "MB", "objects": False}
    when = {"python": "3.11.7", "date": "2026-01-01"}
    return {"machine": "a machine", "rows": [{**row, **when, "rounds": rounds}]}


def test_the_page_is_that_of_the_kept_figures(page_of: Any) -> None:
    text = (ROOT / "docs" / "benchmarks" / "gil-holds.md").read_text(encoding="utf-8")
    assert text == page_of(json.loads(ROWS.read_text(encoding="utf-8"))), "./dev gil-holds --page"


def test_the_rows_are_sorted_by_package() -> None:
    text = (ROOT / "docs" / "benchmarks" / "gil-holds.md").read_text(encoding="utf-8")
    for table in text.split("\n## ")[:2]:  # calls that hold the GIL, and calls that let go of it
        packages = [line.split()[1].lower() for line in table.splitlines() if line.startswith("| ")][1:]
        assert len(set(packages)) >= 12
        assert packages == sorted(packages)


def test_a_hold_is_shown_with_its_size_and_its_readable_name(page_of: Any) -> None:
    text = page_of(results())
    assert "| a 1 | `f(4 MB)` | 41.0 ms | 40.0 ms (40.0\u201340.0) | 1 MB | `_a:f` | holds |" in text
    assert "No row was left out" in text


def test_the_page_names_the_days_and_interpreters_of_its_rows(page_of: Any) -> None:
    measured = results()
    measured["rows"] += [{**measured["rows"][0], "date": "2026-02-03", "python": "3.13.0"}]
    text = page_of(measured)
    assert "2026-01-01" in text
    assert "2026-02-03" in text
    assert "CPython 3.13.0" in text


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"silence": 0.02}, "the watch saw a hold of 40.0 ms, the other thread was silent for 20.0 ms"),
        ({"hold": 0.0}, "the watch saw a hold of 0.0 ms, the other thread was silent for 41.0 ms"),
        ({"native": None}, "its native function has no name"),
        ({"wall": 0.008, "hold": 0.008, "silence": 0.008}, "it takes 8.0 ms only"),
    ],
)
def test_a_row_that_is_in_doubt_is_left_out_with_its_reason(
    page_of: Any, more: dict[str, Any], reason: str
) -> None:
    text = page_of(results(**more))
    assert f"Left out: a, `f(4 MB)`: {reason}.\n" in text
    assert "| a 1 |" not in text


def test_a_call_that_lets_go_and_one_that_does_at_times(page_of: Any) -> None:
    free = page_of(results(hold=0.0005, silence=0.001)).partition("## Calls that let go of the GIL")[2]
    assert "| a 1 | `f(4 MB)` |\n" in free
    assert "| lets go in between |" in page_of(results(wall=0.2))
    names = page_of(results(native=f"{LIBRARY}:__pyx_pf_3abc"))
    assert "| `_a` | holds |" in names
