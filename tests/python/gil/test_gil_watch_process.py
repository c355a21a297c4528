"""freshframe.gil and the rest of a process: forks, signals, files, exiting threads, libraries, exits."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import _thread
import ctypes
import errno
import os
import platform
import threading
import time
from pathlib import Path

import pytest
from rigs import gil_holds
from support import WATCHDOG, run_program, until

from freshframe import gil

pytestmark = pytest.mark.needs_gil

SPIN = "void spin(long n) { volatile long x = 0; for (long i = 0; i < n; i++) x += i; }"

# A seccomp(2) filter that makes the system call with this number fail.
FORBID = """
import ctypes, struct
def forbid(number, error):
    program = b"".join(struct.pack("<HBBI", *step) for step in (
        (0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | error), (0x06, 0, 0, 0x7FFF0000)))
    steps = ctypes.create_string_buffer(program)
    filter_ = struct.pack("<HxxxxxxQ", 4, ctypes.addressof(steps))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    assert libc.prctl(22, 2, filter_, 0, 0) == 0, ctypes.get_errno()
"""

needs_compiler = pytest.mark.skipif(gil_holds.library() is None, reason="no C compiler")


# --- the ends of a process ----------------------------------------------------------------------------------


def test_the_child_of_a_fork_has_no_watch_and_may_start_one() -> None:
    ended = run_program("""
        import os, sys, warnings
        import freshframe as ff
        warnings.simplefilter("ignore")
        with ff.gil.watch() as watch:
            child = os.fork()
            if child == 0:
                assert not watch.active and watch.stalls == []
                watch.close()
                with ff.gil.watch() as own:
                    assert own.active
                print("child done", flush=True)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            assert watch.active
        print("parent done")
    """)
    assert (ended.code, ended.out, ended.err) == (0, "child done\nparent done\n", "")


def test_a_program_may_end_with_a_watch_on() -> None:
    ended = run_program("""
        import threading
        import freshframe as ff
        watch = ff.gil.watch(0.001)
        watch.__enter__()
        def spin():
            while True:
                sum(range(1000))
        threading.Thread(target=spin, daemon=True).start()
        sorted(range(100000), key=lambda x: -x)
        print("end")
    """)
    assert (ended.code, ended.out, ended.err) == (0, "end\n", "")


def test_signals_and_faulthandler_work_beside_a_watch() -> None:
    ended = run_program("""
        import faulthandler, os, signal, sys, time
        import freshframe as ff
        got = []
        signal.signal(signal.SIGUSR1, lambda *_: got.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        signal.signal(signal.SIGALRM, lambda *_: got.append(2))
        with ff.gil.watch():
            os.kill(os.getpid(), signal.SIGUSR1)
            deadline = time.monotonic() + 30
            while 2 not in got and time.monotonic() < deadline:
                sorted(range(200000), key=lambda x: x)
            faulthandler.dump_traceback(file=sys.stdout)
        assert sorted(got) == [1, 2], got
    """)
    assert (ended.code, ended.err) == (0, "")
    assert "Current thread" in ended.out


# --- other events --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.repeats
@needs_compiler
def test_a_thread_is_never_given_the_name_of_the_one_that_has_its_ident_now() -> None:
    names: dict[int, str] = {}

    def work() -> None:
        names[threading.get_native_id()] = threading.current_thread().name
        gil_holds.module().block(25)

    with gil.watch() as watch:
        for number in range(40):
            thread = threading.Thread(target=work, name=f"short{number}")
            thread.start()
            thread.join()
    found = [(stall.thread, names[stall.native_id]) for stall in watch.stalls if stall.native_id in names]
    assert found
    assert [(given, name) for given, name in found if given.startswith("short") and given != name] == []


@needs_compiler
def test_a_name_that_is_no_text_does_not_end_the_watch() -> None:
    def work() -> None:
        ctypes.CDLL(None).prctl(15, b"cut off \xc3", 0, 0, 0)  # PR_SET_NAME
        while not reported.is_set():
            gil_holds.module().block(25)
            time.sleep(0.005)

    def on_stall(stall: gil.GilStall) -> None:
        if "cut off" in stall.thread:
            reported.set()

    reported = threading.Event()
    with gil.watch(on_stall=on_stall) as watch:
        _thread.start_new_thread(work, ())
        assert reported.wait(WATCHDOG)
    assert "cut off \ufffd" in {stall.thread for stall in watch.stalls}


@needs_compiler
def test_programs_that_are_started_beside_a_watch_inherit_none_of_its_files() -> None:
    def inheritable() -> list[str]:
        files = (name for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}"))
        return [name for name in files if os.get_inheritable(int(name))]

    before = inheritable()
    with gil.watch() as watch:
        until(lambda: gil_holds.module().block(30) and watch.stalls, "a stall to be reported")
        assert inheritable() == before


@pytest.mark.slow
@needs_compiler
def test_a_forked_child_does_not_keep_the_kernels_sampling_going() -> None:
    ended = run_program("""
        import os, threading, warnings
        from rigs import gil_holds
        import freshframe as ff
        warnings.simplefilter("ignore")  # about a fork beside threads

        def fork_often():
            for _ in range(40):
                child = os.fork()
                if child == 0:
                    files = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
                    there = [os.readlink(name) for name in files if os.path.lexists(name)]
                    os._exit(any("perf_event" in name for name in there))
                assert os.waitpid(child, 0)[1] == 0

        with ff.gil.watch(0.002):
            thread = threading.Thread(target=fork_often)
            thread.start()
            while thread.is_alive():
                gil_holds.module().burn(8)
    """)
    assert (ended.code, ended.out) == (0, ""), ended.err
    assert "AssertionError" not in ended.err


def test_a_watch_that_cannot_start_leaves_signals_and_threads_as_they_were() -> None:
    ended = run_program("""
        import pathlib, resource, signal, threading, time
        import freshframe as ff
        from gil_budget import _gil
        threading.stack_size(64 * 1024)  # Python's threads are small; the watcher's does not fit
        pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
        limit = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (pages * 4096 + (6 << 20), limit[1]))
        try:
            ff.gil.watch().__enter__()
        except RuntimeError as error:
            print("refused")
        resource.setrlimit(resource.RLIMIT_AS, limit)
        while threading.active_count() > 1:  # the one that was to serve it
            time.sleep(0.001)
        print(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        with ff.gil.watch() as watch:
            print(watch.active)
    """)
    assert (ended.code, ended.out) == (0, "refused\nset()\nTrue\n"), ended.err


def test_a_watch_starts_below_code_whose_path_is_no_text() -> None:
    def start() -> None:
        with gil.watch():
            pass

    eval(compile("start()", "caf\udce9.py", "eval"), {"start": start})


def test_many_types_with_two_bases_do_not_delay_the_start() -> None:
    ended = run_program("""
        import freshframe as ff
        bases = (object,)
        for number in range(40):
            bases = (type("A", bases, {}), type("B", bases, {}))
        with ff.gil.watch():
            print("started")
    """)
    assert (ended.code, ended.out, ended.err) == (0, "started\n", "")


# --- libraries that are loaded and unloaded -------------------------------------------------------------


@pytest.mark.slow
@needs_compiler
def test_a_library_that_is_gone_gives_no_name_to_the_next_one_at_its_address(tmp_path: Path) -> None:
    libraries = [
        gil_holds.compiled(tmp_path / f"libgone{i}.so", SPIN.replace("spin", f"spin_{i}")) for i in range(3)
    ]
    ended = run_program(
        f"""
import _ctypes, ctypes, threading
from freshframe import gil
libraries = {[str(library) for library in libraries]}
with gil.watch(0.005) as watch:
    for i in range(30):
        # Back and forth, so that a name may be asked for while another library is there and checked when the
        # first one is there again.
        k = (0, 1, 0, 2, 1, 2)[i % 6]
        library = ctypes.PyDLL(libraries[k])
        spin = library["spin_%d" % k]
        turns = (12_000_000, 60_000_000)[i // 6 % 2]  # some end while the watch looks, some long after
        thread = threading.Thread(target=spin, args=(turns,), name="gone%d" % k)
        thread.start()
        thread.join()
        _ctypes.dlclose(library._handle)
for stall in watch.stalls:
    if stall.thread.startswith("gone"):
        print(stall.thread, stall.native)
"""
    )
    assert ended.code == 0, ended
    stalls = [line.split() for line in ended.out.splitlines()]
    # On a loaded machine, the watch examines some stalls too late: the library is already unloaded, or the
    # thread is back in the interpreter, which may wait in the C library.
    interpreter = ("None", "libpython", "python", "libc.so")
    named = [(thread[-1], native) for thread, native in stalls if not native.startswith(interpreter)]
    assert named
    for number, native in named:
        assert native.startswith((f"libgone{number}.so:spin_{number}", f"libgone{number}.so:0x")), stalls


# --- sandboxes ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the filter has this machine's numbers")
@pytest.mark.parametrize("error", [errno.EPERM, errno.EACCES, errno.ENOSYS])
def test_the_watch_works_where_process_vm_readv_is_forbidden(error: int) -> None:
    ended = run_program(
        FORBID
        + f"""
forbid(310, {error})  # process_vm_readv
import freshframe as ff
with ff.gil.watch() as watch:
    print(watch.active)
"""
    )
    assert (ended.code, ended.out, ended.err) == (0, "True\n", "")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the filter has this machine's numbers")
def test_where_memory_cannot_be_read_at_all_the_refusal_says_so() -> None:
    ended = run_program(
        FORBID
        + f"""
import freshframe as ff
ff.gil
from gil_budget import _gil
forbid(310, {errno.EACCES})  # process_vm_readv
forbid(17, {errno.EACCES})  # pread64
try:
    ff.gil.watch().__enter__()
except RuntimeError as error:
    print(error)
"""
    )
    assert ended.code == 0
    assert (
        "may not read its own memory (process_vm_readv: Permission denied; /proc/self/mem: Permission denied)"
        in ended.out
    )
    assert "laid out" not in ended.out
