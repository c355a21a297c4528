"""The tests of the Python package with threads that hesitate at random: where they lock, wake others, begin.

An order of threads that comes once in a million runs comes once in a few: a lost wake-up, two locks taken in
two orders, a flag without its mutex. The tests are the tests of `./dev test`, which pass on a busy machine.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import random
import tempfile
import threading
from pathlib import Path

from night import outcomes
from night.suite import ENDED, TESTS, each_file, run_pytest

_SEED = "FRESHFRAME_TEST_DELAYS"
_TIMEOUT = 300.0  # seconds for one test, and a third of them when it runs again
_AGAIN = 3  # runs of a test that has failed, with other seeds, and without delays


def delays(
    seconds: float, first: int, library: dict[str, str], seed: int, root: Path = TESTS
) -> tuple[int, list[str], dict[str, float]]:
    """Runs the tests of one file after the other, each with its own seed.

    Args:
        seconds: After which no other file begins.
        first: The place of the first file.
        library: The variables that preload ``delays.c``.
        seed: Of the seeds.
        root: The folder of the tests.

    Returns:
        Tests that ran, failed tests, and figures with the place at which the next piece begins.
    """
    lock, numbers = threading.Lock(), random.Random(seed)
    ran, found = 0, list[str]()

    def run(path: Path) -> None:
        nonlocal ran
        with lock:
            own = numbers.randrange(1, 2**31)
        count, failed, said = _run(str(path), library | {_SEED: str(own)})
        told = [_told(str(path), test, own, library) for test in failed]
        if failed:
            print(said[-20_000:], flush=True)
        with lock:
            ran += count
            found.extend(told)

    figures = each_file(seconds, first, run, root)
    return ran, found, figures


def _run(tests: str, variables: dict[str, str], timeout: float = _TIMEOUT) -> tuple[int, list[str], str]:
    """The number of tests that ran, the tests that failed, hang or have ended their process, and pytest's
    output.
    """
    with tempfile.NamedTemporaryFile("r", prefix="outcomes-", encoding="utf-8") as lines:
        options, own = ["-p", "night.outcomes"], {outcomes.BOOK: lines.name}
        code, said, errors = run_pytest([tests], options, variables | own, timeout)
        count, failed = outcomes.read(lines)
    if code not in ENDED and not failed:
        failed = [tests]  # its process ended beside the tests
    return count, failed, said + errors


def _told(path: str, test: str, seed: int, library: dict[str, str]) -> str:
    """The finding: how often it fails with other seeds, and whether it does without any."""
    place = "::".join([path, *test.split("::")[1:]])  # its name may be relative to another folder
    more = [library | {_SEED: str(seed + n)} for n in range(_AGAIN)]
    again = sum(bool(_run(place, variables, _TIMEOUT / 3)[1]) for variables in more)
    without = sum(bool(_run(place, {_SEED: ""}, _TIMEOUT / 3)[1]) for _ in range(_AGAIN))
    return f"{test}, {_SEED}={seed}: fails, {again} of {_AGAIN} times again, {without} without delays"
