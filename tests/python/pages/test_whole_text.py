"""llms.txt of the site contains each page once, in the order of the table of contents."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path

from rigs.tool_modules import load_module

DOCS = Path(__file__).parents[3] / "docs"


whole = load_module(DOCS / "_whole_text.py", "_whole_text")


def test_a_page_comes_before_its_parts_and_once() -> None:
    parts = {"index": ["one", "two"], "two": ["below", "one"], "below": ["index"]}
    assert list(whole.in_order("index", parts)) == ["index", "one", "two", "below"]


def test_the_text_names_the_pages_and_has_all_of_them() -> None:
    text = whole.whole_text("freshframe 0.1.0", [("docs/index", "# A\n\nfirst\n"), ("docs/b", "# B\n")])
    assert text.startswith("# freshframe 0.1.0\n")
    assert "- docs/index.html\n- docs/b.html\n" in text
    assert "<!-- page: docs/index.html -->\n\n# A\n\nfirst\n" in text
    assert text.endswith("<!-- page: docs/b.html -->\n\n# B\n")
