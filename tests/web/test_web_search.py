"""docs/search_scores.js puts the page that answers a search among the first two results."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from rigs.search_words import DOCS, PAGES, headings

if TYPE_CHECKING:
    from browser import Page

TERM = 15  # what Sphinx gives each page with one of the words in its title, so that many are equal
SCORER = (DOCS / "search_scores.js").read_text(encoding="utf-8")
FIRST = f"""const [index, queries] = arguments;
  window.Search = {{ _index: index }};
  {SCORER}
  return queries.map((query) => {{
    const score = (page, at) => Scorer.scoreFor(query, [page, index.titles[at], "", null, {TERM}]);
    const pages = index.docnames.map((page, at) => ({{page, score: score(page, at)}}));
    return pages.sort((a, b) => b.score - a.score).slice(0, 2).map(({{page}}) => page);
  }});"""


@pytest.fixture(scope="module")
def index() -> dict[str, object]:
    """The part of Sphinx's index that has the headings."""
    pages = sorted(DOCS.rglob("*.md"))
    found = [[re.sub(r"[`*]|\]\(.*?\)|\[", "", text) for text in headings(page)] for page in pages]
    places: dict[str, list[list[object]]] = {}
    for number, each in enumerate(found):
        for text in each:
            places.setdefault(text, []).append([number, None])
    names = [f"docs/{page.relative_to(DOCS).with_suffix('').as_posix()}" for page in pages]
    return {"docnames": names, "titles": [each[0] if each else "" for each in found], "alltitles": places}


def test_the_first_results_of_a_search_have_the_answer(page: Page, index: dict[str, object]) -> None:
    results = page.run(FIRST, index, list(PAGES))
    away = {
        words: first
        for (words, answer), first in zip(PAGES.items(), results, strict=True)
        if f"docs/{answer}" not in first
    }
    assert away == {}
