"""Writes tests/python/api/signatures.txt: each stable name of the package with its signature, one per line.

python tools/signatures.py            # writes the list
python tools/signatures.py --check    # fails if the package differs from the list
python tools/signatures.py --promise  # fails if a line of the last release is gone, and CHANGELOG.md does not
list it

Names in the table of docs/reference/stability.md are provisional, and not in the list.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import dataclasses
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LIST = "tests/python/api/signatures.txt"
# Objects of other classes, except nodes, are created only by the library, so a new field does not break
# programs.
MADE_BY_PROGRAMS = {"Batch", "Circles", "Detections", "Join", "Pipeline", "Process", "Queue"}
MADE_BY_OPEN = {"VideoSource"}
HOOKS = {"close", "finish", "on_tick", "open", "process", "process_batch", "read", "source_gone"}
HEADING = "\n## Provisional names\n"
_NATIVE = re.compile(r"\b(?:freshframe\.)?_native\.")  # users do not need the module of a class


def provisional() -> set[str]:
    """Returns the names in the first column of stability.md's table, such as "Ground"."""
    page = (ROOT / "docs/reference/stability.md").read_text(encoding="utf-8")
    table = page.partition(HEADING)[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \|", table, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([\w.]+)`", row)}


def signatures() -> list[str]:
    """Returns the lines of the list."""
    import freshframe as ff  # noqa: PLC0415

    unsure = provisional()
    found: dict[str, str] = {}
    described = set[int]()  # a class that is in two modules is described once
    for name, what in _public(ff, "", unsure):
        if inspect.isclass(what) and id(what) in described:
            found[name] = f"ff.{name} is {what.__name__}"
            continue
        described.add(id(what))
        found[name] = f"ff.{_described(name, what)}"
        if inspect.isclass(what):
            for member, text in _members(name, what):
                found[f"{name}.{member}"] = f"ff.{text}"
    return [found[name] for name in sorted(found) if name not in unsure]


def _public(module: ModuleType, place: str, unsure: set[str]) -> Iterator[tuple[str, Any]]:
    """Yields the names in a module, then those in its public submodules."""
    later = []
    for name in sorted({*module.__all__, *getattr(module, "_MODULES", ())}):
        what = getattr(module, name)
        if place + name in unsure:
            continue
        if not inspect.ismodule(what):
            yield place + name, what
        elif hasattr(what, "__all__"):
            later.append((name, what))
    for name, what in later:
        yield from _public(what, f"{place}{name}.", unsure)


def _described(name: str, what: Any) -> str:
    if inspect.isclass(what) and issubclass(what, Exception):
        return f"{name}: {', '.join(base.__name__ for base in what.__bases__)}"
    if inspect.isclass(what):
        return _one_line(name, what) if _is_made_by_programs(what) else name
    if inspect.isroutine(what) or hasattr(what, "__nb_signature__"):
        return _one_line(name, what) or name
    return f"{name} = {what!r}" if type(what).__name__ in ("Queue", "_LiteralGenericAlias") else name


def _is_made_by_programs(cls: type) -> bool:
    is_node = any(each.__name__ in ("Node", "Source") for each in cls.__mro__)
    return cls.__name__ not in MADE_BY_OPEN and (is_node or cls.__name__ in MADE_BY_PROGRAMS)


def is_hook(cls: type, member: str) -> bool:
    """Returns True for a method of one of the package's nodes that only the engine calls."""
    is_ready_made = any(each.__name__ in ("Node", "Source") for each in cls.__mro__[1:])
    closes = member == "close" and hasattr(cls, "__exit__")  # called by programs, too
    return is_ready_made and cls.__name__ not in ("Node", "Source") and member in HOOKS and not closes


