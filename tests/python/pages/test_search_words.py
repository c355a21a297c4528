"""What people type into the site's search is in a heading of the page that answers it."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re

import pytest
from rigs.search_words import DOCS, PAGES, headings


@pytest.mark.table(cases=3)
@pytest.mark.parametrize(("words", "page"), PAGES.items(), ids=PAGES)
def test_the_words_are_in_a_heading_of_the_page(words: str, page: str) -> None:
    wanted = re.compile(rf"\b{re.escape(words)}\b", re.IGNORECASE)
    assert [heading for heading in headings(DOCS / f"{page}.md") if wanted.search(heading)] != []
