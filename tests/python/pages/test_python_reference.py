"""docs/reference/python.md has every public name, with the text of its docstring."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import WATCHDOG

import freshframe as ff

ROOT = Path(ff.__file__).parents[2]
TOOL = ROOT / "tools" / "python_reference.py"


def test_every_public_name_has_an_entry() -> None:
    page = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
    entries = {name.split(".")[1] for name in re.findall(r"^### (ff\.[\w.]+)$", page, re.MULTILINE)}
    modules = {
        "demo",
        "results",
        "sinks",
        "types",
        "fleet",
    }  # their names are those of freshframe, or on pages
    assert set(ff.__all__) - entries - modules == set()


def test_an_attribute_and_a_static_method_of_a_native_class_have_an_entry() -> None:
    page = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
    assert "**`value`**" in page.partition("### ff.Sample\n")[2].partition("\n### ")[0]
    assert "**`from_array(" in page.partition("### ff.Frame\n")[2].partition("\n### ")[0]


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="other versions write signatures in other words")
def test_the_page_is_that_of_the_docstrings() -> None:
    ended = subprocess.run(
        [sys.executable, TOOL, "--check"], check=False, capture_output=True, text=True, timeout=WATCHDOG
    )
    assert ended.returncode == 0, ended.stderr
