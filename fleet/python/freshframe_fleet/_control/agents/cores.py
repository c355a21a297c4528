"""Finds how many CPUs this process may use."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")


def usable_cores(own: Path = Path("/proc/self/cgroup"), groups: Path = _GROUPS) -> float:
    """Returns the number of CPUs that this process may use, considering the limits of its control group."""
    cores = float(len(os.sched_getaffinity(0)))
    with contextlib.suppress(OSError, ValueError):
        for line in own.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                cores = min(cores, _find_limit_2(groups, path))
            elif "cpu" in controllers.split(","):
                cores = min(cores, _find_limit_1(groups / controllers / path.lstrip("/")))
    return cores


def _find_limit_2(groups: Path, path: str) -> float:
    """Returns the lowest limit of the group and its parents."""
    least = float("inf")
    folder = groups / path.lstrip("/")
    for each in (folder, *folder.parents):
        with contextlib.suppress(OSError, ValueError):
            quota, period = (each / "cpu.max").read_text().split()
            if quota != "max":
                least = min(least, int(quota) / int(period))
        if each == groups:
            break
    return least


def _find_limit_1(folder: Path) -> float:
    quota = int((folder / "cpu.cfs_quota_us").read_text())
    period = int((folder / "cpu.cfs_period_us").read_text())
    return quota / period if quota > 0 else float("inf")
