"""`freshframe lab`: experiments that show on the user's own machine what holding the GIL costs."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..messages import Messages
from ..outcome import ExitCode, UsageError
from .machine import look
from .measure import Bench
from .table import Result, as_json, show


@dataclass(frozen=True, slots=True)
class Lab:
    """One experiment: its module, what it shows, and how long it takes, quick in brackets."""

    module: str
    shows: str
    seconds: float
    quick: float


LABS = {
    "fibonacci": Lab("fibonacci", "two threads, GIL held or released, in three binding libraries", 10, 3),
    "call-guard": Lab("call_guard", "five calls on a thread pool: held, call guard, scoped release", 14, 3),
    "sum": Lab("sums", "a big sum: speed, error, and what other threads can do meanwhile", 10, 3),
    "frozen-game": Lab("frozen_game", "a 60 Hz game beside a capture that holds the GIL", 22, 5),
    "contention": Lab("contention", "waiting for the GIL, and what letting it go costs", 36, 12),
}


def run(options: Any, messages: Messages) -> ExitCode:
    """Runs the command."""
    if options.name is None or options.list:
        _list(as_lines=options.json)
        return ExitCode.OK
    names = list(LABS) if options.name == "all" else [options.name]
    if options.picture is not None and "frozen-game" not in names:
        raise UsageError(f"--picture belongs to the lab frozen-game; {options.name} draws none")
    for name in names:
        lab = LABS[name]
        seconds = lab.quick if options.quick else lab.seconds
        messages.say(f"lab {name}: {lab.shows}; takes about {seconds:.0f} s ...")
        machine = look()
        module = importlib.import_module(f"{__package__}.{lab.module}")
        picture = None if options.picture is None else Path(options.picture)
        result: Result = module.run(Bench(options.quick, messages.say, picture), machine)
        if options.json:
            print("\n".join(as_json(result, machine)), flush=True)
        else:
            from rich.console import Console  # noqa: PLC0415  (60 ms that --json does not need)

            console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 110, highlight=False)
            show(result, machine, console)
    return ExitCode.OK


def _list(*, as_lines: bool) -> None:
    for name, lab in LABS.items():
        if as_lines:
            print(json.dumps({"lab": name, "shows": lab.shows, "seconds": lab.seconds, "quick": lab.quick}))
        else:
            print(f"{name:<13}{lab.shows} (about {lab.seconds:g} s)")
