#!/usr/bin/env python3
"""Fails if a mutex may stay locked forever in a forked child (include/freshframe/forks.hpp).

Each mutex either has a hold, which forks wait for, or tools/forks.toml gives the reason why no child uses it.
Functions must not have static variables with dynamic initialization, because its guard could stay locked,
too. And pthread_atfork() is called in only one place.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MUTEX = re.compile(
    r"^\s*(?:alignas\(\w+\) )?(?:mutable |static |inline )*"
    r"(?:std::(?:\w+_)?mutex|std::once_flag|(?:freshframe::)?Mutex)\s+"
    r"(\w+)\s*(?:\{[^}]*\})?;"
)
HOLD = re.compile(r"(?:ForkHold|forks::Hold<[\w:]+>)\s+\w+\{(\w+)")
GUARD = re.compile(r"guard variable for (.*freshframe.*\).*::\w+(?:\[abi:\w+\])?)$")
REGISTRY = Path("include/freshframe/forks.hpp")


def sources(root: Path) -> Iterator[Path]:
    """Yields all source files of the engine and of gil/."""
    for folder in ("include", "src", "gil/include", "gil/src"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in {".cpp", ".hpp", ".h"} and not path.is_symlink():
                yield path


def check_file(path: Path, name: str, known: dict[str, set[str]]) -> Iterator[str]:
    """Yields a line for each mutex without a hold or a reason, and for each call of pthread_atfork()."""
    text = path.read_text(encoding="utf-8")
    held = set(HOLD.findall(text))
    excused = known.get(name, set())
    found = set()
    for number, line in enumerate(text.splitlines(), 1):
        if Path(name) != REGISTRY and re.search(r"\bpthread_atfork\(", line):
            yield f"{name}:{number}: pthread_atfork() is called in {REGISTRY} only: use what that header has"
        if (match := MUTEX.match(line)) is None:
            continue
        found.add(match[1])
        if match[1] in held and match[1] in excused:
            yield f"{name}:{number}: {match[1]} has a hold: tools/forks.toml need not name it"
        if match[1] not in held | excused:
            yield (
                f"{name}:{number}: how does {match[1]} live across a fork? Give it a hold "
                f"({REGISTRY}), or say in tools/forks.toml why no forked child uses it"
            )
    for gone in sorted(excused - found):
        yield f"tools/forks.toml names {gone} of {name}, where there is no such mutex"


def check_archive(nm: str, archive: str, excused: set[str]) -> Iterator[str]:
    """Yields a line for each function-level static variable with a guard."""
    output = subprocess.run([nm, "-C", archive], check=True, capture_output=True, text=True).stdout
    for name in sorted({match[1] for line in output.splitlines() if (match := GUARD.search(line))}):
        if not name.startswith("freshframe::forks::") and name.rpartition("::")[2] not in excused:
            yield f"{archive}: {name} is made at its first use: forks::ProcessWide makes it when it is loaded"


def main() -> int:
    """Prints the findings. The exit status is 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--nm", default="nm", help="the program that lists symbols")
    parser.add_argument("--archives", nargs="*", default=[], help="static libraries of the engine")
    options = parser.parse_args()
    rules = tomllib.loads((options.root / "tools/forks.toml").read_text(encoding="utf-8"))
    known: dict[str, set[str]] = {}
    for rule in rules["mutexes"]:
        for name, mutexes in rule["of"].items():
            known.setdefault(name, set()).update(mutexes)
    errors: list[str] = []
    names: set[str] = set()
    for path in sources(options.root):
        name = path.relative_to(options.root).as_posix()
        names.add(name)
        errors += check_file(path, name, known)
    errors += [f"tools/forks.toml names {name}, which does not exist" for name in sorted(set(known) - names)]
    for archive in options.archives:
        errors += check_archive(options.nm, archive, set(rules["thread_locals"]["names"]))
    print(
        "\n".join(errors) if errors else f"check_forks: {len(names)} files, {len(options.archives)} archives"
    )
    return int(bool(errors))


if __name__ == "__main__":
    sys.exit(main())
