"""A program at a limit, and a rule that is tried in a separate process."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import sys
from collections.abc import Callable

from support import program_environment

from night.watched import watched

Find = Callable[[str], None]
Program = Callable[[float, Find], int]  # runs for a number of seconds, returns how often its rule was tried


_HANGS = 200  # seconds after which a separate process is ended


def apart(rule: Program, seconds: float, find: Find) -> int:
    """Tries a rule in a separate process, so that it may count everything there.

    Args:
        rule: A function of a module.
        seconds: Its time.
        find: Is told of them.
    """
    code = (
        "import json, logging, sys\n"
        f"sys.path[:] = {sys.path}\n"
        f"from {rule.__module__} import {rule.__name__} as rule\n"
        "logging.getLogger('freshframe').addHandler(logging.NullHandler())\n"
        f"found = []\ntried = rule({seconds}, found.append)\n"
        "print(json.dumps((tried, found)))"
    )
    command = [sys.executable, "-X", "faulthandler", "-c", code]
    status, said, errors = watched(command, seconds + _HANGS, program_environment())
    if status != 0:
        find(f"its process ended with {status}: {errors[-2000:]}")
        return 0
    tried, found = json.loads(said.splitlines()[-1])
    for text in found:
        find(text)
    return int(tried)
