"""Runs a fleet under faults with cameras that count sessions, and checks it: `./dev test-fleet --check`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from support import program_environment

from freshframe._errors import StateError

from . import FOLDER
from .accounts import check_accounts, read_ledger
from .camera_server import CameraServer
from .counted_camera import CountedCameras
from .faults import Fault, Faults, schedule
from .program import camera_name
from .rules import Result, Verdict, check, check_results, read_sessions

_RECOVERY_TIME = 60.0  # seconds after a fault within which every camera must deliver a result again
_COUNTERS = ("reported", "delivered", "outbox_full", "expired", "fenced", "lost_with_agent", "waiting")


@dataclass(frozen=True)
class CheckOptions:
    """What to run.

    Attributes:
        cameras: Test cameras with a server, which counts their sessions.
        counted: Test cameras that count their own frames.
        agents: Number of agents.
        exclusive: How many of the cameras allow one session.
        fps: Frames per second of each camera.
        faults: Number of faults, one after the other.
        seed: Seed of the faults.
        folder: Folder for the logs: sessions.jsonl, stamps.jsonl, counted.jsonl, ledger.jsonl, faults.log,
            stats.json, and the counts of cameras in counts/.
    """

    cameras: int
    counted: int
    agents: int
    exclusive: int
    fps: float
    faults: int
    seed: int
    folder: Path


class _Cameras:
    """All test cameras, for faults."""

    def __init__(self, options: CheckOptions, server: CameraServer) -> None:
        self.served, self.counted = options.cameras, options.counted
        counts = options.folder / "counts"
        counts.mkdir()
        self.counting = CountedCameras(counts, options.fps)
        self.away = server.away
        self.fail = self.counting.fail
        self.served_urls = [server.url(camera) for camera in range(self.served)]
        self.counted_urls = [self.counting.url(self.served + number) for number in range(self.counted)]


class _Program:
    """The program under test."""

    def __init__(self, options: CheckOptions, cameras: _Cameras) -> None:
        arguments = {
            "agents": options.agents,
            "urls": cameras.served_urls,
            "counted": cameras.counted_urls,
            "exclusive": list(range(options.exclusive)),
            "folder": str(options.folder.absolute()),
        }
        command = [sys.executable, "-m", "rig.program", json.dumps(arguments)]
        self._process = subprocess.Popen(
            command,
            cwd=FOLDER,
            env=program_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def ask(self, command: list[Any]) -> Mapping[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise StateError(f"the program under test has ended with status {self._process.wait()}")
        answered: Mapping[str, Any] = json.loads(answer)
        return answered

    def __enter__(self) -> _Program:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        if kind is not None:
            self._process.kill()
        self._process.wait()
        self._process.stdout.close()


class _Results:
    """Follows the logs of results as they grow."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._positions = {"stamps": 0, "counted": 0}
        self.of: dict[str, list[Result]] = {"stamps": [], "counted": []}
        self.latest: dict[int, float] = {}  # by camera: when

    def read(self) -> None:
        for output, position in self._positions.items():
            path = self._folder / f"{output}.jsonl"
            if not path.exists():
                continue
            with path.open("rb") as file:
                file.seek(position)
                new = file.read()
            new = new[: new.rfind(b"\n") + 1]
            self._positions[output] += len(new)
            for line in new.splitlines():
                result = Result(*json.loads(line))
                self.of[output].append(result)
                self.latest[result.camera] = result.at

    def wait_for_all(self, cameras: int, since: float) -> float | None:
        """Waits until each camera has delivered a result after `since`. Returns the seconds, or None."""
        while time.monotonic() < since + _RECOVERY_TIME:
            self.read()
            if len(self.latest) == cameras and min(self.latest.values()) > since:
                return max(0.0, time.monotonic() - since)
            time.sleep(0.02)
        return None


