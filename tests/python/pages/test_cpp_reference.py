"""The C++ reference of the site, which is generated from the public headers."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]

pytest.importorskip("clang.cindex", reason="needs libclang, of the dependency group docs")
pytest.importorskip("sphinx")


@pytest.fixture
def headers(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return importlib.import_module("_cpp_headers")


def shown(headers: Any, folder: Path, text: str) -> str:
    path = folder / "example.hpp"
    path.write_text(text, encoding="utf-8")
    return str(headers.Header(path).markdown())


def test_a_class_is_shown_with_its_comments_and_without_its_plumbing(headers: Any, tmp_path: Path) -> None:
    text = """
namespace freshframe {
/// Counts <things>.
class Counter final {
 public:
  Counter(const Counter&) = delete;
  explicit Counter(int start) : value_(start) {}
  /// The number so far.
  [[nodiscard]] virtual int value() const noexcept { return value_; }
  int limit = 5;  // at most so many

 private:
  int value_ = 0;
};
namespace detail { class Hidden {}; }
}
"""
    page = shown(headers, tmp_path, text)
    assert "{cpp:class} Counter final" in page
    assert r"Counts \<things>." in page
    assert "{cpp:function} explicit Counter(int start)\n" in page
    assert "{cpp:function} int value() const noexcept\n\nThe number so far." in page
    assert "{cpp:member} int limit = 5\n\nat most so many" in page
    assert not re.search("value_|Hidden|delete|nodiscard", page)


def test_the_page_has_every_public_header(headers: Any) -> None:
    page = (ROOT / "docs" / "reference" / "cpp.md").read_text(encoding="utf-8")
    listed = re.findall(r"^```\{cppheader\} (\S+)$", page, re.MULTILINE)
    there = {path.name for path in headers.HEADERS.glob("*.hpp")}
    assert sorted(listed) == sorted(there - headers.INTERNAL)
