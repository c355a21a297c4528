"""`./dev night`: the parts that find what only shows after hours, in pieces of at most ten minutes.

Each piece is noted in tests/night/ledger.json with the commit, and the next one goes on after it.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from night import ledger, own_process, planted
from night.ledger import Entry
from night.watched import watched

ROOT = Path(__file__).parents[2]
PIECE = 600.0  # seconds
Found = tuple[int, list[str], dict[str, float]]  # runs, findings, figures


class NotHereError(Exception):
    """A part cannot run here, such as without its build."""


@dataclass(frozen=True)
class Part:
    """A part of the night.

    Attributes:
        run: Runs it for a number of seconds.
        is_apart: Each piece needs a new process, because it runs the engine in the calling one.
        of_python: It runs freshframe in this Python, so the ledger has rows for each kind of it.
        shortest: Seconds of a piece.
        counts_blocks: ``blocks.c`` is preloaded.
    """

    run: Callable[[float], Found]
    is_apart: bool = True
    of_python: bool = True
    shortest: float = 0.0
    counts_blocks: bool = False


def _name(part: str) -> str:
    """Returns the part's name in the ledger, with the version of a free-threaded Python."""
    is_other = own_process.IS_FREE_THREADED and PARTS[part].of_python
    return f"{part} on 3.{sys.version_info.minor}t" if is_other else part


def _runs_before(part: str) -> int:
    return ledger.runs_of(_name(part))


def _random(seconds: float) -> Found:
    from night.random_pipelines import run_seeds  # noqa: PLC0415  (needs the engine, which --report does not)

    first = 1000 + _runs_before("random")  # those below are in the ordinary tests
    ran, failures = run_seeds(range(first, first + 10**6), seconds=seconds)
    for failure in failures:
        print(failure, flush=True)
    return ran, [f"{one.again}: {one.findings[0][:200]}" for one in failures], {}


def _soak(seconds: float) -> Found:
    from night.long_runs import soak  # noqa: PLC0415

    return soak(seconds)


def _churn(seconds: float) -> Found:
    from night.churn import churn  # noqa: PLC0415

    return churn(seconds, seed=1 + _runs_before("churn"))


def _limits(seconds: float) -> Found:
    from night.limits import limits  # noqa: PLC0415

    return limits(seconds)


def _healthy(seconds: float) -> Found:
    from night.long_runs import healthy  # noqa: PLC0415

    return healthy(seconds)


_SEEDS = {"process": ("parent", "worker")}  # folders of a target, where they have not its name


def _fuzz(seconds: float) -> Found:
    """Each built target runs for an equal time, on seeds and what earlier pieces have found."""
    folder = ROOT / "build" / "fuzz" / "tests" / "fuzz"
    targets = sorted(path for path in folder.glob("freshframe_fuzz_*") if os.access(path, os.X_OK))
    if not targets:
        raise NotHereError("no build of the fuzz targets: cmake --preset fuzz && cmake --build build/fuzz")
    subprocess.run([sys.executable, "tests/fuzz/seeds.py", str(folder / "seeds")], cwd=ROOT, check=True)
    inputs, found = 0, []
    for target in targets:
        ran, findings = _fuzz_target(target, max(1, int(seconds / len(targets))))
        inputs += ran
        found += findings
    return inputs, found, {"targets": len(targets)}


def _fuzz_target(target: Path, seconds: int) -> tuple[int, list[str]]:
    """Inputs, and the finding at which it ended."""
    name = target.name.removeprefix("freshframe_fuzz_")
    seeds = [target.parent / "seeds" / folder for folder in _SEEDS.get(name, (name,))]
    corpus = target.parent / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    # The time of one input is the clock's, and the machine may be busy.
    limits = ["-max_len=20000", "-timeout=1500", "-rss_limit_mb=2048", "-detect_leaks=0"]
    times = [f"-max_total_time={seconds}", "-print_final_stats=1"]
    given = [str(path) for path in (corpus, *seeds) if path.exists()]
    command = [str(target), *times, *limits, f"-artifact_prefix={corpus.parent}/{name}-", *given]
    ended = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    ran = re.search(r"number_of_executed_units: *(\d+)|Done (\d+) runs", ended.stderr)
    found = [f"{name}: {_last_line(ended.stderr, 'SUMMARY|ERROR')}"] if ended.returncode != 0 else []
    return int(ran[1] or ran[2]) if ran else 0, found


def _last_line(text: str, pattern: str) -> str:
    lines = [line for line in text.splitlines() if re.search(pattern, line)]
    return (lines or text.splitlines() or ["no output"])[-1][:300]


_RUN = 60.0  # seconds of one rich pipeline
_PATIENCE = 300.0  # seconds after which it hangs
_FLEET = 900.0  # seconds after which a fleet hangs: five faults take less than one minute