def _members(name: str, cls: type) -> Iterator[tuple[str, str]]:
    """Yields attributes and methods of a class, including those inherited from private classes."""
    fields = (
        {each.name: each.type for each in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else {}
    )
    ancestors = [each for each in cls.__mro__[1:] if each.__module__.startswith("freshframe")]
    classes = [cls, *(each for each in ancestors if each.__name__ not in ("Node", "Source"))]
    for member in sorted({key for each in classes for key in vars(each)} | set(fields)):
        if member.startswith("_") or is_hook(cls, member):
            continue
        what = inspect.getattr_static(cls, member, None)
        full = f"{name}.{member}"
        if member in fields:
            yield member, f"{full}: {fields[member]}"
        elif isinstance(what, property):
            yield member, f"{full}{_find_type(what)}"
        elif isinstance(what, (classmethod, staticmethod)):
            yield member, _one_line(full, what.__func__) or full
        elif inspect.isroutine(what) or hasattr(what, "__nb_signature__"):
            yield member, _one_line(full, what) or full
        else:
            yield member, full


def _find_type(what: property) -> str:
    native = getattr(what.fget, "__nb_signature__", None)
    text = native[0][0] if native else _one_line("get", what.fget)
    _, arrow, returned = text.rpartition(" -> ")
    return f": {_NATIVE.sub('', returned)}" if arrow else ""


def _one_line(name: str, what: Any) -> str:
    reference = importlib.import_module("python_reference")
    text: str = reference._signature(name, what)
    return _NATIVE.sub("", re.sub(r",? \)", ")", re.sub(r"\(\s+", "(", " ".join(text.split()))))


def find_name(line: str) -> str:
    """Returns the name that a line describes: "Pipeline.add"."""
    return re.split(r"[(:= ]", line.removeprefix("ff."), maxsplit=1)[0]


def parameters(line: str) -> tuple[str, list[str], str]:
    """Returns the part of a line before the parameters, each parameter, and the part after them."""
    name, opened, rest = line.partition("(")
    if not opened:
        return line, [], ""
    inside, closed, behind = rest.rpartition(")")
    depth, texts = 0, [""]
    for letter in inside:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            texts.append("")
        else:
            texts[-1] += letter
    return name, [text.strip() for text in texts if text.strip()], closed + behind


def is_kept(before: str, now: str) -> bool:
    """Returns True if each call that was valid still is: parameters with defaults may be appended."""
    (name, old, returned), (same_name, new, same_returned) = parameters(before), parameters(now)
    if (name, returned) != (same_name, same_returned):
        return False
    if "*" in old and "*" in new:  # keyword-only parameters have no order
        star = old.index("*")
        more = [each for each in new if each not in old]
        return (
            old[: star + 1] == new[: star + 1]
            and set(old) <= set(new)
            and all(" = " in each for each in more)
        )
    return new[: len(old)] == old and all(" = " in each or each == "*" for each in new[len(old) :])


def broken(before: list[str], now: list[str], notes: str) -> list[str]:
    """Returns lines of a release that are gone, and whose names are not in an entry below "Breaking"."""
    section = "\n".join(re.findall(r"^### Breaking\n(.*?)(?=^##|\Z)", notes, re.MULTILINE | re.DOTALL))
    said = set(re.findall(r"\w+(?:\.\w+)*", section))
    said |= {name.removeprefix("ff.") for name in said}
    today = {find_name(line): line for line in now}
    gone = [line for line in before if not is_kept(line, today.get(find_name(line), ""))]
    return [line for line in gone if not {find_name(line), find_name(line).rpartition(".")[0]} & said]


def notes_since(changelog: str, version: str) -> str:
    """Returns the changelog's text about everything after a version."""
    return re.split(rf"^## {re.escape(version)}\b", changelog, maxsplit=1, flags=re.MULTILINE)[0]


def _git(*arguments: str) -> str:
    ended = subprocess.run(["git", *arguments], cwd=ROOT, check=False, capture_output=True, text=True)
    return ended.stdout.strip() if ended.returncode == 0 else ""


def unkept() -> list[str]:
    """Returns the lines that break the promise of the last release.

    Before the first release, there are none.
    """
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    # Before HEAD, because a release does not promise its own names yet.
    tag = _git("describe", "--tags", "--abbrev=0", "--match", "v*", "HEAD^")
    if not tag:
        released = re.findall(r"^## (\d\S*)", changelog, re.MULTILINE)
        return [f"git has no tag of {released[0]}: run git fetch --tags"] if len(released) > 1 else []
    before = _git("show", f"{tag}:{LIST}").splitlines()
    now = (ROOT / LIST).read_text(encoding="utf-8").splitlines()
    wanted = "CHANGELOG.md needs an entry with its name below 'Breaking'"
    lines = broken(before, now, notes_since(changelog, tag.removeprefix("v")))
    return [f"{tag} promised {line}: {wanted}" for line in lines]


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail if the package differs from the list")
    parser.add_argument("--promise", action="store_true", help="fail if a released line is gone, unsaid")
    options = parser.parse_args()
    if options.promise:
        problems = unkept()
        print(
            "\n".join(f"signatures: {each}" for each in problems), file=sys.stderr, end="\n" * bool(problems)
        )
        return 1 if problems else 0
    lines = signatures()
    if not options.check:
        (ROOT / LIST).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return 0
    listed = (ROOT / LIST).read_text(encoding="utf-8").splitlines()
    for line in sorted(set(listed) ^ set(lines)):
        print(f"signatures: {'-' if line in listed else '+'} {line}", file=sys.stderr)
    if listed != lines:
        print("signatures: python tools/signatures.py writes the list anew", file=sys.stderr)
    return 0 if listed == lines else 1


if __name__ == "__main__":
    sys.exit(main())
