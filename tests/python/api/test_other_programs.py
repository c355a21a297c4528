"""Messages in programs that are frozen by PyInstaller, forked, run twice, or send functions to workers."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib.util
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
from rigs.attempts import swapped
from support import run_program

import freshframe as ff
from freshframe._look import port_owner
from freshframe._vision import onnx_runtime


def test_a_frozen_program_without_onnx_runtime_names_the_option_of_its_builder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install"):
        onnx_runtime.library()
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(ImportError, match=r"frozen program does not contain.*--collect-all onnxruntime"):
        onnx_runtime.library()


def test_a_port_that_this_program_has_asks_whether_it_runs_twice() -> None:
    pipeline, other = ff.Pipeline(), ff.Pipeline()
    with pipeline.serve() as dashboard:
        port = int(dashboard.url.rsplit(":", 1)[1].strip("/"))
        assert port_owner.relative_with(port) == f"this process ({os.getpid()})"
        with pytest.raises(ff.FreshframeError, match=r"in use by this process .*running twice.*reloader"):
            other.serve(port=port)
    assert port_owner.relative_with(port) is None


def test_a_child_is_told_that_its_parent_has_the_port() -> None:
    with ff.Pipeline().serve() as dashboard:
        port = int(dashboard.url.rsplit(":", 1)[1].strip("/"))
        ended = run_program(f"import freshframe as ff\nff.Pipeline().serve(port={port})")
    assert ended.code == 1
    wanted = (
        f"in use by the parent process ({os.getpid()}). Is this program running twice, as with a reloader"
    )
    assert wanted in ended.err
    assert "port 0 chooses a free one" not in ended.err


@pytest.mark.slow
def test_texts_of_a_pipeline_do_not_raise_in_a_forked_child() -> None:
    ended = run_program(
        """
import os, sys, warnings
import freshframe as ff
from support import Ticker

warnings.simplefilter("ignore", DeprecationWarning)
pipeline = ff.Pipeline("yard")
camera = pipeline.add(ff.open("demo:circles?size=64x48"))
only = camera.of(camera)
reader = pipeline.reader(camera)
dashboard = pipeline.serve()
with pipeline:
    reader.get()
    child = os.fork()
    if child == 0:
        for each in (pipeline, camera, only, reader, dashboard):
            print(repr(each), str(each))
        try:
            dashboard.embed(camera)
        except ff.StateError as error:
            print(error)
        sys.stdout.flush()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""
    )
    assert ended.code == 0, ended.err
    assert "<Pipeline 'yard', created before this process was forked>" in ended.out
    assert "this dashboard was created before this process was forked" in ended.out
    assert "dashboard is closed" not in ended.out


def test_code_of_a_script_keeps_the_name_of_its_file_on_its_way_to_a_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import cloudpickle  # noqa: PLC0415

    from freshframe._process import pickling  # noqa: PLC0415

    table = cloudpickle.Pickler.dispatch_table
    code_of = type(swapped.__code__)
    reduce_code = table[code_of]

    def without_file(code: Any) -> Any:  # as cloudpickle 3.1.3 does
        return reduce_code(code.replace(co_filename="<dynamic-code>"))

    monkeypatch.setitem(table, code_of, without_file)
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(compile("def mine(value):\n    return (lambda: value)()\n", __file__, "exec"), space)
    _, data = pickling.Definitions().pickle(space["mine"])
    _, function = pickle.loads(data)
    files = {function.__code__.co_filename}
    files |= {const.co_filename for const in function.__code__.co_consts if isinstance(const, code_of)}
    assert {Path(file).name for file in files} == {Path(__file__).name}
