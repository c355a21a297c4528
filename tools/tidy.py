"""Runs clang-tidy on changed C++ files, or on all, with several files of a target joined into one.

Headers are parsed once for joined files. The files are concatenated, not included, because clang's analyzer
follows only code in the main file.

Changed files are checked first, then those of the newest commits, then the others, starting at a file that
depends on the commit. So runs that are stopped early skip different files each time.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import bisect
import concurrent.futures
import hashlib
import json
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (ROOT / "src", ROOT / "gil" / "src", ROOT / "tests" / "cpp", ROOT / "gil" / "tests" / "cpp")
INCLUDED = ("src", "include", "tests", "gil/src", "gil/include", "gil/tests")
RULES = ".clang-tidy"
AT_ONCE = 24  # number of files that are joined
NEWEST = 20  # number of commits whose files are checked before the others
# The analyzer stops exploring a function after this many states. The default is 225,000, and takes five times
# as long.
STATES = 20_000
DOES_NOT_COMPILE = "clang-diagnostic-error"
CONFIGURATION = (
    "-Wno-unknown-warning-option",
    "-Wthread-safety",
    *("-Xclang", "-analyzer-config", "-Xclang", f"max-nodes={STATES}"),
)


@dataclass(frozen=True)
class Source:
    """A file, and the options that its target is compiled with."""

    path: Path
    options: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run: clang-tidy's output, whether it is clean, and the seconds that it took."""

    sources: Sequence[Source]
    text: str
    clean: bool
    seconds: float


def sources(database: Path) -> list[Source]:
    """Returns the files of FOLDERS in a compile_commands.json."""
    found = {}
    for entry in json.loads(database.read_text(encoding="utf-8")):
        path = Path(entry["directory"], entry["file"]).resolve()
        if any(path.is_relative_to(folder) for folder in FOLDERS):
            words = shlex.split(entry["command"])
            first = next(place for place, word in enumerate(words) if word.endswith(("++", "cc", "c++"))) + 1
            end = words.index("-o")
            found[path] = Source(path, tuple(words[first:end]))
    return sorted(found.values(), key=lambda source: source.path)


class Includes:
    """Finds the files of this tree that a file includes, directly or indirectly."""

    def __init__(self) -> None:
        """Reads nothing yet."""
        self._whole: dict[Path, frozenset[Path]] = {}

    def of(self, path: Path) -> frozenset[Path]:
        """Returns the included files and the file itself."""
        if path not in self._whole:
            self._whole[path] = frozenset({path})  # ends a circle
            self._whole[path] |= {one for header in self._named(path) for one in self.of(header)}
        return self._whole[path]

    @staticmethod
    def _named(path: Path) -> list[Path]:
        names = re.findall(
            r'^\s*#\s*include\s+["<]([^">]+)[">]', path.read_text(encoding="utf-8"), re.MULTILINE
        )
        places = (path.parent, *(ROOT / folder for folder in INCLUDED))
        return [place / name for name in names for place in places if (place / name).is_file()]


def changed() -> set[Path]:
    """Returns the files that differ from the merge base with origin/main; without origin/main, from HEAD."""
    base = _git("merge-base", "HEAD", "origin/main") or ["HEAD"]
    names = _git("diff", "--name-only", base[0]) + _git("ls-files", "--others", "--exclude-standard")
    return {ROOT / name for name in names}


def touched() -> set[Path]:
    """Returns the files of the newest commits, for checkouts without origin/main."""
    return {ROOT / name for name in _git("log", f"-{NEWEST}", "--format=", "--name-only")}


def _git(*words: str) -> list[str]:
    ended = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return ended.stdout.splitlines()


def joined(chosen: Iterable[Source]) -> list[list[Source]]:
    """Returns groups of files of a layer with the same rules and options.

    Files that use Highway include themselves, and are not joined.
    """
    by_options = defaultdict(list)
    groups = []
    for source in chosen:
        if "hwy/foreach_target.h" in source.path.read_text(encoding="utf-8"):
            groups.append([source])
        else:
            by_options[find_rules(source.path), find_layer(source.path), source.options].append(source)
    for same in by_options.values():
        groups += [same[first : first + AT_ONCE] for first in range(0, len(same), AT_ONCE)]
    return groups


def find_rules(path: Path) -> Path:
    """Returns the folder with the rules for a file."""
    return next(folder for folder in path.parents if (folder / RULES).exists())


def copy_rules(places: Iterable[Path], folder: Path) -> None:
    """Copies the rules for joined files, because clang-tidy looks for them in a file's parent folders."""
    for place in places:
        for above in (place, *place.parents):
            if above == ROOT:
                break
            copy = folder / above.relative_to(ROOT)
            copy.mkdir(parents=True, exist_ok=True)
            if (above / RULES).exists():
                shutil.copy(above / RULES, copy)


def find_layer(path: Path) -> Path:
    """Returns the folder of a layer, or of its tests, within which names in unnamed namespaces are unique."""
    top = next(folder for folder in FOLDERS if path.is_relative_to(folder))
    return top / path.relative_to(top).parts[0]


