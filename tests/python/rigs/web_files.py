"""Checks the files of a page: no string can become markup, nothing is loaded from elsewhere, and each is
used.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
from pathlib import Path

WEB = Path(__file__).parents[3] / "web"
_TO_MARKUP = (
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|\beval\(|new Function"
)


def own_files(folder: Path) -> list[Path]:
    """Returns the files of a page without the vendored ones."""
    return sorted(path for path in folder.rglob("*.*") if not path.name.startswith("uplot."))


def check(path: Path) -> None:
    """Asserts that a file does not turn strings into markup, and loads nothing from elsewhere."""
    text = path.read_text()
    assert not re.findall(_TO_MARKUP, text)
    addresses = set(re.findall(r"https?://[^\s\"'`]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    if path.suffix == ".html":
        assert not re.findall(r"\sstyle=|\son\w+=|<style|<script>|javascript:", text), "inline"
    if path.suffix == ".js":
        assert 'setAttribute("style"' not in text
        assert "SPDX-License-Identifier: Apache-2.0" in text


def named(folder: Path) -> set[str]:
    """Returns the files that the pages and scripts of a folder name."""
    names = set()
    for path in folder.glob("*.html"):
        names |= set(re.findall(r'(?:src|href)="([\w./]+\.(?:js|css|svg))"', path.read_text()))
    for path in folder.rglob("*.js"):
        imported = re.findall(r'(?:from|import) "(\.[\w./]+)"', path.read_text())
        names |= {(path.parent / name).resolve().relative_to(folder).as_posix() for name in imported}
    return names


def there(folder: Path) -> set[str]:
    """Returns the files of a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}
