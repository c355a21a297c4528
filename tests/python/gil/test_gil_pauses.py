"""`freshframe gil` on a free-threaded Python: the cause of a pause of all threads is named."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from rigs.watchdog import run_to_end
from support import WATCHDOG, run_program

from freshframe._cli.gil.pauses import Pause, Pauses
from freshframe._interpreter import gil_state

HERE = str(Path(__file__))


@pytest.mark.slow
def test_a_collection_is_named_with_its_place_and_thread() -> None:
    seen: list[Pause] = []
    with Pauses(0.0, seen.append) as pauses:
        thread = threading.Thread(target=gc.collect, name="collector")
        thread.start()
        thread.join()
        gc.collect()
    mine = [pause for pause in seen if pause.program and pause.program.startswith(HERE)]
    assert mine[-1].cause == "collection"
    assert mine[-1].generation == 2
    assert (mine[-1].program or "").endswith("test_a_collection_is_named_with_its_place_and_thread")
    assert "garbage collection of generation 2" in str(mine[-1])
    assert "collector" in {pause.thread for pause in seen}
    assert f"collection, {mine[-1].program}" in pauses.table()
    gc.collect()
    assert len(pauses.kept) == len(seen)  # it has ended


@pytest.mark.slow
def test_a_pause_shorter_than_the_threshold_is_left_out() -> None:
    with Pauses(WATCHDOG, print) as pauses:
        gc.collect()
    assert pauses.kept == []
    assert f"No pause of {WATCHDOG * 1000:.0f} ms or more." in pauses.table()


@pytest.mark.slow
def test_a_fork_is_named() -> None:
    ended = run_program("""
        import os, warnings
        warnings.simplefilter("ignore")
        from freshframe._cli.gil.pauses import Pauses
        with Pauses(0.0, lambda pause: pause.cause == "fork" and print(pause)):
            child = os.fork()
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)
    """)
    assert ended.code == 0, ended.err
    assert "fork, in MainThread:" in ended.out
    assert "<string>" in ended.out


@pytest.mark.skipif(not gil_state.FREE_THREADED, reason="this Python has a GIL")
def test_the_command_names_pauses_instead_of_refusing(tmp_path: Path) -> None:
    program = tmp_path / "app.py"
    program.write_text("import gc\nkept = [[] for _ in range(400_000)]\ngc.collect()\nprint('done')\n")
    ended = run_to_end([sys.executable, "-m", "freshframe", "gil", "--threshold", "1ms", str(program)])
    assert (ended.returncode, ended.stdout) == (0, "done\n"), ended.stderr
    assert (
        f"garbage collection of generation 2, 0 objects freed, in MainThread: {program}:3:<module>"
        in ended.stderr
    )
    assert "Free-threaded, the GIL is off." in ended.stderr


@pytest.mark.skipif(not gil_state.FREE_THREADED, reason="this Python has a GIL")
def test_the_lines_for_programs_end_with_who_keeps_the_gil_on(tmp_path: Path) -> None:
    program = tmp_path / "app.py"
    program.write_text("import gc\ngc.collect()\n")
    command = [sys.executable, "-X", "gil=1", "-m", "freshframe", "gil", "--json", str(program)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=WATCHDOG, check=False)
    assert ended.returncode == 0, ended.stderr
    last = json.loads(ended.stdout.splitlines()[-1])
    assert last == {"kind": "gil", "enabled": True, "enabled_by": ["-X gil=1 or PYTHON_GIL=1"]}
