"""Runs the same lab on a free-threaded Python in another process, which gives a column of its figures."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import os
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from ..outcome import UsageError
from .measure import Bench

COLUMN = "free-threaded"
_TIME_LIMIT = 300  # seconds


def tables(bench: Bench, lab: str) -> Mapping[str, list[Mapping[str, Any]]]:
    """The records of the lab's tables by the table's name; empty if no free-threaded Python was named."""
    found: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    if bench.free_threaded is None:
        return found
    bench.say(f"the same on {bench.free_threaded} ...")
    command = [str(bench.free_threaded), "-m", "freshframe", "lab", lab, "--json"]
    command += ["--quick"] if bench.quick else []
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=_TIME_LIMIT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"--free-threaded {os.fspath(bench.free_threaded)!r}: {error}") from error
    lines = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    machine = next((line for line in lines if line["table"] == "machine"), None)
    if ended.returncode != 0 or machine is None:
        why = (ended.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise UsageError(f"--free-threaded {os.fspath(bench.free_threaded)!r} cannot run the lab: {why}")
    if machine["gil"]:
        raise UsageError(
            f"--free-threaded {os.fspath(bench.free_threaded)!r} runs with a GIL: name a free-threaded Python"
        )
    for line in lines:
        found[line["table"]].append(line)
    return found
