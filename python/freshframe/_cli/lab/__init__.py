"""`freshframe lab`: experiments that show on the user's machine what it costs to hold the GIL."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freshframe._interpreter import parts

from ..messages import Messages
from ..outcome import ExitCode, UsageError
from .machine import look
from .measure import Bench
from .table import Result, as_json, show


@dataclass(frozen=True, slots=True)
class Lab:
    """One experiment: its module, a description, and its duration, also with --quick."""

    module: str
    shows: str
    seconds: float
    quick: float


LABS = {
    "fibonacci": Lab(
        "fibonacci", "two calls on two threads, GIL held or released, in four binding libraries", 30, 5
    ),
    "call-guard": Lab(
        "call_guard",
        "five calls on a thread pool: GIL held, released around the call, released in a part of it",
        14,
        3,
    ),
    "sum": Lab("sums", "a large sum: speed, error, and the progress of another thread meanwhile", 5, 3),
    "frozen-game": Lab("frozen_game", "a 60 Hz game beside a capture that holds the GIL", 22, 5),
    "contention": Lab(
        "contention", "the time that a thread waits for the GIL, and the cost of a release", 28, 8
    ),
}


def run(options: Any, messages: Messages) -> ExitCode:
    """Runs the labs that were named and prints their tables; without a name it lists the labs."""
    if options.name is None or options.list:
        _list(as_lines=options.json)
        return ExitCode.OK
    try:
        for part in ("_lab", "_numeric"):
            parts.native(part)
    except ImportError as error:
        raise UsageError(str(error)) from None
    names = list(LABS) if options.name == "all" else [options.name]
    picture = _picture(options.picture, names)
    other = _other(options.free_threaded, names)
    for name in names:
        lab = LABS[name]
        seconds = lab.quick if options.quick else lab.seconds
        messages.say(f"lab {name}: {lab.shows}; takes about {seconds:.0f} s ...")
        machine = look()
        module = importlib.import_module(f"{__package__}.{lab.module}")
        result: Result = module.run(Bench(options.quick, messages.say, picture, other), machine)
        if options.json:
            print("\n".join(as_json(result, machine)), flush=True)
        else:
            from rich.console import Console  # noqa: PLC0415  (60 ms that --json does not need)

            console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 110, highlight=False)
            show(result, machine, console)
    return ExitCode.OK


def _picture(name: str | None, labs: list[str]) -> Path | None:
    if name is None:
        return None
    if "frozen-game" not in labs:
        raise UsageError(f"--picture is for the lab frozen-game, not for {labs[0]}")
    path = Path(name)
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise UsageError(f"--picture needs a name that ends in .png or .jpg, got {name!r}")
    if not path.parent.is_dir():
        raise UsageError(f"--picture {name!r}: there is no folder {str(path.parent)!r}")
    return path


def _other(name: str | None, labs: list[str]) -> Path | None:
    if name is None:
        return None
    if not {"fibonacci", "contention"}.intersection(labs):
        raise UsageError(f"--free-threaded is for the labs fibonacci and contention, not for {labs[0]}")
    return Path(name)


def _list(*, as_lines: bool) -> None:
    for name, lab in LABS.items():
        if as_lines:
            print(json.dumps({"lab": name, "shows": lab.shows, "seconds": lab.seconds, "quick": lab.quick}))
        else:
            print(f"{name:<13}{lab.shows} (about {lab.seconds:g} s)")
