"""freshframe/gil.hpp at run time: modules of nanobind, pybind11 and the plain C API that are built on it."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib
import signal
import sys
import sysconfig
import textwrap
import threading
import types
import weakref
from pathlib import Path

import numpy as np
import pytest
from support import Ended, at_once, run_program, until

from freshframe._interpreter import gil_state

MODULES = Path(__file__).parents[3] / "gil/tests/headers/modules"
LIES = {
    "smuggle_into_released_scope": "a Held token is used where the GIL is not held",
    "smuggle_to_another_thread": "a Held token is used on a thread that it was not given to",
    "use_after_its_scope": "a Held token is used after its scope, or was forged",
    "forge": "a Held token is used after its scope, or was forged",
    "forge_in_a_union": "a Held token is used after its scope, or was forged",
    "enter_without_the_gil": "a Held token is used where the GIL is not held",
    "native_thread_on_a_thread_that_holds": "a Released token is used where the GIL is held",
    "acquire_twice": "a Released token is used where the GIL is held",
    "wait_for_the_gil_with_a_lock": "a thread waits for the GIL with a gil::Mutex locked",
    "released_token_after_its_scope": "a Released token is used after its scope, or was forged",
}


def load(name: str) -> types.ModuleType:
    """Returns a test module that ./dev build built next to its source.

    Those of other Pythons may be there, too.
    """
    if not (MODULES / f"{name}{sysconfig.get_config_var('EXT_SUFFIX')}").exists():
        pytest.skip(f"{name} was not built: ./dev build")
    sys.path.insert(0, str(MODULES))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.pop(0)


# Python 3.13 may crash after the message, while it lists the extension modules.
ENDS = (signal.SIGABRT, signal.SIGSEGV)


def child(code: str) -> Ended:
    """Runs `code` in a separate Python that finds the test modules."""
    return run_program(f"import sys; sys.path.insert(0, {str(MODULES)!r})\n{textwrap.dedent(code)}")


@pytest.fixture(params=["gil_plain", "gil_nanobind", "gil_pybind11"])
def module(request: pytest.FixtureRequest) -> types.ModuleType:
    """Each of the three modules, which have the same functions."""
    return load(request.param)


def test_work_without_the_gil_gives_the_right_result(module: types.ModuleType) -> None:
    assert module.total(np.arange(1000.0)) == 499500.0
    assert module.nested() == 7
    with pytest.raises((TypeError, BufferError)):
        module.total("not an array")


def test_threads_without_the_gil_are_inside_at_the_same_time(module: types.ModuleType) -> None:
    met = at_once(*[lambda: module.meet(4)] * 4)
    assert met == [4, 4, 4, 4]  # a call that held the GIL would have waited for the others in vain


def test_an_exception_of_cpp_leaves_a_released_scope(module: types.ModuleType) -> None:
    for _ in range(3):
        with pytest.raises(IndexError, match="thrown without the GIL"):
            module.throw_released()
    assert module.nested() == 7


def test_an_exception_without_a_caller_is_written_as_unraisable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[object, str]] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: seen.append((what.exc_type, str(what.exc_value))))
    capsule = load("gil_plain").capsule_that_fails_to_die()
    del capsule
    assert seen == [(IndexError, "thrown by a destructor")]


def test_a_destructor_that_fails_leaves_the_exception_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: seen.append(what.exc_type))
    make = load("gil_plain").capsule_that_fails_to_die
    nothing: dict[str, str] = {}
    with pytest.raises(KeyError, match="on its way"):
        print(make(), nothing["on its way"])  # the capsule is freed while the exception leaves the expression
    assert seen == [IndexError]


def test_an_exception_of_python_leaves_acquire_and_release(module: types.ModuleType) -> None:
    class OwnError(Exception):
        pass

    error = OwnError("raised by the callback")

    def fail() -> None:
        raise error

    with pytest.raises(OwnError) as caught:
        module.call_back(fail)
    assert caught.value is error
    names = []
    traceback = caught.tb
    while traceback is not None:
        names.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next  # type: ignore[assignment]
    assert names[-1] == "fail"


def test_a_native_thread_keeps_one_thread_state_for_life(module: types.ModuleType) -> None:
    local = threading.local()
    seen: list[tuple[int, int]] = []

    def count() -> None:
        local.calls = getattr(local, "calls", 0) + 1  # lives as long as the thread state
        seen.append((threading.get_ident(), local.calls))

    module.call_on_native_thread(count, 5)
    assert [calls for _, calls in seen] == [1, 2, 3, 4, 5]
    assert len({thread for thread, _ in seen}) == 1
    assert seen[0][0] != threading.get_ident()
    seen.clear()
    module.call_on_native_thread(count, 2)
    assert [calls for _, calls in seen] == [1, 2]  # a new native thread starts with a new thread state


def test_a_native_thread_shows_up_in_python_while_it_calls(module: types.ModuleType) -> None:
    kinds = []
    module.call_on_native_thread(lambda: kinds.append(type(threading.current_thread()).__name__), 1)
    assert kinds == ["_DummyThread"]
    for thread in threading.enumerate():
        if type(thread).__name__ == "_DummyThread":
            threading._active.pop(thread.ident, None)  # type: ignore[attr-defined]  # never removed before 3.13


def test_a_reference_dies_on_a_native_thread_and_is_freed_by_who_has_the_gil(
    module: types.ModuleType,
) -> None:
    class Thing:
        pass

    freed: list[int] = []
    thing = Thing()
    weakref.finalize(thing, lambda: freed.append(threading.get_ident()))
    handed, thing = [thing], None  # type: ignore[assignment]
    assert module.drop_on_native_thread(handed[0]) == 1
    assert freed == []
    handed.clear()
    assert freed == [threading.get_ident()]


def test_what_native_threads_drop_is_freed_when_the_gil_is_taken_back(module: types.ModuleType) -> None:
    freed: list[int] = []

    class Thing:
        def __del__(self) -> None:
            freed.append(threading.get_ident())

    def make() -> Thing:
        return Thing()

    assert module.drop_on_native_thread(make()) == 1
    assert freed == [threading.get_ident()]


def test_what_a_thread_with_the_gil_lets_go_is_freed_soon_after() -> None:
    keeper = load("gil_nanobind").Keeper

    class Thing:
        pass

    for _ in range(3):
        thing = Thing()
        gone = weakref.ref(thing)
        kept = keeper(thing)
        del thing
        assert gone() is not None
        del kept  # its destructor holds the GIL, but has no token
        until(lambda gone=gone: gone() is None, "the interpreter to free the kept objects")  # type: ignore[misc]


def test_an_object_released_while_the_interpreter_ends_is_freed_at_once() -> None:
    load("gil_nanobind")
    ended = child("""
        from gil_nanobind import Keeper
        kept = Keeper(Keeper("inner"))
        """)
    assert (ended.code, ended.complaints) == (0, "")  # nanobind would report a leaked object


def test_methods_and_lambdas_take_the_token() -> None:
    thing = object()
    keeper = load("gil_nanobind").Keeper(thing)
    assert keeper.kept() is thing
    assert at_once(*[lambda: keeper.meet(2)] * 2) == [2, 2]


@pytest.mark.repeats
def test_a_thread_state_of_its_own_makes_acquire_cheaper() -> None:
    plain = load("gil_plain")
    pairs = [(plain.acquisitions(2000, False), plain.acquisitions(2000, True)) for _ in range(7)]
    assert sorted(kept / fresh for kept, fresh in pairs)[3] < 0.8


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_ends_the_process_with_a_message(lie: str) -> None:
    load("gil_lies")
    ended = child(f"import gil_lies; gil_lies.{lie}()")
    assert -ended.code in ENDS
    assert f"freshframe::gil: {LIES[lie]}" in ended.err
    # The Python line that called it. Without the GIL, the interpreter shows only the thread that aborts.
    if lie != "smuggle_to_another_thread" or gil_state.enabled():
        assert 'File "<string>", line 3 in <module>' in ended.err
    assert ended.out == ""


@pytest.mark.parametrize(
    "lie", ["static_object_while_released", "object_captured_by_acquire", "false_opt_in"]
)
def test_an_object_that_the_compiler_could_not_see_is_found_by_nanobind(lie: str) -> None:
    load("gil_lies")
    ended = child(f"import gil_lies; gil_lies.{lie}([])")
    assert -ended.code in ENDS
    assert "GIL" in ended.err


EXITS = """
    import sys, gil_plain
    sys.setswitchinterval(1e-5)
    calls = []
    gil_plain.call_for_ever(lambda: calls.append(1))
    while len(calls) < 100:
        pass
    print("leaving")
    """


@pytest.mark.parametrize("_attempt", range(5))
def test_an_interpreter_exits_while_a_native_thread_wants_the_gil(_attempt: int) -> None:
    load("gil_plain")
    ended = child(EXITS)
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[-1] == "leaving"
    assert "terminate" not in ended.err


@pytest.mark.parametrize("period", [0, 0.001, 0.1])
def test_an_object_that_joins_its_thread_does_not_keep_the_interpreter(period: float) -> None:
    load("gil_nanobind")
    ended = child(f"""
        import itertools, sys, time, gil_nanobind
        sys.setswitchinterval(1e-5)
        turns = itertools.count()
        caller = gil_nanobind.Caller(turns.__next__, {period})  # does not refer to `caller`, so that dies
        while next(turns) < 100:
            time.sleep(0)
        print("leaving")
        """)
    assert (ended.code, ended.complaints) == (0, "")
    assert ended.out.splitlines()[-1] == "leaving"
