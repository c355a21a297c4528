"""The files of the dashboard's page: vendored files are unchanged, and no text can become markup."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WEB = ROOT / "web"
OWN = sorted(path for path in WEB.rglob("*.*") if not path.name.startswith("uplot."))
TO_MARKUP = (
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|\beval\(|new Function"
)


def test_vendored_files_have_the_sums_that_are_written_down() -> None:
    text = (ROOT / "docs" / "development" / "tools.md").read_text()
    written = dict(re.findall(r"\| `web/(\S+)` \| .* \| `([0-9a-f]{64})` \|", text))
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in WEB.glob("uplot.*")}
    assert found == written


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_the_page_makes_no_markup_of_text_and_loads_nothing_from_elsewhere(path: Path) -> None:
    text = path.read_text()
    assert not re.findall(TO_MARKUP, text)
    addresses = set(re.findall(r"https?://[^\s\"'`]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    if path.suffix == ".html":
        assert not re.findall(r"\sstyle=|\son\w+=|<style|<script>|javascript:", text), "inline"
    if path.suffix == ".js":
        assert 'setAttribute("style"' not in text
        assert "SPDX-License-Identifier: Apache-2.0" in text


def test_every_file_that_the_page_names_is_there() -> None:
    names = set()
    for path in WEB.glob("*.html"):
        names |= set(re.findall(r'(?:src|href)="([\w./]+\.(?:js|css|svg))"', path.read_text()))
    for path in WEB.rglob("*.js"):
        imported = re.findall(r'(?:from|import) "(\.[\w./]+)"', path.read_text())
        names |= {(path.parent / name).resolve().relative_to(WEB).as_posix() for name in imported}
    there = {path.relative_to(WEB).as_posix() for path in WEB.rglob("*.*")}
    assert names <= there
    assert there - names == {"index.html", "fleet.html", "view.html", "uplot.LICENSE"}, "no file is left over"
