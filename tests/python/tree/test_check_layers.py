"""tools/check_layers.py: no text goes to Python by a conversion that raises for bytes that are not UTF-8."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
RULES = '[bindings]\nmay_use = []\npublic = []\nlibraries = ["nanobind/", "Python.h"]\n'


@pytest.mark.parametrize(
    ("code", "is_refused"),
    [
        ("#include <nanobind/stl/string.h>", True),
        ("#include <nanobind/stl/string_view.h>", True),
        ("  dict[nb::str(name.c_str())] = 1;", True),
        ("  dict[nb::str(name.data(), name.size())] = 1;", True),
        ("  PyErr_SetString(PyExc_ValueError, error.what());", True),
        ("  return PyUnicode_FromString(text.c_str());", True),
        ("  return PyUnicode_FromStringAndSize(text.data(), size);", True),
        ("#include <nanobind/stl/optional.h>", False),
        ('  dict[nb::str("name")] = 1;', False),
        ('  PyErr_SetString(PyExc_TypeError, "takes no arguments");', False),
        ("  dict[python_text(name)] = 1;", False),
    ],
)
def test_a_strict_conversion_of_a_text_is_refused(tmp_path: Path, code: str, is_refused: bool) -> None:
    files = {"tools/layers.toml": RULES, "src/bindings/file.cpp": code + "\n", "include/freshframe/x/y": ""}
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    program = [sys.executable, str(ROOT / "tools/check_layers.py"), str(tmp_path)]
    ended = subprocess.run(program, capture_output=True, text=True, check=False)
    assert ("src/bindings/file.cpp:1: raises for bytes that are not UTF-8" in ended.stdout) == is_refused
    assert ended.returncode == is_refused
