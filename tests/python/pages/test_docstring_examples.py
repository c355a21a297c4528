"""Runs the examples in the docstrings of public classes and functions."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import doctest
import inspect
from pathlib import Path
from typing import Any

import pytest

import freshframe as ff

TOP = {name: getattr(ff, name) for name in ff.__all__}
PUBLIC = TOP | {
    f"{module}.{name}": getattr(getattr(ff, module), name)
    for module in ("demo", "masks", "stats", "testing", "types")
    for name in getattr(ff, module).__all__
    if name != "Plane"  # NumPy's own docstring
}
WITH_EXAMPLE = sorted(name for name, what in PUBLIC.items() if ">>> " in (inspect.getdoc(what) or ""))
# These need no example, because programs only receive them, or a page has one.
WITHOUT = {
    "OnnxClassifier",
    *("Frame", "Reader", "Sample"),
}


def test_the_classes_that_programs_make_have_an_example() -> None:
    classes = {
        name for name, what in TOP.items() if inspect.isclass(what) and not issubclass(what, Exception)
    }
    assert classes - WITHOUT - set(WITH_EXAMPLE) == set()


@pytest.mark.table(cases=10)
@pytest.mark.parametrize("name", WITH_EXAMPLE)
def test_the_example_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # some examples write files
    if name in ("OnnxDetector", "OnnxModel"):
        pytest.importorskip("onnxruntime")
    (example,) = (
        test
        for test in doctest.DocTestFinder(recurse=False).find(PUBLIC[name], name, module=False)
        if test.examples
    )
    said: list[str] = []
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    names: dict[str, Any] = {"__name__": "__main__"}
    example.globs = names
    doctest.DocTestRunner(verbose=False, optionflags=options).run(example, out=said.append)
    assert not said, "".join(said)
    ff.Pipeline.stop_all()
