"""The planted set of ./dev night: its faults fit the tree, and a file gets its text back."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path

import pytest
from night import planted

ROOT = Path(__file__).parents[3]


def test_nearly_all_faults_fit_the_tree() -> None:
    """Others change these lines, too: a tenth may be gone before someone gives the set new texts."""
    gone = []
    for fault in planted.FAULTS:
        path = ROOT / fault.file
        if not path.is_file() or path.read_text().count(fault.text) != 1:
            gone.append(fault.name)
    assert len(planted.FAULTS) == 30
    assert len(gone) <= 3, gone


def test_the_first_tier_that_fails_has_found_a_fault_and_the_file_is_whole_again(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x < 1\n")
    fault = planted.Planted("a.py", "x < 1", "x > 1")
    seen = []

    def passes(tier: str) -> bool:
        seen.append((tier, (tmp_path / "a.py").read_text()))
        return tier != "default"

    assert planted.found_by(fault, passes=passes, root=tmp_path) == "default"
    assert seen == [("quick", "x > 1\n"), ("default", "x > 1\n")]
    assert (tmp_path / "a.py").read_text() == "x < 1\n"
    assert planted.found_by(fault, passes=lambda _: True, root=tmp_path) is None


def test_a_text_that_is_not_there_once_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x < 1 < x < 1\n")
    with pytest.raises(ValueError, match="must have this text once"):
        planted.found_by(planted.Planted("a.py", "x < 1", "x > 1"), root=tmp_path)
