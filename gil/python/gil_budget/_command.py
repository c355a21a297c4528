"""`gil-budget run`: runs a program like `python`, with a budget."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import os
import runpy
import sys

from ._gil_watch.interpreter import Unsupported
from .budgets import Budget, budget
from .limits import DEFAULT, LimitError

_OVER = 1
_USAGE = 2


def main() -> int:
    """Runs the command line. Returns the program's exit code; 1 if that is 0 and the budget was exceeded."""
    parser = argparse.ArgumentParser(
        prog="gil-budget", description="Find calls that hold Python's GIL too long."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="run a program and print the calls that held the GIL too long")
    run.add_argument(
        "--budget",
        default=DEFAULT,
        metavar="LIMIT",
        help=f"report holds of LIMIT or longer, such as 20ms (default: {DEFAULT})",
    )
    run.add_argument("program", help="script to run")
    run.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments of the script")
    options = parser.parse_args()
    if not os.path.isfile(options.program):
        parser.error(f"cannot read the script {options.program!r}: there is no such file")
    try:
        measured = budget(options.budget)
        with_watch = measured.__enter__()
    except (LimitError, Unsupported) as error:
        sys.stderr.write(f"gil-budget: {error}\n")
        return _USAGE
    code = _run(options.program, options.arguments)
    return _report(with_watch, code)


def _run(program: str, arguments: list[str]) -> int:
    sys.argv = [program, *arguments]
    sys.path[0] = os.path.dirname(os.path.abspath(program))
    try:
        runpy.run_path(program, run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 0xFF
        sys.stderr.write(f"{end.code}\n")
        return 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _report(measured: Budget, code: int) -> int:
    measured.finish()
    over = measured.over
    for hold in over:
        sys.stderr.write(f"gil-budget: {hold}\n")
    holds = "1 hold" if len(over) == 1 else f"{len(over)} holds"
    sys.stderr.write(f"gil-budget: {holds} over the budget\n")
    return code or (_OVER if over else 0)