def run_check(options: CheckOptions, say: Callable[[str], None]) -> Verdict:
    """Runs the fleet under its faults.

    Args:
        options: What to run.
        say: Called with a line of progress for each fault.

    Returns:
        The broken rules, and figures.

    Raises:
        StateError: The program under test ended by itself.
    """
    options.folder.mkdir(parents=True, exist_ok=True)
    sessions = options.folder / "sessions.jsonl"
    recoveries: list[float] = []
    late: list[str] = []
    with CameraServer(options.cameras, options.fps, sessions) as server:
        cameras = _Cameras(options, server)
        with _Program(options, cameras) as program:
            results = _Results(options.folder)
            count = options.cameras + options.counted
            if results.wait_for_all(count, time.monotonic()) is None:
                raise StateError(
                    f"not every camera gave a result within {_RECOVERY_TIME:.0f} s; nothing was tested"
                )
            faults = Faults(program.pid, program.ask, cameras)
            began = time.monotonic()
            with (options.folder / "faults.log").open("w", encoding="utf-8") as log:
                for number, fault in enumerate(schedule(options.seed, options.faults), 1):
                    line = _one(faults, fault, results, count, recoveries, late)
                    log.write(f"{time.monotonic():.2f} {line}\n")
                    log.flush()
                    say(f"{number:>4}/{options.faults}  {time.monotonic() - began:6.0f} s  {line}")
            cameras.counting.end()
            stats = program.ask(["end"])
    (options.folder / "stats.json").write_text(json.dumps(stats, indent=1), encoding="utf-8")
    results.read()
    verdict = _judged(options, results, stats)
    for text in late:
        verdict.fail("recovery", None, text)
    recoveries.sort()
    verdict.figures |= {
        "faults": len(recoveries) + len(late),
        "recovery_p50_seconds": recoveries[len(recoveries) // 2] if recoveries else 0.0,
        "recovery_max_seconds": recoveries[-1] if recoveries else 0.0,
        "agents_deaths": sum(agent["deaths"] for agent in stats["agents"].values()),
        "controller_cpu_seconds": stats["controller_cpu"],
        "overlap_told_seconds": stats["overlap"],
    }
    return verdict


def _judged(options: CheckOptions, results: _Results, stats: Mapping[str, Any]) -> Verdict:
    """Applies the rules for results, and compares with the counts of the cameras that count their frames."""
    readers = {reader["output"]: reader for reader in stats["readers"]}
    counters = {name: readers["stamps"][name] for name in _COUNTERS}
    sessions = read_sessions(options.folder / "sessions.jsonl", time.monotonic())
    verdict = check(sessions, results.of["stamps"], counters, range(options.exclusive))
    verdict.figures |= counters
    if not options.counted:
        return verdict
    counted = results.of["counted"]
    numbers = range(options.cameras, options.cameras + options.counted)
    others = Verdict()
    check_results(others, counted, {name: readers["counted"][name] for name in _COUNTERS}, set(numbers))
    verdict.findings += others.findings
    dropped = sum(stats["dropped"][camera_name(camera)] for camera in numbers)
    counters = {**readers["counted"], "dropped": dropped}
    runs = CountedCameras(options.folder / "counts", options.fps).runs()
    ledger = read_ledger(options.folder / "ledger.jsonl")
    check_accounts(verdict, runs, counted, ledger, counters, options.fps)
    return verdict


def _one(
    faults: Faults, fault: Fault, results: _Results, cameras: int, recoveries: list[float], late: list[str]
) -> str:
    text = faults.bring_about(fault)
    since = time.monotonic()
    seconds = results.wait_for_all(cameras, since)
    if seconds is None:
        missing = sorted(
            set(range(cameras)) - {camera for camera, at in results.latest.items() if at > since}
        )
        late.append(f"{text}: no result of cameras {missing} for {_RECOVERY_TIME:.0f} s")
        return late[-1]
    recoveries.append(seconds)
    return f"{text}: all {cameras} cameras after {seconds:.2f} s"


def report(verdict: Verdict) -> list[str]:
    """Returns the verdict as readable lines."""
    width = max(map(len, verdict.figures))
    lines = [
        f"{name.replace('_', ' '):<{width}}  {_number(value)}" for name, value in verdict.figures.items()
    ]
    if not verdict.findings:
        return [*lines, "", "every rule was kept"]
    shown = verdict.findings[:20]
    lines += ["", f"{len(verdict.findings)} times a rule was broken:"]
    lines += [
        f"  {each.rule}: {'' if each.camera is None else f'camera-{each.camera}: '}{each.text}"
        for each in shown
    ]
    if len(shown) < len(verdict.findings):
        lines.append(f"  and {len(verdict.findings) - len(shown)} more")
    return lines


def _number(value: float | int) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