def _chaos(seconds: float) -> Found:
    """One rich pipeline after the other under faults of every kind."""
    ends, seed = time.monotonic() + seconds, 1 + _runs_before("chaos")
    faults, found, grown = 0, list[str](), 0
    with tempfile.TemporaryDirectory(prefix="clock-") as folder:
        command = [sys.executable, "-X", "faulthandler", "-m", "night.chaos"]
        environment = os.environ | _clock_to_set(Path(folder))
        while time.monotonic() < ends:
            length = max(1.0, min(_RUN, ends - time.monotonic()))
            given = [*command, "--seconds", f"{length:.0f}"]
            verdict = _verdict(given, seed, length + _PATIENCE, environment, found)
            if verdict is not None:
                faults += sum(verdict["faults"].values())
                grown = max(grown, verdict["figures"]["memory grown MiB"])
            seed += 1
    return faults, found, {"memory grown MiB": grown}


def _clock_to_set(folder: Path) -> dict[str, str]:
    """The environment of a program whose system's clock can be set; without a compiler nothing."""
    offset = folder / "offset"
    offset.write_bytes(bytes(8))
    library = _preloaded("chaos/clock.c", folder)
    return {**library, "FRESHFRAME_TEST_CLOCK": str(offset)} if library else {}


def _preloaded(source: str, folder: Path) -> dict[str, str]:
    """The environment of a program with a library of this file; without a compiler nothing."""
    path, library = Path(__file__).parent / source, folder / "preloaded.so"
    try:
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(path)], check=True)
    except (OSError, subprocess.CalledProcessError):
        return {}
    return {"LD_PRELOAD": str(library)}


@contextlib.contextmanager
def _library(source: str) -> Iterator[dict[str, str]]:
    """The variables of a program that has this file's library preloaded."""
    with tempfile.TemporaryDirectory(prefix="library-") as folder:
        library = _preloaded(source, Path(folder))
        if not library:
            raise NotHereError(f"no C compiler for tests/night/{source}, which is preloaded")
        yield library


def _verdict(
    command: list[str], seed: int, seconds: float, environment: dict[str, str], found: list[str]
) -> dict[str, Any] | None:
    """Runs a rig with this seed, and adds to `found`. None means no verdict, which is a finding, too."""
    code, said, errors = watched([*command, "--seed", str(seed)], seconds, environment)
    if code not in (0, 4):
        found.append(f"seed {seed}: ended with {code}: {_last_line(errors, '[Ee]rror')}")
        print(errors[-20_000:], flush=True)
        return None
    verdict: dict[str, Any] = json.loads(said.splitlines()[-1])
    found += [f"seed {seed}: {one}" for one in verdict["findings"]]
    return verdict


def _fleets(seconds: float) -> Found:
    """Fleets under random faults, as `./dev test-fleet --check` runs them."""
    ends, seed = time.monotonic() + seconds, 1 + _runs_before("fleets")
    faults, found, recovery = 0, list[str](), 0.0
    while time.monotonic() < ends:
        options = ["--cameras", "6", "--agents", "2", "--faults", "5", "--json"]
        command = [sys.executable, "-X", "faulthandler", "-m", "rig", *options]
        verdict = _verdict(command, seed, _FLEET, dict(os.environ), found)
        if verdict is not None:
            recovery = max(recovery, verdict["figures"]["recovery_max_seconds"])
            faults += int(verdict["figures"]["faults"])
        seed += 5
    return faults, found, {"recovery_max_seconds": round(recovery, 2)}


def _repeats(seconds: float) -> Found:
    """Each test of the Python package again and again, after the files of the last piece."""
    from night.repeats import repeats  # noqa: PLC0415  (as above)

    with _library("blocks.c") as library:
        return repeats(seconds, _place("repeats"), library)


def _delays(seconds: float) -> Found:
    """The tests of the Python package with threads that hesitate, after the files of the last piece."""
    from night.delays import delays  # noqa: PLC0415  (as above)

    with _library("delays.c") as library:
        return delays(seconds, _place("delays"), library, seed=_runs_before("delays"))


def _place(part: str) -> int:
    """The file of tests with which the next piece begins."""
    pieces = [entry for entry in ledger.read() if entry.part == _name(part)]
    return int(pieces[-1].figures.get("next", 0)) if pieces else 0


