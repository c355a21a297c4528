"""The ledger of `./dev night`, its page, and what a long run calls growth."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path

import pytest
from night import __main__ as night
from night import ledger
from night.ledger import Entry


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
    assert "| random | 20 random pipelines | 1 | `aaaa`, `bbbb` | 1 |" in table
    assert "- `aaaa`, random: seed 6 fails" in table


def test_a_piece_is_noted_with_its_commit_and_a_finding_is_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent(_: float) -> night.Found:
        raise night.NotHereError("there is no build of it")

    seconds: list[float] = []

    def grows(limit: float) -> night.Found:
        seconds.append(limit)
        return 3, ["grew"], {}

    monkeypatch.setitem(night.PARTS, "soak", grows)
    monkeypatch.setitem(night.PARTS, "fuzz", absent)
    monkeypatch.setattr(night, "commit", lambda: "cccc")
    path = tmp_path / "ledger.json"
    arguments = ["--hours", "0.000001", "--part", "fuzz", "--part", "soak", "--ledger", str(path)]
    assert night.main(arguments) == 1
    assert [(one.part, one.commit) for one in ledger.read(path)] == [("soak", "cccc")]
    assert ledger.runs_of("soak", path) == 3 * len(seconds)
    assert 0 < seconds[0] <= 0.0036
    assert "fuzz: left out: there is no build of it" in capsys.readouterr().out


@pytest.mark.parametrize("what", ["memory", "threads", "descriptors", "files", "lines"])
def test_growth_of_a_long_run_is_found(what: str) -> None:
    from night.long_runs import Usage  # noqa: PLC0415  (needs PyAV)

    steady = Usage([10**8] * 80, [20] * 80, [30] * 80, [4] * 80, list(range(80)))
    assert steady.findings() == []
    if what == "lines":
        steady.lines = [number**3 for number in range(80)]
    else:
        each = 1 << 20 if what == "memory" else 1
        values = getattr(steady, what)
        setattr(steady, what, [value + each * number for number, value in enumerate(values)])
    assert len(steady.findings()) == 1
    assert what in steady.findings()[0] or "the log got" in steady.findings()[0]
