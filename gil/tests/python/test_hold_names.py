"""The cause and the name of planted holds: the same on an interpreter with symbols and on a stripped one."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import collections
import gc
import itertools
import json
import pickle
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from bare_watch import watching
from gil_budget._gil_watch.stalls import INTERPRETER, GilStall
from gil_budget.holds import make_hold
from rigs.watchdog import LONG_WATCHDOG

pytestmark = pytest.mark.needs_gil

OWN = r"(lib)?python3[.\d]*t?(\.so[.\d]*)?:"  # a function of the interpreter with a symbol

random.seed(1)
BIG = [random.random() for _ in range(400_000)]
FOUR = BIG * 4
TEXT = json.dumps([{"a": n, "b": [n, n + 1], "c": str(n)} for n in range(120_000)])
NUMBER = pow(7, 700_000)


@dataclass(frozen=True)
class Case:
    """A hold of the GIL.

    Attributes:
        run: Holds it.
        name: The name it may have, beside the interpreter's functions that it calls.
        kind: Of gil-budget.
        nameless: g++ 16 leaves no frame of it on the stack, so that without symbols it is the interpreter's.
    """

    run: Callable[[], object]
    name: str
    kind: str = "call"
    nameless: bool = False


def document() -> Any:
    """Many objects."""
    return json.loads(TEXT)


def sort() -> None:
    """In a method of a builtin type."""
    BIG[:].sort()


DOCUMENT = document()
PICKLED = pickle.dumps(DOCUMENT)

# Each takes at least 30 ms on a fast processor: the threshold is 10. If the unwinder missed the outer
# function of an extension, the watch names an inner one with a symbol: "_json.cpython-314...:scan_once".
CASES = {
    "sorted": Case(lambda: sorted(BIG), "builtins:sorted"),
    "list.sort": Case(sort, "builtins:list.sort"),
    "json.dumps": Case(lambda: json.dumps(DOCUMENT), r"_json(:Encoder|:encode_base|\..*:).*"),
    "json.loads": Case(document, r"_json(:Scanner|\..*:).*"),
    "pickle.dumps": Case(lambda: pickle.dumps(DOCUMENT), r"_pickle(:dumps|\..*:.*)"),
    "pickle.loads": Case(lambda: pickle.loads(PICKLED), r"_pickle(:loads|\..*:.*)"),
    "re": Case(lambda: re.match(r"(a+)+$", "a" * 22 + "b"), r"(_sre|re):(SRE_)?Pattern.match"),
    "sum": Case(lambda: sum(range(9_000_000)), "builtins:sum"),
    "pow": Case(lambda: pow(3, 1_500_000), "builtins:pow", nameless=True),
    "int.__mul__": Case(lambda: NUMBER * NUMBER, "builtins:int.__mul__"),
    "str.join": Case(lambda: ",".join(map(str, range(1_000_000))), "builtins:str.join"),
    "Counter": Case(lambda: collections.Counter(map(int, FOUR)), "_collections:_count_elements"),
    "list": Case(lambda: len(list(itertools.product(range(80), repeat=3))), "builtins:list"),
    "set": Case(lambda: set(BIG), "builtins:set"),
    "gc.collect": Case(gc.collect, "gc:collect(ion)?", "collector"),  # the longer: of a stack that was cut
}

FREED = (
    r"builtins:(list|dict|tuple|int|str|bytes|object)(_dealloc|\.clear)"  # after a call: what it has returned
)


@pytest.fixture(scope="module", autouse=True)
def heap() -> Iterator[list[list[int]]]:
    """So many objects that a collection takes long; without automatic ones beside those that are tested."""
    gc.collect()
    gc.disable()
    yield [[number] for number in range(800_000)]
    gc.enable()


def in_thread(work: Callable[[], object]) -> None:
    """Runs it beside this thread, several times, with the GIL free in between."""

    def repeat() -> None:
        for _ in range(4):
            work()
            time.sleep(0.01)

    thread = threading.Thread(target=repeat, name="holder")
    thread.start()
    thread.join()


def stalls_of(work: Callable[[], object], is_enough: Callable[[GilStall], bool]) -> list[GilStall]:
    """Returns the stalls of a thread that does this, until one is enough: a busy machine hides some."""
    deadline = time.monotonic() + LONG_WATCHDOG
    with watching() as stalls:
        while not any(is_enough(stall) for stall in stalls):
            assert time.monotonic() < deadline, [str(stall) for stall in stalls]
            in_thread(work)
    return [stall for stall in stalls if stall.thread == "holder"]


def kind_of(stall: GilStall) -> str | None:
    """Returns gil-budget's word for it; None means bytecode."""
    hold = make_hold(stall)
    return None if hold is None else hold.kind


