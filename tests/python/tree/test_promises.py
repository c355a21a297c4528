"""tools/promises.py writes the page of all sentences that are names of tests."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path

from rigs.tool_modules import load_tool


def test_the_page_has_each_test_as_a_sentence_below_its_folder(tmp_path: Path) -> None:
    promises = load_tool("promises")
    for name, text in (
        (
            "tests/python/graph/test_queue.py",
            "def test_a_queue_has_a_bound():\n    pass\ndef helper():\n    pass\n",
        ),
        ("tests/python/graph/support.py", "def test_is_no_test():\n    pass\n"),
        (
            "tests/cpp/core/queue_test.cpp",
            "TEST(Queue, DropsTheOldestOfHTTP2) {}\nTEST_P(Queue,\n  Waits) {}\n",
        ),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    page = promises.page(tmp_path)
    assert "## tests/python/graph\n\n**test_queue.py**\n\n- A queue has a bound.\n" in page
    assert "- Queue: drops the oldest of HTTP 2.\n- Queue: waits.\n" in page
    assert "no test" not in page


def test_the_page_of_this_tree_has_thousands() -> None:
    page = load_tool("promises").page()
    assert page.count("\n- ") > 4000
    assert "- The page of this tree has thousands." in page