class Text:
    """The joined text of several files, and the mapping back to the lines of each."""

    def __init__(self, group: Sequence[Source], folder: Path) -> None:
        """Writes the text into `folder` if there are several files."""
        self._ends: list[int] = []
        self._paths = [source.path for source in group]
        self.path = group[0].path
        if len(group) == 1:
            return
        text = ""
        for path in self._paths:
            text += path.read_text(encoding="utf-8") + "\n"
            self._ends.append(text.count("\n"))
        name = hashlib.sha256("".join(map(str, self._paths)).encode()).hexdigest()[:16]
        self.path = folder / find_rules(self._paths[0]).relative_to(ROOT) / f"{name}.cpp"
        self.path.write_text(text, encoding="utf-8")

    def restored(self, remarks: str) -> str:
        """Returns clang-tidy's output with the names and lines of the original files."""
        if not self._ends:
            return remarks
        lines, shift = [], 0
        for line in remarks.splitlines():
            if found := re.match(re.escape(str(self.path)) + r":(\d+):", line):
                place = bisect.bisect_left(self._ends, int(found[1]))
                shift = self._ends[place - 1] if place else 0
                lines.append(f"{self._paths[place]}:{int(found[1]) - shift}:{line[found.end() :]}")
            elif found := re.match(r" *(\d+) \|", line):
                lines.append(f"{int(found[1]) - shift:5} |{line[found.end() :]}")
            else:
                shift = shift if line.startswith(" ") else 0
                lines.append(line)
        return "\n".join(lines)


def check(group: Sequence[Source], folder: Path) -> Outcome:
    """Runs clang-tidy on files with the same options."""
    began = time.monotonic()
    text, clean = remarks_on(group, folder)
    return Outcome(group, text, clean, time.monotonic() - began)


def remarks_on(group: Sequence[Source], folder: Path) -> tuple[str, bool]:
    """Returns the output, and whether the files are clean. A group that does not compile is split in two."""
    text = Text(group, folder)
    # A joined file is not in the folder of the headers that its parts include.
    places = sorted({source.path.parent for source in group})
    beside = [f"-iquote{place}" for place in places]
    command = ["clang-tidy", "--quiet", str(text.path), "--", *group[0].options, *beside, *CONFIGURATION]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    clean = ended.returncode == 0
    said = text.restored(ended.stdout + ("" if clean else ended.stderr))
    if DOES_NOT_COMPILE in said and len(group) > 1:
        middle = len(group) // 2
        halves = [remarks_on(half, folder) for half in (group[:middle], group[middle:])]
        return "\n".join(half for half, _ in halves), all(half for _, half in halves)
    return said, clean


def main() -> int:
    """Checks the files. The exit status is 1 if there is any finding."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path, help="the folder with compile_commands.json: each file alone")
    parser.add_argument("--all", action="store_true", help="also the files that have not changed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin nothing after this time")
    parser.add_argument("files", nargs="*", type=Path, help="these only")
    arguments = parser.parse_intermixed_args()
    build = arguments.build.resolve()
    known = sources(build / "compile_commands.json")
    if arguments.files:
        named = {file.resolve() for file in arguments.files}
        first = [source for source in known if source.path in named]
    else:
        includes, differing = Includes(), changed()
        first = [source for source in known if includes.of(source.path) & differing]
    others = [source for source in known if source not in first] if arguments.all else []
    print(f"clang-tidy: {len(first)} changed files, {len(others)} others", flush=True)
    groups = [*longest_first(joined(first)), *in_turn(others, touched(), _git("rev-parse", "HEAD"))]
    return 0 if run(groups, build / "joined", arguments.jobs, arguments.minutes * 60) else 1


def longest_first(groups: list[list[Source]]) -> list[list[Source]]:
    """Returns the groups by size, so that no long run is left at the end."""
    return sorted(groups, key=lambda group: -sum(source.path.stat().st_size for source in group))


def in_turn(others: Sequence[Source], newest: set[Path], commit: Sequence[str]) -> list[list[Source]]:
    """Returns groups of the newest files, then the others, starting at one that depends on the commit."""
    first = [source for source in others if source.path in newest]
    rest = joined(source for source in others if source.path not in newest)
    place = int(commit[0], 16) % len(rest) if commit and rest else 0
    return [*longest_first(joined(first)), *rest[place:], *rest[:place]]


def run(groups: Sequence[Sequence[Source]], folder: Path, jobs: int, limit: float) -> bool:
    """Prints each finding once, and the files that were skipped. Returns True if all were clean."""
    folder.mkdir(exist_ok=True)
    copy_rules({find_rules(source.path) for group in groups for source in group}, folder)
    began = time.monotonic()
    seen: set[str] = set()
    clean = True
    left_out = []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        begun = {pool.submit(check_in_time, group, folder, began + limit): group for group in groups}
        for future in concurrent.futures.as_completed(begun):
            outcome = future.result()
            if outcome is None:
                left_out.append(begun[future])
                continue
            clean &= outcome.clean
            print(f"clang-tidy: {span(outcome.sources)} in {outcome.seconds:.0f} s", flush=True)
            for remark in re.split(r"\n(?=/\S+:\d+:\d+: (?:warning|error))", outcome.text.strip()):
                if remark and remark not in seen:
                    seen.add(remark)
                    print(remark, flush=True)
    for group in left_out:
        print(f"clang-tidy: left out, for the time: {span(group)}")
    count = sum(map(len, left_out))
    checked = sum(map(len, groups)) - count
    print(f"clang-tidy: {checked} files in {time.monotonic() - began:.0f} s, {count} left out, for the time")
    return clean


def span(group: Sequence[Source]) -> str:
    """Returns a description of a group, whose files are sorted by name."""
    names = [str(source.path.relative_to(ROOT)) for source in group]
    return names[0] if len(names) == 1 else f"{len(names)} files, {names[0]} to {names[-1]}"


def check_in_time(group: Sequence[Source], folder: Path, end: float) -> Outcome | None:
    """Checks a group of files, or returns None if it is too late to start."""
    return check(group, folder) if time.monotonic() < end else None


if __name__ == "__main__":
    sys.exit(main())
