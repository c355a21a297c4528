"""`freshframe gil`: a program runs as with `python`, and the holders of the GIL are printed."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from rigs import gil_holds
from rigs.gil_holds import WAYS
from rigs.watchdog import run_to_end

pytestmark = pytest.mark.needs_gil

needs_compiler = pytest.mark.skipif(gil_holds.library() is None, reason="no C compiler")


def run_python(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return run_to_end(
        # CPython warns about a fork with several threads.
        [sys.executable, "-W", "ignore::DeprecationWarning", *arguments],
        cwd=cwd,
        env=gil_holds.environment(),
    )


def run_command(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return run_python("-m", "freshframe", "gil", *arguments, cwd=cwd)


# --- as below python ----------------------------------------------------------------------------------------

PROGRAMS = {
    "finds itself": """
        import sys
        print(sys.path[:2], sys.argv, __name__, __file__, __spec__)
        print(sys.modules["__main__"].__dict__ is globals())
    """,
    "compiles without our futures": """
        def f(x: int): ...
        print(f.__annotations__)
    """,
    "has an excepthook": """
        import sys
        sys.excepthook = lambda kind, error, trace: print("hook", kind.__name__, trace.tb_lineno)
        raise ValueError("on purpose")
    """,
    "fails with a cause": """
        def f():
            try:
                1 / 0
            except ZeroDivisionError as error:
                raise ValueError("on purpose") from error
        f()
    """,
    "cannot be compiled": "def f(:",
    "leaves an idle executor": """
        from concurrent.futures import ThreadPoolExecutor
        pool = ThreadPoolExecutor(2)
        print(pool.submit(len, "four").result())
    """,
    "leaves a thread that waits for the end": """
        import sys, threading, time
        left_behind = 5
        def work():
            while threading.main_thread().is_alive():
                time.sleep(0.01)
            print(sys.modules["__main__"].left_behind)
        threading.Thread(target=work).start()
    """,
    "does something at exit": """
        import atexit, sys
        left_behind = 5
        atexit.register(lambda: print(sys.argv, sys.modules["__main__"].left_behind))
    """,
    "closes stdout": """
        import sys
        print("bye")
        sys.stdout.close()
    """,
    "forks": """
        import os, sys
        if os.fork() == 0:
            print("child", flush=True)
            sys.exit(3)
        print(os.wait()[1])
    """,
    "ends its workers": """
        import multiprocessing, time
        if __name__ == "__main__":
            context = multiprocessing.get_context("fork")
            with context.Pool(2) as pool:
                print(pool.map(abs, [-1, 2]))
            process = context.Process(target=time.sleep, args=(40,))
            process.start()
            process.terminate()
            process.join()
            print(process.exitcode)
    """,
    "spawns": """
        import multiprocessing
        def double(x):
            return 2 * x
        if __name__ == "__main__":
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(pool.map(double, [1, 2]))
    """,
}


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_runs_as_below_python(name: str, tmp_path: Path) -> None:
    program = tmp_path / "app.py"
    program.write_text(textwrap.dedent(PROGRAMS[name]))
    expected = run_python("app.py", "word", cwd=tmp_path)
    found = run_command("-q", "app.py", "word", cwd=tmp_path)
    assert (found.returncode, found.stdout, found.stderr) == (
        expected.returncode,
        expected.stdout,
        expected.stderr,
    )


@pytest.mark.slow
def test_a_child_that_the_program_forks_does_not_sum_up(tmp_path: Path) -> None:
    program = tmp_path / "app.py"
    program.write_text("import os\nif os.fork():\n    os.wait()\n")
    errors = run_command("--threshold", "60s", str(program)).stderr  # on a busy machine, a fork may take long
    assert errors.count("No thread kept the GIL") == 1


@pytest.mark.slow
@pytest.mark.parametrize("option", ["-m", "--module"])
def test_a_module_runs_as_below_python(option: str, tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__main__.py").write_text("import sys\nprint(sys.path[:2], sys.argv, __name__, __package__)\n")
    expected = run_python("-m", "package", "word", cwd=tmp_path)
    found = run_command("-q", option, "package", "word", cwd=tmp_path)
    assert (found.returncode, found.stdout, found.stderr) == (0, expected.stdout, "")


# --- its output ---------------------------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "app.py"
    path.write_text(
        "import sys\nfrom rigs import gil_holds\n"
        "print(__name__, *sys.argv[1:])\n"
        "for _ in range(20):\n"  # a busy machine may hide some of the holds
        "    gil_holds.module().block(30)\n"
        "if 'exit' in sys.argv: sys.exit(7)\n"
        "if 'text' in sys.argv: sys.exit('no good')\n"
        "if 'raise' in sys.argv: raise ValueError('on purpose')\n"
        "if 'interrupt' in sys.argv: raise KeyboardInterrupt\n"
    )
    return path


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize(
    ("argument", "code", "said"),
    [
        ("", 0, ""),
        ("exit", 7, ""),
        ("text", 1, "no good"),
        ("raise", 1, "ValueError: on purpose"),
        ("interrupt", 130, "KeyboardInterrupt"),
    ],
)
def test_the_command_ends_as_the_program_and_always_sums_up(
    program: Path, argument: str, code: int, said: str
) -> None:
    ended = run_command(str(program), "--json", argument)
    assert ended.returncode == code, ended.stderr
    assert ended.stdout == f"__main__ --json {argument}\n"
    assert said in ended.stderr
    assert "runpy" not in ended.stderr
    assert f"gil_holds{Path(str(gil_holds.library())).suffixes[0]}" in ended.stderr
    assert f"py_block, called at {program}:5:<module>" in ended.stderr
    assert "who held the GIL" in ended.stderr


@pytest.mark.slow
@needs_compiler
def test_the_command_runs_modules_and_writes_json(program: Path) -> None:
    output = program.with_name("stalls.jsonl")
    ended = run_command("-q", "-o", str(output), "-m", "app", "--flag", "exit", cwd=program.parent)
    assert (ended.returncode, ended.stdout, ended.stderr) == (7, "__main__ --flag exit\n", "")
    records = [json.loads(line) for line in output.read_text().splitlines()]
    stalls = [record for record in records if record["kind"] == "stall"]
    culprits = [record for record in records if record["kind"] == "culprit"]
    assert WAYS["extension-block"].expected in {stall["native"] for stall in stalls}
    assert sum(culprit["count"] for culprit in culprits) == len(stalls)


@pytest.mark.slow
def test_the_exit_code_is_the_programs_also_when_its_output_is_never_read(tmp_path: Path) -> None:
    script = tmp_path / "holder.py"
    script.write_text("sorted(range(2_000_000), key=lambda n: -n); raise SystemExit(7)\n")
    command = f"'{sys.executable}' -m freshframe gil --threshold 1ms --json '{script}'"
    ended = run_to_end(["bash", "-c", command + " | :; exit ${PIPESTATUS[0]}"], env=gil_holds.environment())
    assert ended.returncode == 7, ended.stderr
    assert "Traceback" not in ended.stderr
    assert "the GIL" in ended.stderr, ended.stderr


@pytest.mark.slow
def test_the_command_names_its_missing_arguments(tmp_path: Path) -> None:
    missing = run_command(str(tmp_path / "none.py"))
    assert missing.returncode == 2
    assert "there is no such file" in missing.stderr
    assert run_command().returncode == 2
    assert run_command("-m").returncode == 2


@pytest.mark.parametrize("threshold", ["0.5ms", "61s"])
def test_a_threshold_that_cannot_be_watched_is_wrong_usage(threshold: str, program: Path) -> None:
    ended = run_command("--threshold", threshold, str(program))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "threshold must be 0.001 to 60 seconds" in ended.stderr
    assert "Traceback" not in ended.stderr
