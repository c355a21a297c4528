"""The cheat sheet has every public name of the top level, and is one page long."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
from pathlib import Path

import freshframe as ff

CARD = (Path(__file__).parents[3] / "docs" / "reference" / "card.md").read_text(encoding="utf-8")
MOST_NAMES = 58
MOST_LINES = 100


def test_the_top_level_is_small_and_each_name_is_on_the_card() -> None:
    assert len(ff.__all__) <= MOST_NAMES
    tables = "\n".join(
        line.partition("|")[2].partition("|")[0] for line in CARD.splitlines() if line.startswith("|")
    )
    shown = {name for name in re.findall(r"`(?:ff\.)?(\w+)", tables)}
    assert set(ff.__all__) - shown == set()
    assert shown - set(ff.__all__) == set()


def test_the_card_has_each_module_and_says_how_many_names_there_are() -> None:
    assert [name for name in ff._MODULES if f"`ff.{name}`" not in CARD] == []
    assert f"has {len(ff.__all__)} names" in CARD


def test_the_card_is_one_page() -> None:
    assert len(CARD.splitlines()) <= MOST_LINES
