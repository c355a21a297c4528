"""`./dev test-fleet --check`: runs test cameras, a fleet and random faults; says which rules were broken."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import dataclasses
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .run import CheckOptions, report, run_check

_BROKEN = 4  # exit code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./dev test-fleet --check", description=__doc__)
    parser.add_argument("--cameras", type=int, default=12, metavar="N", help="test cameras (default 12)")
    parser.add_argument(
        "--counted",
        type=int,
        metavar="N",
        help="further test cameras, which count their own frames (default: half as many)",
    )
    parser.add_argument("--agents", type=int, default=3, metavar="N", help="agents of the fleet (default 3)")
    parser.add_argument(
        "--exclusive", type=int, metavar="N", help="cameras that allow one session (default: half of them)"
    )
    parser.add_argument("--fps", type=float, default=10.0, help="frames a second of each camera (default 10)")
    parser.add_argument("--faults", type=int, default=10, metavar="N", help="number of faults (default 10)")
    parser.add_argument("--seed", type=int, help="seed of the faults; the same seed gives the same faults")
    parser.add_argument(
        "--folder",
        type=Path,
        metavar="PATH",
        help="a new folder for the logs; without it they are kept only if a rule was broken",
    )
    parser.add_argument("--json", action="store_true", help="the verdict as one JSON object")
    return parser


def _options(arguments: Sequence[str] | None) -> tuple[CheckOptions, argparse.Namespace]:
    parser = _parser()
    given = parser.parse_args(arguments)
    exclusive = given.cameras // 2 if given.exclusive is None else given.exclusive
    counted = given.cameras // 2 if given.counted is None else given.counted
    if min(given.cameras, given.agents, given.faults) < 1 or not given.fps > 0:
        parser.error("--cameras, --agents, --faults and --fps must be more than 0")
    if not 0 <= exclusive <= given.cameras:
        parser.error(f"--exclusive must be 0 to {given.cameras}, the number of cameras; got {exclusive}")
    if counted < 0:
        parser.error(f"--counted must be at least 0, got {counted}")
    if given.folder is not None and (given.folder / "sessions.jsonl").exists():
        parser.error(f"--folder {given.folder} has the logs of another run; name a new folder")
    return CheckOptions(
        cameras=given.cameras,
        counted=counted,
        agents=given.agents,
        exclusive=exclusive,
        fps=given.fps,
        faults=given.faults,
        seed=random.SystemRandom().randrange(1 << 31) if given.seed is None else given.seed,
        folder=given.folder or Path(tempfile.mkdtemp(prefix="freshframe-check-")),
    ), given


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, or 4 if a rule was broken."""
    options, given = _options(arguments)
    cameras = f"{options.cameras} + {options.counted} cameras"
    _say(f"{cameras}, {options.agents} agents, {options.faults} faults, seed {options.seed}")
    verdict = run_check(options, _say)
    if given.folder is None and not verdict.findings:
        shutil.rmtree(options.folder)
    else:
        _say(f"logs: {options.folder}")
    if given.json:
        findings = [dataclasses.asdict(finding) for finding in verdict.findings]
        print(json.dumps({"seed": options.seed, "figures": verdict.figures, "findings": findings}))
    else:
        print("\n".join(report(verdict)))
    return _BROKEN if verdict.findings else 0


if __name__ == "__main__":
    sys.exit(main())