def _sanitizers(_: float) -> Found:
    """The C++ tests under ASan, UBSan and TSan, whole, as `./dev test --all --cpp --sanitizers` runs them."""
    command = ["./dev", "test", "--all", "--cpp", "--sanitizers"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    counts = re.findall(r"^GoogleTest (?:asan|tsan): (\d+) tests ran", ended.stdout, re.MULTILINE)
    failed = re.findall(r"\[  FAILED  \] (\w+(?:/\w+)?\.\w+(?:/\w+)?)", ended.stdout)
    found = [f"{name} fails" for name in dict.fromkeys(failed)]
    if ended.returncode != 0 and not found:
        found.append(_last_line(ended.stderr, "failed"))
    return sum(map(int, counts)), found, {}


def _planted(_: float) -> Found:
    """The next fault of the planted set: whether `./dev test --quick`, `./dev test` or `--all` finds it."""
    place = _place("planted") % len(planted.FAULTS)
    fault = planted.FAULTS[place]
    tier = planted.found_by(fault)
    found = [] if tier else [f"no tier finds {fault.name}"]
    return 1, found, {"next": float(place + 1), "quick": float(tier == "quick")}


def _systems(_: float) -> Found:
    """The portable layers, compiled for another system."""
    from night.other_system import is_here, other_system  # noqa: PLC0415  (as above)

    if not is_here():
        raise NotHereError("no compiler for another system: pip install --group systems")
    return other_system()


ONCE = ("sanitizers", "systems")  # a second time finds nothing else
PARTS: dict[str, Part] = {
    "random": Part(_random),
    "soak": Part(_soak, shortest=300, counts_blocks=True),  # it needs half of it until it is warm
    "churn": Part(_churn, shortest=300, counts_blocks=True),  # as for soak
    "repeats": Part(_repeats, is_apart=False),
    "delays": Part(_delays, is_apart=False),
    "limits": Part(_limits, shortest=270),  # so that a group has time for two outages with reminders
    "healthy": Part(_healthy),
    "fuzz": Part(_fuzz, is_apart=False, of_python=False),
    "chaos": Part(_chaos, is_apart=False),
    "fleets": Part(_fleets, is_apart=False),
    "sanitizers": Part(_sanitizers, is_apart=False, of_python=False),
    "planted": Part(_planted, is_apart=False, of_python=False),
    "systems": Part(_systems, is_apart=False, of_python=False),
}


def commit() -> str:
    """The last one of the engine or the package; with "+" when these have changed since."""
    places = ["--", "src", "include", "python"]
    newest = ["git", "log", "-1", "--abbrev=8", "--format=%h", *places]
    last = subprocess.check_output(newest, cwd=ROOT, text=True).strip()
    changes = subprocess.check_output(["git", "status", "--porcelain", *places], cwd=ROOT, text=True)
    return last + ("+" if changes.strip() else "")


def _apart(part: str, seconds: float) -> Found:
    """A piece in a new process: a crash is a finding, and what hangs shows its stacks and is ended."""
    command = [sys.executable, "-X", "faulthandler", "-m", "night", "--piece", part, str(seconds)]
    preloaded: contextlib.AbstractContextManager[dict[str, str]] = contextlib.nullcontext({})
    if PARTS[part].counts_blocks:
        preloaded = _library("blocks.c")
    with preloaded as library:
        code, said, errors = watched(command, seconds + _PATIENCE, os.environ | library)
    lines = said.splitlines()
    if code == 0 and lines:
        print(*lines[:-1], sep="\n", end="\n" if lines[1:] else "", flush=True)
        runs, findings, figures = json.loads(lines[-1])
        return runs, findings, figures
    print(said, errors[-20_000:], flush=True)
    return 0, [f"the piece ended with {code}: {_last_line(errors, '[Ee]rror')}"], {}


def _processor_time() -> float:
    """Seconds of the processes that have ended, which on a busy machine are fewer than the clock's."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def run_piece(part: str, seconds: float, path: Path = ledger.LEDGER) -> list[str]:
    """Runs one piece of a part, notes it, and returns its findings."""
    chosen = PARTS[part]
    if seconds < chosen.shortest:
        raise NotHereError(f"a piece of it takes at least {chosen.shortest:g} s")
    if chosen.is_apart and importlib.util.find_spec("av") is None:
        raise NotHereError("no PyAV, which encodes the video of the cameras: pip install av")
    clock = _processor_time if part == "fuzz" else time.monotonic
    began, tree = clock(), commit()
    runs, findings, figures = _apart(part, seconds) if chosen.is_apart else chosen.run(seconds)
    taken = round(clock() - began, 1)
    ledger.note(Entry(_name(part), tree, taken, runs, findings, figures), path)
    print(
        f"{part}: {runs} runs in {taken:.0f} s, {len(findings)} findings", *findings, sep="\n  ", flush=True
    )
    return findings


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 1 when something was found."""
    parser = argparse.ArgumentParser(prog="./dev night", description=__doc__)
    parser.add_argument("--hours", type=float, default=8.0, help="begin no piece after so long (default 8)")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part; may be repeated")
    parser.add_argument("--report", action="store_true", help="only write the table of reliability.md")
    parser.add_argument("--ledger", type=Path, default=ledger.LEDGER, help=argparse.SUPPRESS)
    parser.add_argument("--piece", nargs=2, metavar=("PART", "SECONDS"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.piece:
        part, seconds = given.piece
        print(json.dumps(PARTS[part].run(float(seconds))))
        return 0
    found: list[str] = []
    if not given.report:
        parts = list(given.part or PARTS)
        ends = time.monotonic() + 3600 * given.hours
        while parts and time.monotonic() < ends:
            for part in list(parts):
                left = ends - time.monotonic()
                if left <= 0:
                    break
                try:
                    found += run_piece(part, min(PIECE, left), given.ledger)
                except NotHereError as reason:
                    print(f"{part}: left out: {reason}", flush=True)
                    parts.remove(part)
                if part in ONCE:
                    parts.remove(part)
    if given.ledger == ledger.LEDGER:
        text = ledger.with_table(ledger.PAGE.read_text(encoding="utf-8"), ledger.read())
        ledger.PAGE.write_text(text, encoding="utf-8")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
