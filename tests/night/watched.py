"""Programs that may hang."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import os
import signal
import subprocess

_STACKS = 10.0  # seconds for its stacks


def watched(command: list[str], seconds: float, environment: dict[str, str]) -> tuple[int, str, str]:
    """Its exit code and what it wrote. One that takes longer shows its stacks and ends with its children."""
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        said, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        with contextlib.suppress(subprocess.TimeoutExpired):  # a child that stands still has its pipes
            process.wait(_STACKS)
        _end_group(process)
        said, errors = process.communicate()
    except BaseException:
        _end_group(process)
        raise
    return process.returncode, said, errors


def _end_group(leader: subprocess.Popen[str]) -> None:
    """Kills a process and its children."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGKILL)
