"""A build whose modules have changed runs the new code, beside cameras that run the old one."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ast
import functools
import importlib
import json
import pickle
import sys
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fleet_rigs import builds as fleet_builds
from fleet_rigs.checks import balance, shared_fleet
from fleet_rigs.yard import Memory, Yard
from support import until

import freshframe as ff
from freshframe_fleet._agent.sent_modules import SentModules
from freshframe_fleet._control.builds import own_modules
from freshframe_fleet._control.builds.builds import SentBuilds
from freshframe_fleet._control.builds.own_modules import find_modules

one_fleet = shared_fleet(agents=2)

_CAMERAS = """
from dataclasses import dataclass

import freshframe as ff
from fleet_rigs import builds as fleet_builds

VERSION = {version}


@dataclass
class Tick:
    version: int
    helper: int
    number: int


def build(url):
    def tick(number):
        import upgraded_helper

        return Tick(VERSION, upgraded_helper.VERSION, number)

    pipeline = ff.Pipeline()
    return pipeline, {{"upgraded": pipeline.add(tick, pipeline.add(fleet_builds.Ticks(0.02)))}}
"""


class Code:
    """Modules of the program in a folder, in some version."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, version: int, helper: int) -> Any:
        (self.folder / "upgraded_cameras.py").write_text(_CAMERAS.format(version=version))
        (self.folder / "upgraded_helper.py").write_text(f"VERSION = {helper}\n")
        return self.imported("upgraded_cameras", "upgraded_helper")

    @staticmethod
    def imported(*names: str) -> Any:
        """The first of these, as a new program has them."""
        importlib.invalidate_caches()
        for name in names:
            sys.modules.pop(name, None)
        modules = [importlib.import_module(name) for name in names]
        return modules[0]


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Code]:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # two versions may be of one second
    yield Code(tmp_path)
    for name in [name for name in sys.modules if name.startswith("upgraded_")]:
        del sys.modules[name]


@pytest.fixture
def fleet(code: Code) -> Iterator[ff.fleet.Fleet]:
    with ff.fleet.Fleet(agents=1) as fleet:
        yield fleet
        balance(fleet)


def until_version(reader: Any, camera: str, version: tuple[int, int]) -> Any:
    found: list[Any] = []

    def comes() -> bool:
        sample = reader.get(100)
        found[:] = [sample.value]
        return sample.camera == camera and (sample.value.version, sample.value.helper) == version

    until(comes, lambda: f"{camera} of {version}: {found}")
    return found[0]


def test_an_update_runs_the_new_code_of_changed_modules_and_other_cameras_keep_the_old(
    fleet: ff.fleet.Fleet, code: Code
) -> None:
    with fleet.reader("upgraded") as reader:
        module = code.write(1, 1)
        fleet.add_many({"a": "x", "b": "x"}, module.build)
        until_version(reader, "a", (1, 1))
        pid = next(iter(fleet.stats().agents.values())).pid
        module = code.write(2, 1)
        fleet.update("a", build=module.build)
        tick = until_version(reader, "a", (2, 1))
        assert isinstance(tick, module.Tick)  # the program's own class
        until_version(reader, "b", (1, 1))
        module = code.write(2, 3)  # only what is imported within a function
        fleet.update("a", build=module.build)
        until_version(reader, "a", (2, 3))
        fleet.remove("b")
        until(lambda: "b" not in fleet.stats().cameras, "the end of the old camera")
        fleet.add("b", "x", functools.partial(module.build))
        until_version(reader, "b", (2, 3))
        assert next(iter(fleet.stats().agents.values())).pid == pid


def test_a_module_that_was_reloaded_is_another_build(fleet: ff.fleet.Fleet, code: Code) -> None:
    with fleet.reader("upgraded") as reader:
        module = code.write(1, 1)
        fleet.add("a", "x", module.build)
        until_version(reader, "a", (1, 1))
        (code.folder / "upgraded_helper.py").write_text("VERSION = 2\n")
        importlib.reload(sys.modules["upgraded_helper"])
        fleet.update("a", build=module.build)  # the same function
        until_version(reader, "a", (1, 2))


def test_a_failure_in_sent_code_shows_its_lines(fleet: ff.fleet.Fleet, code: Code) -> None:
    with fleet.reader("upgraded") as reader:
        fleet.add("a", "x", code.write(1, 1).build)
        until_version(reader, "a", (1, 1))
    code.write(2, 2)
    (code.folder / "upgraded_cameras.py").write_text("def build(url):\n    raise ValueError('of today')\n")
    fleet.update("a", build=code.imported("upgraded_cameras").build)
    until(
        lambda: any("failed: ValueError: of today" in event.text for event in fleet.stats().events),
        lambda: f"the failure: {fleet.stats().events}",
    )
    assert fleet.stats().cameras["a"].state == "running"  # the present run goes on


# ---- which modules


