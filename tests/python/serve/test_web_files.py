"""The files of the dashboard: vendored files are unchanged, and no string can become markup."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from rigs.web_files import WEB, check, named, own_files, there

ROOT = Path(__file__).parents[3]


def test_vendored_files_have_the_sums_that_are_written_down() -> None:
    text = (ROOT / "docs" / "development" / "tools.md").read_text()
    written = dict(re.findall(r"\| `web/(\S+)` \| .* \| `([0-9a-f]{64})` \|", text))
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in WEB.glob("uplot.*")}
    assert found == written


@pytest.mark.parametrize("path", own_files(WEB), ids=lambda path: path.name)
def test_the_page_makes_no_markup_of_text_and_loads_nothing_from_elsewhere(path: Path) -> None:
    check(path)


def test_every_file_that_the_page_names_is_there() -> None:
    assert named(WEB) <= there(WEB)
    unnamed = {"camera.html", "index.html", "uplot.LICENSE", "view.html"}
    assert there(WEB) - named(WEB) == unnamed, "no file is left over"
