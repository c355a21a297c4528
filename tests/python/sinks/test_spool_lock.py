"""The lock of a Spool's folder: nothing that a program does in the folder lets a second program in."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rigs.boxes import fill, small_box
from rigs.watchdog import run_to_end
from support import WATCHDOG, program_environment

import freshframe as ff
from freshframe._spool.box import Box

OTHER = """
import sys
from freshframe import StateError
from freshframe._spool.box import Box
try:
    Box(sys.argv[1], 1 << 20).close(complete=True)
    print("opened")
except StateError as error:
    print(error)
"""


def other_program(folder: Path) -> str:
    """Returns the output of a second program that opens the folder."""
    ended = run_to_end([sys.executable, "-c", OTHER, str(folder)], check=True, env=program_environment())
    return ended.stdout.strip()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = small_box(tmp_path / "box")
    fill(box, 5)
    yield box
    box.close(complete=True)


def zipped(folder: Path) -> None:
    with zipfile.ZipFile(folder.parent / "copy.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path)


def second_spool(folder: Path) -> None:
    with pytest.raises(ff.StateError, match="another Spool of this program"):
        small_box(folder)


def own_lock(folder: Path) -> None:
    with (folder / "lock").open("r+b") as file, pytest.raises(OSError, match="unavailable"):
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def forked(folder: Path) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


ACTS: dict[str, Callable[[Path], object]] = {
    "nothing": lambda folder: None,
    "reads the lock": lambda folder: (folder / "lock").read_text(),
    "reads all files": lambda folder: [path.read_bytes() for path in folder.iterdir()],
    "copies the folder": lambda folder: shutil.copytree(folder, folder.parent / "copy"),
    "zips the folder": zipped,
    "touches the lock": lambda folder: (folder / "lock").touch(),
    "locks the lock": own_lock,
    "deletes the lock": lambda folder: (folder / "lock").unlink(),
    "saves the lock anew": lambda folder: os.replace(
        shutil.copy(folder / "lock", folder / "lock.new"), folder / "lock"
    ),
    "forks": forked,
    "starts a program": lambda folder: subprocess.run(["true"], check=True, close_fds=False),
    "makes a second spool": second_spool,
    "lists the folder": lambda folder: os.close(os.open(folder, os.O_RDONLY)),
}


@pytest.mark.table(cases=1)
@pytest.mark.parametrize("act", ACTS)
def test_nothing_that_the_program_does_lets_another_one_in(box: Box, act: str) -> None:
    folder = Path(box.folder)
    ACTS[act](folder)
    pid = "?" if act == "deletes the lock" else os.getpid()
    assert f"the program with the pid {pid} already uses the spool" in other_program(folder)


CHILD = """
import os, sys, time
from freshframe._spool.box import Box
box = Box(sys.argv[1], 1 << 20)
child = os.fork()
if child == 0:
    os.close(1)
    time.sleep(600)
    os._exit(0)
print(child, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.slow
def test_a_forked_child_that_outlives_the_program_does_not_keep_the_folder(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "box")],
        check=False,
        stdout=subprocess.PIPE,
        text=True,
        env=program_environment(),
        timeout=WATCHDOG,
    )
    child = int(ended.stdout)
    try:
        assert other_program(tmp_path / "box") == "opened"
    finally:
        os.kill(child, signal.SIGKILL)
