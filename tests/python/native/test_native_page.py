"""Builds and runs the programs of the pages about native steps."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from rigs.native_code import compiled
from support import picture, run_program

import freshframe as ff

DOCS = Path(__file__).parents[3] / "docs"
PAGES = ["how-to/step-in-other-languages", "how-to/step-in-cpp", "reference/native-forms"]
TEXT = "".join((DOCS / f"{page}.md").read_text(encoding="utf-8") for page in PAGES)


def programs(language: str) -> list[str]:
    """Returns the code blocks in this language, in the order of the pages."""
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_each_language_of_the_page_is_tested() -> None:
    assert len(programs("rust")) == len(programs("cython")) == 1  # tested by test_native_languages.py


def printed(program: str, folder: Path) -> list[str]:
    """Returns the output of a program of the page, run in that folder."""
    ended = run_program(f"import os\nos.chdir({str(folder)!r})\n" + program)
    assert (ended.code, ended.complaints) == (0, "")
    return ended.out.splitlines()


def test_the_function_is_built_and_run(tmp_path: Path) -> None:
    compiled(tmp_path, programs("c")[0], name="mean")
    assert len(printed(programs("python")[0], tmp_path)) == 20


@pytest.mark.slow
def test_the_numba_function_is_run(tmp_path: Path) -> None:
    if importlib.util.find_spec("numba") is None:
        pytest.skip("numba is not installed")
    assert len(printed(programs("python")[1], tmp_path)) == 5


@pytest.mark.slow
def test_the_class_is_built_and_run(tmp_path: Path) -> None:
    compiled(tmp_path, programs("cpp")[0], language="c++", name="bright")
    assert len(printed(programs("python")[2], tmp_path)) == 20


@pytest.mark.slow
def test_the_classes_of_several_results_are_built_and_run(tmp_path: Path) -> None:
    library = compiled(tmp_path, programs("cpp")[1], language="c++", name="several")
    frames = [ff.Frame.from_array(picture(number, (64, 128)), "gray") for number in range(2)]
    tiles = ff.testing.run_node(ff.native.node(library, "tiles"), frames)
    assert [(sample.seq, sample.part, sample.value) for sample in tiles] == [
        (0, 0, 0),
        (0, 1, 0),
        (1, 0, 1),
        (1, 1, 1),
    ]
    (last,) = ff.testing.run_node(ff.native.node(library, "per_minute"), frames)
    assert (last.source, last.value) == ("per_minute", 2)


@pytest.mark.slow
def test_the_class_is_tested_without_the_engine(tmp_path: Path) -> None:
    include, _, body = programs("cpp")[3].partition("\n\n")
    check = f'#include <cassert>\nextern "C" void check() {{\n{body}}}\n'
    library = compiled(tmp_path, f"{programs('cpp')[0]}{include}\n{check}", language="c++", name="alone")
    ended = run_program(f"import ctypes\nctypes.CDLL({str(library)!r}).check()")
    assert (ended.code, ended.complaints) == (0, "")