@pytest.mark.slow
@pytest.mark.table(cases=5)
@pytest.mark.parametrize("name", CASES)
def test_a_hold_has_its_name_and_no_other_one(name: str) -> None:
    case = CASES[name]
    named = re.compile(f"{case.name}|{OWN}(?!.*(PyList_New|HandlePending)).*|{FREED}")
    nobody = {None} if case.nameless else {None, INTERPRETER}
    stalls = stalls_of(case.run, lambda stall: stall.native not in nobody)
    natives = {stall.native for stall in stalls} - {None, INTERPRETER}
    assert [native for native in natives if not named.fullmatch(str(native))] == []
    assert {kind_of(stall) for stall in stalls if re.fullmatch(case.name, str(stall.native))} <= {case.kind}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sorted", "list.sort", "sum", "list", "gc.collect", "pickle.dumps"])
def test_what_python_calls_by_name_is_found_by_that_name_without_symbols_too(name: str) -> None:
    case = CASES[name]
    found = stalls_of(case.run, lambda stall: re.fullmatch(case.name, str(stall.native)) is not None)
    assert found


def makes_objects() -> list[list[int]]:
    """Bytecode in which collections begin by themselves."""
    return [[number] for number in range(300_000)]


@pytest.fixture
def often() -> Iterator[None]:
    """Collections of the whole heap, as often as the interpreter agrees to."""
    before = gc.get_threshold()
    gc.enable()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)
    gc.disable()


@pytest.mark.slow
def test_an_automatic_collection_is_no_call(often: None) -> None:
    stalls = stalls_of(makes_objects, lambda stall: stall.cause == "collector")
    natives = {str(stall.native) for stall in stalls if stall.cause == "collector"}
    assert natives == {"gc:collection"}
    others = {str(stall.native) for stall in stalls if stall.cause == "call" and stall.native is not None}
    assert {name for name in others if not re.fullmatch(FREED, name)} <= {INTERPRETER}


@pytest.mark.slow
def test_native_code_that_a_collection_calls_is_no_collection(often: None) -> None:
    """A finalizer that holds the GIL runs below the collector, and is found as what it is."""

    class Held:
        """A cycle whose end sorts."""

        def __init__(self) -> None:
            """Refers to itself."""
            self.me = self

        def __del__(self) -> None:
            """Holds the GIL."""
            sorted(BIG)

    def make_garbage() -> None:
        Held()
        gc.collect()

    stalls = stalls_of(make_garbage, lambda stall: stall.native == "builtins:sorted")
    assert {stall.cause for stall in stalls if stall.native == "builtins:sorted"} == {"call"}


@pytest.mark.slow
def test_a_program_that_clears_the_list_of_the_collectors_callbacks_loses_nothing_else(often: None) -> None:
    def clear_and_hold() -> None:
        gc.callbacks.clear()
        sorted(BIG)

    stalls = stalls_of(clear_and_hold, lambda stall: stall.native == "builtins:sorted")
    assert {stall.cause for stall in stalls if stall.native == "builtins:sorted"} == {"call"}


def test_the_collector_tells_nobody_when_the_watch_has_ended() -> None:
    before = list(gc.callbacks)
    with watching():
        assert len(gc.callbacks) == len(before) + 1
    assert gc.callbacks == before


@pytest.mark.slow
def test_a_function_of_a_module_that_was_imported_later_is_named() -> None:
    def hold() -> object:
        import array  # noqa: PLC0415

        return array.array("d", BIG).tolist()

    stalls = stalls_of(lambda: [hold() for _ in range(5)], lambda stall: "array" in str(stall.native))
    assert stalls
