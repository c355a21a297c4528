"""./dev ends amid its first set-up: what it has begun beside itself ends, too, or is waited for."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from rigs.watchdog import run_to_end
from support import WATCHDOG, until

DEV = Path(__file__).parents[3] / "dev"

# Its functions. The stand-in for apt-get goes on until there is a file, that for CMake never ends.
SCRIPT = r"""
eval "$(sed -e '/^# --- the verbs/,$d' -e '/^cd "\$(dirname/d' "$DEV")"
mkdir -p build src/core
as_root() { setsid --wait sh -c 'echo $$ >apt; until [ -e over ]; do sleep .02; done; rm apt'; }
cmake() { sh -c 'echo $$ >cmake; exec sleep 1000'; }
begin_system g++
begin_layers
until [ -s apt ] && [ -s cmake ]; do sleep .02; done
echo begun
if [ "$1" = failure ]; then die "pip has failed"; fi
finish_system
"""


@contextlib.contextmanager
def on_a_terminal(folder: Path, *command: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A program and the other end of its terminal."""
    terminal, slave = pty.openpty()
    with subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"DEV": str(DEV), "FRESHFRAME_WARNINGS_ARE_ERRORS": "OFF"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    ) as program:
        os.close(slave)
        yield program, terminal


def run(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_to_end(
        ["bash", "-c", script, "dev"], cwd=folder, env=os.environ | {"DEV": str(DEV)} | environment
    )


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("end", ["Ctrl-C", "failure"])
def test_an_end_amid_the_set_up_waits_for_apt_get_and_leaves_no_compiler(tmp_path: Path, end: str) -> None:
    with subprocess.Popen(
        # A background job of a shell ignores Ctrl-C, as do its children. This one gets it as at a terminal.
        ["env", "--default-signal=INT", "bash", "-c", SCRIPT, "dev", end],
        cwd=tmp_path,
        env=os.environ | {"DEV": str(DEV), "FRESHFRAME_WARNINGS_ARE_ERRORS": "OFF"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as dev:
        try:
            assert dev.stdout is not None
            assert dev.stdout.readline() == "begun\n"
            compiler = int((tmp_path / "cmake").read_text())
            if end == "Ctrl-C":
                os.killpg(dev.pid, signal.SIGINT)
            until(lambda: not is_alive(compiler), "the compiler's end")
            assert dev.poll() is None
            assert (tmp_path / "apt").exists()
        finally:
            (tmp_path / "over").touch()
        _, said = dev.communicate(timeout=WATCHDOG)
    assert "waiting for apt-get" in said
    assert dev.returncode != 0
    assert not (tmp_path / "apt").exists()


def test_an_end_without_a_compiler_waits_for_apt_get_too(tmp_path: Path) -> None:
    script = SCRIPT.replace("begin_layers\n", "echo $$ >cmake\n")
    with subprocess.Popen(
        ["bash", "-c", script, "dev", "failure"],
        cwd=tmp_path,
        env=os.environ | {"DEV": str(DEV)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as dev:
        assert dev.stdout is not None
        assert dev.stderr is not None
        assert dev.stdout.readline() == "begun\n"
        said = iter(dev.stderr.readline, "")
        assert any("waiting for apt-get" in line for line in said)
        assert (tmp_path / "apt").exists()
        (tmp_path / "over").touch()
        dev.communicate(timeout=WATCHDOG)
    assert not (tmp_path / "apt").exists()


def test_a_terminal_that_is_closed_leaves_no_compiler_and_no_package_half_installed(tmp_path: Path) -> None:
    # A shell that is begun with an ignored signal, as below nohup, cannot catch it.
    shell = ["env", "--default-signal=HUP", "bash", "-c", SCRIPT, "dev", "hang-up"]
    command = ["setsid", "--ctty", "--fork", "--wait", *shell]
    with on_a_terminal(tmp_path, *command) as (dev, terminal):
        try:
            said = b""
            while b"begun" not in said or b"s  " not in said:  # the line that moves is there, too
                said += os.read(terminal, 4096)
            compiler = int((tmp_path / "cmake").read_text())
            os.close(terminal)
            until(lambda: not is_alive(compiler), "the compiler's end")
            assert dev.poll() is None
            assert (tmp_path / "apt").exists()
        finally:
            (tmp_path / "over").touch()
        dev.wait(WATCHDOG)
    assert not (tmp_path / "apt").exists()


FOREGROUND = r"""
eval "$(sed -e '/^# --- the verbs/,$d' -e '/^cd "\$(dirname/d' "$DEV")"
sh -c 'echo $$; exec sleep 1000'
"""


def _sleeps(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


def test_a_signal_to_dev_alone_ends_what_runs_in_front(tmp_path: Path) -> None:
    with subprocess.Popen(
        ["bash", "-c", FOREGROUND, "dev"],
        cwd=tmp_path,
        env=os.environ | {"DEV": str(DEV)},
        stdout=subprocess.PIPE,
        text=True,
    ) as dev:
        assert dev.stdout is not None
        demonstration = int(dev.stdout.readline())
        # Bash looks for a signal, then waits for its child: one between the two is seen at the child's end.
        until(lambda: _sleeps(dev.pid), "the wait of bash")
        dev.terminate()
        until(lambda: not is_alive(demonstration), "the demonstration's end")
        assert dev.wait(WATCHDOG) == -signal.SIGTERM


# The stand-in for CMake writes the cache as CMake does.
CONFIGURE = r"""
eval "$(sed -e '/^# --- the verbs/,$d' -e '/^cd "\$(dirname/d' "$DEV")"
mkdir -p build src
jobs=8
cmake() {
  mkdir -p build/dev
  touch build/dev/build.ninja
  { echo "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD"; printf '%s\n' "$@" | sed -n 's/^-D\([A-Z_]*\)=/\1:BOOL=/p'; } |
    sed 's/_UNITS:BOOL/_UNITS:STRING/' >build/dev/CMakeCache.txt
  echo configured >&2
}
with_tests=OFF
left_out=(FLEET SERVE INFERENCE)
configure_preset dev 2>&1
grep -E '_(PYTHON|FLEET|MEDIA|SERVE|INFERENCE):' build/dev/CMakeCache.txt | sort
configure_preset dev 2>&1
cat build/dev.log
left_out=()
configure_preset dev 2>&1
grep -E '_(PYTHON|FLEET|MEDIA|SERVE|INFERENCE):' build/dev/CMakeCache.txt | sort
left_out=(FLEET SERVE INFERENCE)
is_complete build/dev/CMakeCache.txt && echo complete
"""


def test_what_the_demonstration_leaves_out_comes_with_the_next_verb_and_stays(tmp_path: Path) -> None:
    ended = run(CONFIGURE, tmp_path, FRESHFRAME_WARNINGS_ARE_ERRORS="OFF")
    assert ended.returncode == 0
    said = ended.stdout.splitlines()
    layers = [f"FRESHFRAME_{layer}:BOOL={{}}" for layer in ("FLEET", "INFERENCE", "MEDIA", "PYTHON", "SERVE")]
    without = [line.format(on) for line, on in zip(layers, ("OFF", "OFF", "ON", "ON", "OFF"), strict=True)]
    whole = [line.format("ON") for line in layers]
    assert said == [*without, "configured", *whole, "complete"]


SMALL_UNITS = r"""
eval "$(sed -e '/^# --- the verbs/,$d' -e '/^cd "\$(dirname/d' "$DEV")"
mkdir -p build/dev src/core/edge src/serve tests/cpp/media
touch -d '1 hour ago' src/core/edge/inbox.cpp src/serve/{1..9}.cpp tests/cpp/media/file_test.cpp
jobs=2
echo "before a build: $(small_units)"
touch -d '1 minute ago' build/dev/built
echo "without an edit: $(small_units)"
touch src/core/edge/inbox.cpp src/serve/{1..9}.cpp
echo "an edit of core, another commit of serve: $(small_units)"
touch -d '1 hour ago' src/core/edge/inbox.cpp
touch tests/cpp/media/file_test.cpp
echo "an edit of a test: $(small_units)"
jobs=8
echo "many cores: $(small_units)"
"""


def test_a_layer_with_an_edit_and_tests_with_one_are_compiled_in_small_units(tmp_path: Path) -> None:
    ended = run(SMALL_UNITS, tmp_path)
    assert ended.stdout.splitlines() == [
        "before a build: ",
        "without an edit: ",
        "an edit of core, another commit of serve: core",
        "an edit of a test: core;tests_media",
        "many cores: all",
    ]


# Slow commands, of which one warns, one fails and one is interrupted.
WATCHED = r"""
eval "$(sed -e '/^# --- the verbs/,$d' -e '/^cd "\$(dirname/d' "$DEV")"
slow() { echo step one; until [ -e go ]; do sleep .02; done; echo step two; sleep 2; echo warning: sharp; }
watched log slow
watched log sh -c 'echo it broke; exit 3' || echo "failed with $?"
watched log sh -c 'echo endless; touch waiting; exec sleep 1000'
"""


def test_on_a_terminal_a_slow_command_has_a_line_that_moves(tmp_path: Path) -> None:
    said = b""
    command = ["env", "--default-signal=INT", "bash", "-c", WATCHED, "dev"]
    with on_a_terminal(tmp_path, *command) as (dev, terminal):
        while b"s  step one" not in said:
            said += os.read(terminal, 4096)
        (tmp_path / "go").touch()
        while b"s  endless" not in said:
            said += os.read(terminal, 4096)
        until((tmp_path / "waiting").exists, "the third command")
        os.killpg(dev.pid, signal.SIGINT)
        # The terminal ends when no process has it any more: neither ./dev nor what writes the line.
        with contextlib.suppress(OSError):
            while more := os.read(terminal, 4096):
                said += more
        dev.wait(WATCHDOG)
    os.close(terminal)
    lines = said.decode().replace("\x1b[K", "").replace("\r", "\n").splitlines()
    assert any(line.endswith("s  step two") for line in lines)
    assert {"warning: sharp", "it broke", "failed with 3"} <= set(lines)


# The stand-in for CMake crashes while the header of the first time exists, or fails on request.
CRASH = r"""
eval "$(sed -e '/^# --- the verbs/,$d' -e '/^cd "\$(dirname/d' "$DEV")"
mkdir -p build/dev/src
touch build/dev/src/cmake_pch.hxx.gch
configure_preset() { :; }
cmake() {
  echo "compiled, ${CCACHE_RECACHE:-cached}"
  if [ -e build/dev/src/cmake_pch.hxx.gch ]; then echo "$FAILURE"; return 1; fi
}
build_preset dev && echo built
"""


@pytest.mark.parametrize(
    ("failure", "tries"),
    [
        ("layout.hpp:3: internal compiler error: Segmentation fault", 1),
        ("c++: fatal error: Killed signal terminated program cc1plus", 2),
        ("layout.hpp:3: error: 'Layuot' was not declared in this scope", 0),
    ],
)
def test_headers_that_crash_the_compiler_are_precompiled_once_more_past_the_cache(
    tmp_path: Path, failure: str, tries: int
) -> None:
    ended = run(CRASH, tmp_path, FAILURE=failure)
    failed = ["compiled, cached", failure] * max(1, tries)
    assert ended.stdout.splitlines() == [*failed, *(["compiled, 1", "built"] if tries else [])]
    assert (ended.returncode == 0) == bool(tries)
    assert (tmp_path / "build/dev/built").exists() == bool(tries)


def test_a_compiler_that_found_no_memory_beside_others_is_tried_alone_and_keeps_what_is_built(
    tmp_path: Path,
) -> None:
    script = CRASH.replace(
        "if [ -e build/dev/src/cmake_pch.hxx.gch ]", 'if [ "$CMAKE_BUILD_PARALLEL_LEVEL" != 1 ]'
    )
    failure = "Killed signal terminated program cc1plus"
    ended = run(script, tmp_path, FAILURE=failure, CMAKE_BUILD_PARALLEL_LEVEL="2")
    assert ended.returncode == 0
    assert (tmp_path / "build/dev/src/cmake_pch.hxx.gch").exists()


# The stand-in for CMake compiles until there is a file.
TURN = r"""
eval "$(sed -e '/^# --- the verbs/,$d' -e '/^cd "\$(dirname/d' "$DEV")"
mkdir -p build/dev
configure_preset() { :; }
slow() { echo begins; until [ -e over ]; do sleep .02; done; echo ends; }
cmake() { slow; }
setup_python() { slow; }
mkdir -p own/venv/bin
printf '%s\n' '#!/bin/bash' "$(declare -f slow)" slow >own/venv/bin/python
chmod +x own/venv/bin/python
$1 2>&1
"""


@pytest.mark.parametrize("step", ["build_preset dev", "setup_packages docs", "own_environment own models"])
def test_a_second_dev_in_a_checkout_waits_until_the_first_has_built(tmp_path: Path, step: str) -> None:
    def dev() -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-c", TURN, "dev", step],
            cwd=tmp_path,
            env=os.environ | {"DEV": str(DEV)},
            stdout=subprocess.PIPE,
            text=True,
        )

    with dev() as first:
        assert first.stdout is not None
        compiled = iter(first.stdout.readline, "")
        assert any(line == "begins\n" for line in compiled)
        with dev() as second:
            assert second.stdout is not None
            said = iter(second.stdout.readline, "")
            try:
                assert next(line for line in said if "waiting" in line or "begins" in line) != "begins\n"
            finally:
                (tmp_path / "over").touch()
            assert "ends\n" in list(compiled)
            assert "ends\n" in list(said)
    assert (first.returncode, second.returncode) == (0, 0)


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_a_question_about_a_verb_is_answered_and_builds_nothing(tmp_path: Path, option: str) -> None:
    (tmp_path / "dev").write_bytes(DEV.read_bytes())  # in an empty folder, where a build would fail
    asked = ["bash", "dev", "test", option]
    answer = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=WATCHDOG)
    first, *others = answer.stdout.splitlines()
    assert first.startswith("./dev test [OPTIONS]")
    assert any("--sanitizers" in line for line in others)
    assert not any(line.startswith("./dev") for line in others)
    assert [path.name for path in tmp_path.iterdir()] == ["dev"]


# A bare system: whatever begins without the set-up finds no Python.
BARE = r"""
eval "$(sed -e '/^# --- the verbs/,$d' -e '/^cd "\$(dirname/d' "$DEV")"
setup() { echo "set up: $* $(package_lists | paste -sd ' ')"; exit; }
setup_python() { die "no Python"; }
set -- $ARGS
eval "$(sed '1,/^# --- the verbs/d' "$DEV")"
"""


@pytest.mark.parametrize("verb", ["wheel", "wheel --gil-budget", "wheel --fleet", "sdist"])
def test_what_makes_a_distribution_installs_what_it_needs(tmp_path: Path, verb: str) -> None:
    ended = run(BARE, tmp_path, ARGS=verb)
    assert (ended.stdout, ended.stderr) == ("set up: build tools/debian-packages.txt\n", "")


# Stand-ins for what builds, and for the programs that run tests. build/cpp is what the C++ half says.
TESTS = r"""
eval "$(sed -e '/^# --- the verbs/,$d' -e '/^cd "\$(dirname/d' "$DEV")"
mkdir -p build
venv=$PWD/venv
setup() { :; }
build_preset() { echo "built $*"; }
leave_out() { left_out_labels=(thorough ${PLOT:-}) left_out_tests=(gil/tests); }
run_ctest() { echo "ctest $*"; counts+=("ctest: counted"); [ ! -e cpp_fails ]; }
run_pytest() { echo "pytest $* in the tier $FRESHFRAME_TEST_TIER"; }
run_gil_interpreters() { echo "other interpreters"; }
note_plots() { true; }
note_durations() { echo "durations"; }
card_tests() { echo "on a simulated card"; }
run_tests $ARGS 2>&1
"""


def said_by_tests(folder: Path, arguments: str) -> list[str]:
    ended = run(TESTS, folder, ARGS=arguments)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return [line for line in ended.stdout.splitlines() if line and not line.startswith("==")]


PROGRAMS = " freshframe_tests gil_programs interleavings_programs"
LEFT_OUT = [
    "fleets on Ray clusters: left out, ./dev test-fleet downloads Ray (360 MB)",
    "virtual cameras: left out, ./dev test-v4l2 downloads a kernel and QEMU",
]


@pytest.mark.parametrize(
    ("arguments", "tier", "built", "more", "counts"),
    [
        ("", "default", PROGRAMS, ["other interpreters"], []),
        ("--quick", "quick", PROGRAMS, [], []),
        ("--all", "all", "", ["other interpreters", "durations", "on a simulated card"], LEFT_OUT),
    ],
)
def test_the_tests_in_cpp_are_built_and_run_beside_those_in_python(
    tmp_path: Path, arguments: str, tier: str, built: str, more: list[str], counts: list[str]
) -> None:
    said = said_by_tests(tmp_path, arguments)
    assert said == [
        "built dev freshframe_python",
        f"pytest  in the tier {tier}",
        f"built dev{built}",
        "ctest dev -LE ^(thorough)$",
        *more,
        "ctest: counted",
        *counts,
        "all tests passed",
    ]


def test_programs_of_tests_that_are_left_out_are_not_built(tmp_path: Path) -> None:
    ended = run(TESTS, tmp_path, ARGS="", PLOT="gil")
    assert "built dev freshframe_tests interleavings_programs" in ended.stdout.splitlines()
    assert "ctest dev -LE ^(thorough|gil)$" in ended.stdout.splitlines()
    assert "other interpreters" not in ended.stdout


def test_chosen_tests_run_whole(tmp_path: Path) -> None:
    said = said_by_tests(tmp_path, "--python -k queue")
    assert said == ["built dev freshframe_python", "pytest -k queue in the tier all", "all tests passed"]


def test_a_failure_beside_the_python_tests_fails_the_run(tmp_path: Path) -> None:
    (tmp_path / "cpp_fails").touch()
    ended = run(TESTS, tmp_path, ARGS="")
    assert ended.returncode == 1
    assert "failed: C++ tests and checks of the tree" in ended.stdout
