"""tools/check_layers.py: texts that go to Python, and the order of a layer's rooms."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
RULES = '[bindings]\nmay_use = []\npublic = []\nlibraries = ["nanobind/", "Python.h"]\n'

ROOMS = '[media]\nmay_use = []\npublic = []\nlibraries = []\nrooms = ["url", "file", "rtsp"]\n'


def check(tree: Path, files: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs the check on a tree with these files."""
    for name, text in {**files, "include/freshframe/x/y": ""}.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    program = [sys.executable, str(ROOT / "tools/check_layers.py"), str(tree)]
    return subprocess.run(program, capture_output=True, text=True, check=False)


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
    ended = check(tmp_path, {"tools/layers.toml": RULES, "src/bindings/file.cpp": code + "\n"})
    assert ("src/bindings/file.cpp:1: raises for bytes that are not UTF-8" in ended.stdout) == is_refused
    assert ended.returncode == is_refused


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"file/a.cpp": "url/a.hpp", "rtsp/a.cpp": "file/a.hpp", "open.cpp": "rtsp/a.hpp"}, ""),
        ({"url/a.cpp": "file/a.hpp"}, "src/media/url/a.cpp:1: 'media/file/a.hpp' is in a room above"),
        ({"url/a.cpp": "open.hpp"}, "src/media/url/a.cpp:1: 'media/open.hpp' is in a room above"),
        ({"new/a.cpp": "url/a.hpp"}, "src/media/new/a.cpp: in no room of layer 'media'"),
    ],
)
def test_an_include_of_a_higher_room_is_refused(
    tmp_path: Path, files: dict[str, str], complaint: str
) -> None:
    texts = {f"src/media/{name}": f'#include "media/{header}"\n' for name, header in files.items()}
    ended = check(tmp_path, {"tools/layers.toml": ROOMS, **texts})
    assert complaint in ended.stdout
    assert ended.returncode == bool(complaint)
