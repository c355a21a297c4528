"""The page of the Python API can be generated, and has every public name with its docstring."""
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


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("reference") / "python.md"
    subprocess.run([sys.executable, TOOL, file], check=True, timeout=WATCHDOG)
    return file.read_text(encoding="utf-8")


def entry(page: str, name: str) -> str:
    return page.partition(f"### ff.{name}\n")[2].partition("\n### ")[0]


@pytest.mark.slow
def test_every_public_name_has_an_entry(page: str) -> None:
    entries = {name.split(".")[1] for name in re.findall(r"^### (ff\.[\w.]+)$", page, re.MULTILINE)}
    # Modules do not have an entry.
    modules = {"types"}
    assert set(ff.__all__) - entries - modules == set()


def test_an_attribute_and_a_static_method_of_a_native_class_have_an_entry(page: str) -> None:
    assert "**`value`**" in entry(page, "Sample")
    assert "**`from_array(" in entry(page, "Frame")


def test_an_entry_has_the_signature_and_the_docstring(page: str) -> None:
    assert "\n) -> Probe\n" in entry(page, "probe")
    for what in (ff.Pipeline, ff.Reader, ff.JsonLines):
        first = (what.__doc__ or "").splitlines()[0].replace("``", "`")
        assert first in entry(page, what.__name__)


def test_each_link_to_an_entry_has_one(page: str) -> None:
    entries = {re.sub(r"[^\w-]", "", name.lower()) for name in re.findall(r"^#+ (\S+)$", page, re.MULTILINE)}
    pages = "".join(each.read_text(encoding="utf-8") for each in (ROOT / "docs").rglob("*.md"))
    linked = set(re.findall(r"python\.md#([^)]+)\)", pages))
    assert len(linked) > 10
    assert linked - entries == set()