def test_own_modules_are_those_of_the_program_with_what_they_import(code: Code) -> None:
    build = code.write(1, 1).build
    assert set(find_modules(build)) >= {
        "upgraded_cameras",
        "upgraded_helper",
        "fleet_rigs.builds",
        "fleet_rigs",
    }
    assert set(find_modules(functools.partial(print, build))) >= {"upgraded_cameras", "upgraded_helper"}

    def closure(url: str) -> Any:
        return build(url)

    assert "upgraded_helper" in find_modules(closure)
    assert find_modules(json.dumps) == {}
    assert find_modules(pytest.fail) == {}  # installed
    assert find_modules(ff.open) == {}


def test_a_parse_that_fails_for_another_thread_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    parse, left = (
        ast.parse,
        [SystemError("AST constructor recursion depth mismatch (before=42, after=39)")] * 2,
    )

    def fails_twice(source: str, *more: Any, **options: Any) -> Any:
        if left:
            raise left.pop()
        return parse(source, *more, **options)

    monkeypatch.setattr(ast, "parse", fails_twice)
    assert own_modules._imports("import json\nfrom . import one", "two.three", False) == {
        "json",
        "two",
        "two.one",
    }


def test_a_function_of_the_programs_own_file_names_what_it_imports(code: Code) -> None:
    code.write(1, 1)
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(
        "import upgraded_helper\ndef build(url):\n    use()\ndef use():\n    import upgraded_cameras\n",
        space,
    )
    assert {"upgraded_cameras", "upgraded_helper"} <= set(find_modules(space["build"]))


def test_a_source_is_that_of_the_import_and_not_what_the_file_has_later(code: Code) -> None:
    build = code.write(1, 1).build
    before = find_modules(build)["upgraded_helper"].digest
    (code.folder / "upgraded_helper.py").write_text("VERSION = 5\n")
    assert find_modules(build)["upgraded_helper"].digest == before
    importlib.reload(sys.modules["upgraded_helper"])
    assert find_modules(build)["upgraded_helper"].digest != before


# ---- modules that were sent


def sent(**sources: str) -> SentModules:
    return SentModules(
        {
            name.replace("__", "."): (f"/nowhere/{name}.py", name == "pack", text)
            for name, text in sources.items()
        }
    )


def test_sent_modules_find_each_other_and_everything_else() -> None:
    modules = sent(
        pack="from . import one\nfrom .two import name\nimport pack.three\n",
        pack__one="import json.decoder, pack.two\nfrom pack import two as again\nassert again is pack.two\n",
        pack__two="from pack import one  # while it runs itself\nname = json = 2\n",
        pack__three="from json import tool\nfrom collections import *\nvalue = deque\n",
        alone="import pack.one as first, json\n",
    )
    alone = modules.module("alone")
    assert alone.json is json
    assert alone.first is modules.module("pack").one
    assert alone.first.json is json
    assert modules.module("pack").name == 2
    assert modules.module("pack.three").tool.__name__ == "json.tool"
    assert "pack" not in sys.modules


IMPORTS = {
    "a star of a list": ("from pack import *\ngot = one.name, two.name\n", (1, 2)),
    "a star with a name that is not there": ("from lacks import *\n", "no attribute 'absent'"),
    "a name that is not there": ("from pack import absent\n", "cannot import name 'absent' from 'pack'"),
    "a name that a module does not have": ("from plain import absent\n", "cannot import name 'absent'"),
    "a module that is not there": ("import pack.absent\n", "No module named 'pack.absent'"),
    "one below it": ("import pack.absent.one\n", "No module named 'pack.absent'"),
    "a module of what is no package": (
        "import plain.absent\n",
        "No module named 'plain.absent'; 'plain' is not a package",
    ),
    "names of a module that is not there": (
        "from pack.absent import one\n",
        "No module named 'pack.absent'",
    ),
    "what a module needs": ("from pack import needs\n", "No module named 'no_such_module_anywhere'"),
    "a name that is also a module's": ("from pack import three\ngot = three\n", 3),
    "a function of a module of its name": ("from pack import four\ngot = four()\n", 4),
    "a module by its name": ("import pack.three as it\nfrom pack import three\ngot = it is three\n", True),
}
PACK = {
    "pack": "__all__ = ['one', 'two']\nthree = 3\nfrom .four import four\n",
    "pack__one": "name = 1\n",
    "pack__two": "name = 2\n",
    "pack__three": "",
    "pack__four": "def four():\n    return 4\n",
    "pack__needs": "import no_such_module_anywhere\n",
    "lacks": "__all__ = ['absent']\n",
    "plain": "",
}


@pytest.mark.parametrize("case", IMPORTS)
def test_sent_modules_are_imported_as_python_does(case: str, tmp_path: Path) -> None:
    code, expected = IMPORTS[case]
    for name, text in {**PACK, "program": code}.items():
        path = tmp_path / f"{name.replace('__', '/')}.py"
        path = path if name != "pack" else tmp_path / "pack" / "__init__.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def got(run: Callable[[], Any]) -> Any:
        try:
            return run().got
        except (ImportError, AttributeError) as error:
            return str(error).partition(" (")[0]

    try:
        sys.path.insert(0, str(tmp_path))
        in_python = got(lambda: importlib.import_module("program"))
    finally:
        sys.path.remove(str(tmp_path))
        for name in {*PACK, "program"}:
            sys.modules.pop(name.replace("__", "."), None)
    at_the_agent = got(lambda: sent(**PACK, program=code).module("program"))
    assert at_the_agent == in_python
    assert expected in at_the_agent if isinstance(expected, str) else at_the_agent == expected


