"""Runs random pipelines, one for each seed, and makes the smallest program from a failing one.

python -m night.random_pipelines --from 1 --programs 1000
python -m night.random_pipelines --seed 17 --without late3,change0 --times 100
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import contextlib
import gc
import logging
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from night.model import check
from night.own_process import log_to, open_files
from night.program import Program, of_seed
from night.run import run
from night.steps import server

_LEFT = 15.0  # seconds after which the remains stay
REMAINS = "threads or descriptors are left"
_TRIES = 5  # tries of a program that failed once: most faults depend on the order of threads
_SHRINKING = 120.0  # seconds


@dataclass
class Failure:
    """A program that went wrong.

    Attributes:
        program: The smallest one that was found.
        findings: Its faults.
    """

    program: Program
    findings: list[str]

    @property
    def again(self) -> str:
        """Returns the command that runs it again."""
        without = ",".join(sorted(self.program.removed_names))
        return (
            f"python -m night.random_pipelines --seed {self.program.seed} --times 100"
            f"{' --without ' + without if without else ''}"
        )

    def __str__(self) -> str:
        """The program, what is wrong, and the command."""
        return "\n".join([str(self.program), *(f"  ! {found[:600]}" for found in self.findings), self.again])


def _threads() -> set[int]:
    """Returns the threads of this process, without new ones that still have the program's name."""
    found = set()
    program = Path("/proc/self/comm").read_text().strip()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            if (task / "comm").read_text().strip() != program:
                found.add(int(task.name))
    return found


def _descriptors() -> set[str]:
    return {f"{number} {name}" for number, name in open_files().items() if "/proc/" not in name}


def _remains(before: tuple[set[int], set[threading.Thread], set[str]]) -> list[str]:
    """Returns the threads and descriptors that a run has left."""
    deadline = time.monotonic() + _LEFT
    while True:
        names = {t.name for t in threading.enumerate()} - {t.name for t in before[1]}
        threads, files = _threads() - before[0], _descriptors() - before[2]
        if not threads and not names and not files:
            return []
        if time.monotonic() > deadline:
            return [f"{REMAINS}: {len(threads)} {sorted(names)}; descriptors: {sorted(files)}"]
        gc.collect()  # an exception may keep a reader, and its pipe
        time.sleep(0.002)


def run_once(program: Program, folder: Path) -> list[str]:
    """Runs it once, and returns its faults."""
    if any(step.kind == "camera" for step in program.steps):
        server()  # it stays
    before = _threads(), set(threading.enumerate()), _descriptors()
    with tempfile.TemporaryDirectory(dir=folder) as own:
        try:
            found = check(program, run(program, Path(own)))
        except Exception as error:  # such as a graph that was refused
            found = [f"it raised {error!r}"]
    return found + _remains(before)


def shrunk(program: Program, findings: list[str], folder: Path) -> Failure:
    """Leaves out steps and changes as long as it still fails in one of a few runs."""
    best = Failure(program, findings)
    slow = findings[0].startswith((REMAINS, "it raised StopTimeoutError", "it did not end"))
    if slow:  # each attempt would take seconds, or a minute
        return best
    ends = time.monotonic() + _SHRINKING
    names = [*(change.name for change in program.changes), *(step.name for step in reversed(program.steps))]
    for name in names:
        smaller = best.program.without([name])
        if time.monotonic() > ends:
            break
        if not any(step.parents for step in smaller.steps):
            continue
        for _ in range(_TRIES):
            found = run_once(smaller, folder)
            if found and not found[0].startswith("it raised"):  # an impossible graph
                best = Failure(smaller, found)
                break
    return best


@contextlib.contextmanager
def _place() -> Iterator[Path]:
    """A folder for the files of programs; the log's lines go nowhere."""
    with log_to(logging.NullHandler()), tempfile.TemporaryDirectory(prefix="night-") as folder:
        yield Path(folder)


def run_seeds(
    seeds: Sequence[int], *, rare: float = 0.02, seconds: float | None = None
) -> tuple[int, list[Failure]]:
    """Runs programs until all have run, or the time is over.

    Returns:
        How many ran, and those that failed.
    """
    failures: list[Failure] = []
    ran = 0
    ends = None if seconds is None else time.monotonic() + seconds
    with _place() as folder:
        for seed in seeds:
            if ends is not None and time.monotonic() > ends:
                break
            program = of_seed(seed, rare=rare)
            ran += 1
            if found := run_once(program, folder):
                print(f"seed {seed}: {found[0]}", flush=True)  # even if the next run hangs
                failures.append(shrunk(program, found, folder))
    return ran, failures


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 1 when a program failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--from", type=int, default=1, dest="first", help="first seed (default 1)")
    parser.add_argument("--programs", type=int, default=1000, help="number of seeds (default 1000)")
    parser.add_argument("--seconds", type=float, help="begin no further program after so long")
    parser.add_argument("--seed", type=int, help="one program alone")
    parser.add_argument("--without", default="", help="steps and changes of it to leave out: a,b")
    parser.add_argument("--times", type=int, default=1, help="runs of that program")
    given = parser.parse_args(arguments)
    if given.seed is None:
        began = time.monotonic()
        ran, failures = run_seeds(range(given.first, given.first + given.programs), seconds=given.seconds)
        print(*failures, sep="\n")
        print(f"{ran} programs in {time.monotonic() - began:.0f} s, {len(failures)} failed")
        return 1 if failures else 0
    program = of_seed(given.seed).without([name for name in given.without.split(",") if name])
    print(program)
    failed = 0
    with _place() as folder:
        for _ in range(given.times):
            found = run_once(program, folder)
            failed += bool(found)
            if found and failed == 1:
                print(Failure(program, found))
    print(f"{failed} of {given.times} runs failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