def test_a_module_whose_threads_import_others_while_it_runs_does_not_hang() -> None:
    modules = sent(
        app="from concurrent.futures import ThreadPoolExecutor\n"
        "def entry(number):\n    from tables import VALUE\n    return number * VALUE\n"
        "with ThreadPoolExecutor(4) as pool:\n    table = list(pool.map(entry, range(1, 9)))\n",
        tables="import time\ntime.sleep(0.01)\nVALUE = 7\n",
    )
    done: list[Any] = []
    runs = threading.Thread(target=lambda: done.append(modules.module("app").table), daemon=True)
    runs.start()
    runs.join(100)
    assert done == [[7 * number for number in range(1, 9)]]


def test_threads_wait_for_a_module_that_another_one_runs_and_for_each_other_they_do_not() -> None:
    """Two threads begin at the two ends of a circle. One of them gets a module that has run in part."""
    modules = sent(
        one="import wait_here\nwait_here.turn()\nimport two\nvalue = 1\n",
        two="import wait_here\nwait_here.turn()\nimport one\nvalue = 2\n",
    )
    turn = threading.Barrier(2)
    there: Any = types.ModuleType("wait_here")
    there.turn = turn.wait
    got: dict[str, Any] = {}
    sys.modules["wait_here"] = there
    try:
        threads = [
            threading.Thread(target=lambda name=name: got.update({name: modules.module(name)}), daemon=True)
            for name in ("one", "two")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(100)
    finally:
        del sys.modules["wait_here"]
    assert got["one"].two is got["two"]
    assert got["two"].one is got["one"]
    assert (got["one"].value, got["two"].value) == (1, 2)
    assert (modules._runs, modules._awaited) == ({}, {})


def test_a_module_that_fails_is_run_again_and_names_its_line() -> None:
    modules = sent(bad="import no_such_module_anywhere\n")
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere") as raised:
            modules.module("bad")
        assert "<module>" in [entry.name for entry in raised.traceback]  # its line
    with pytest.raises(ImportError):
        sent(pack="from pack import nothing\n").module("pack")


def test_pickles_refer_to_sent_modules(code: Code) -> None:
    module = code.write(1, 1)
    pickled = pickle.dumps((module.build, module.Tick, json.dumps))
    modules = SentModules(
        {
            name: (each.path, each.is_package, each.source.replace("= 1", "= 7"))
            for name, each in find_modules(module.build).items()
            if name.startswith("upgraded")
        }
    )
    build, tick, dumps = modules.loads(pickled)
    assert build.__globals__["VERSION"] == 7
    assert tick is not module.Tick
    assert dumps is json.dumps


# ---- the controller


def test_a_controller_asks_for_sources_of_modules_that_agents_have_otherwise_also_after_a_restart(
    code: Code,
) -> None:
    store = Memory()
    first = Yard(store)
    try:
        SentBuilds(first.controller.controller.add_build).number_build(code.write(1, 1).build)
        assert first.parts.builds.function(0)[2] == b""
        first.controller.write_through()
        later = Memory()
        later.values = dict(store.values)
        second = Yard(later, restored=True)
        try:
            number = SentBuilds(second.controller.controller.add_build).number_build(code.write(2, 1).build)
            sources = pickle.loads(second.parts.builds.function(number)[2])
            assert "VERSION = 2" in sources["upgraded_cameras"][2]
            assert set(sources) >= {"upgraded_helper", "fleet_rigs.builds"}
        finally:
            second.end()
    finally:
        first.end()


def test_sources_that_are_too_large_are_refused(code: Code, monkeypatch: pytest.MonkeyPatch) -> None:
    yard = Yard(Memory())
    try:
        builds = SentBuilds(yard.controller.controller.add_build)
        builds.number_build(code.write(1, 1).build)
        code.write(2, 1)
        (code.folder / "upgraded_helper.py").write_text(f"VERSION = '{'x' * (33 << 20)}'\n")
        build = code.imported("upgraded_cameras", "upgraded_helper").build
        with pytest.raises(ff.OptionTypeError, match="the source of build's modules has 33 MiB"):
            builds.number_build(build)
    finally:
        yard.end()


def test_builds_of_unchanged_modules_are_sent_once() -> None:
    sends: list[bytes] = []

    def send(known: bytes, pickled: bytes, modules: Any, sources: bytes) -> int:
        sends.append(sources)
        return len(sends) - 1

    builds = SentBuilds(send)
    assert builds.number_build(fleet_builds.ticks) == builds.number_build(fleet_builds.ticks) == 0
    assert sends == [b""]
    assert own_modules.find_modules(fleet_builds.ticks)
