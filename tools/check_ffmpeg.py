#!/usr/bin/env python3
"""Fails if C++ files use a name of the oldest supported FFmpeg that is removed or deprecated in the newest.

tools/ffmpeg_names.txt lists these names. Lines inside an #if about a version or a name of FFmpeg may use
them. Fields are listed with their structure, but the check does not resolve types: it looks after each dot or
arrow. Each source file must also include <cstdint> before FFmpeg's first header, which needs it.

    check_ffmpeg.py                  reads the files in src, include, tests, bench and examples
    check_ffmpeg.py --write OLD NEW  writes the list from two folders with FFmpeg's headers: /usr/include/...
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIST = ROOT / "tools/ffmpeg_names.txt"
HEAD = """\
# Names of FFmpeg 5.1 that FFmpeg 9 does not have, or calls deprecated. A field follows its structure.
# SPDX-License-Identifier: Apache-2.0
# tools/check_ffmpeg.py reads it, and its --write wrote it from the headers of both.
"""
LIBRARIES = ("libavcodec", "libavformat", "libavutil", "libswscale")
NO_CODE = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"", re.DOTALL)
NAME = re.compile(r"\b(?:av|AV|FF|sws|SWS|Sws)[A-Za-z]*_?[A-Z_a-z]\w*")
USED_FIELD = re.compile(r"(?:->|\.)\s*([a-z]\w*)\b(?!\s*\()")
# Fields of our own structures, or of others in FFmpeg, also have these names.
ELSEWHERE = frozenset({"color_primaries", "color_range", "color_space", "color_trc", "input", "written"})
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)
CONDITION = re.compile(r"\s*#\s*(if|endif)\w*(.*)")
OF_FFMPEG = re.compile(r"\b(?:LIB(?:AV|SW)|AV_|FF_)\w+")
STRUCTURE = re.compile(r"\bstruct (\w+)\s*\{")
FIELD = re.compile(r"(?:[*\s,])(\w+)\s*(?:\[[^\]]*\]\s*)*(?=,|$|\)\()")
DEPRECATED = re.compile(r"\battribute_deprecated\b([^;{]*)")


def without_comments(text: str) -> str:
    """Returns the code with unchanged line numbers."""
    return NO_CODE.sub(lambda found: "\n" * found[0].count("\n"), text)


def unconditional_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yields number and text of each line outside of any #if about FFmpeg."""
    conditions: list[bool] = []
    for number, line in enumerate(without_comments(text).splitlines(), 1):
        if condition := CONDITION.match(line):
            if condition[1] == "if":
                conditions.append(OF_FFMPEG.search(condition[2]) is not None)
            elif conditions:
                conditions.pop()
        elif not any(conditions):
            yield number, line


def misuses(text: str, listed: list[str]) -> list[tuple[int, str]]:
    """Returns line and name of each use of a listed name."""
    names = {name for name in listed if "." not in name}
    fields = {name.partition(".")[2]: name for name in listed if "." in name}
    fields = {one: name for one, name in fields.items() if one not in ELSEWHERE}
    if "<libav" not in text and "<libsw" not in text and "ffmpeg/" not in text:
        fields = {}
    found = []
    for number, line in unconditional_lines(text):
        used = {name for name in NAME.findall(line) if name in names}
        used |= {
            fields[name] for name in USED_FIELD.findall(line) if name in fields and name not in ELSEWHERE
        }
        found += [(number, name) for name in sorted(used)]
    return found


def early_header(path: Path, folders: list[Path], seen: set[Path]) -> str | None:
    """Follows the includes as a compiler does.

    Returns "" if <cstdint> is first, else FFmpeg's first header.
    """
    for quote, name in INCLUDE.findall(path.read_text(encoding="utf-8")):
        if quote == "<":
            if name == "cstdint":
                return ""
            if name.startswith(LIBRARIES):
                return str(name)
            continue
        inner = next((one / name for one in folders if (one / name).is_file()), None)
        if inner is not None and inner not in seen:
            seen.add(inner)
            if (found := early_header(inner, folders, seen)) is not None:
                return found
    return None


@dataclass
class Headers:
    """The names that the headers of a version declare."""

    names: set[str] = field(default_factory=set)
    fields: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    deprecated: set[str] = field(default_factory=set)

    def add(self, code: str) -> None:
        """Adds the names of a header without comments."""
        self.names.update(NAME.findall(code))
        code = re.sub(r"^\s*#.*$", "", code, flags=re.MULTILINE)
        for found in STRUCTURE.finditer(code):
            self.fields[found[1]] |= find_fields(body_at(code, found.end()))
        for declaration in DEPRECATED.findall(code):
            if function := re.search(r"\b(av\w+|sws\w+)\s*\(", declaration):
                self.deprecated.add(function[1])


def body_at(code: str, begin: int) -> str:
    """Returns the code up to the brace that closes the one before `begin`."""
    depth = 1
    for at in range(begin, len(code)):
        depth += {"{": 1, "}": -1}.get(code[at], 0)
        if depth == 0:
            return code[begin:at]
    return ""


def find_fields(body: str) -> set[str]:
    """Returns the names that a structure's body declares, without deprecated ones."""
    names: set[str] = set()
    for declaration in body.split(";"):
        if "attribute_deprecated" not in declaration:
            names.update(FIELD.findall(re.sub(r"\)\s*\([^;]*", ")(", declaration.strip())))
    return names


def headers_in(folder: Path) -> Headers:
    """Reads the headers of the four libraries."""
    headers = Headers()
    for library in LIBRARIES:
        paths = sorted((folder / library).glob("*.h"))
        if not paths:
            sys.exit(f"check_ffmpeg: no headers in {folder / library}: install FFmpeg's development packages")
        for path in paths:
            headers.add(without_comments(path.read_text(encoding="utf-8")))
    return headers


def names_gone(old: Headers, new: Headers) -> list[str]:
    """Returns the names that a program for both versions cannot use.

    For a removed structure, its name is enough.
    """
    gone = (old.names - new.names) | (old.names & new.deprecated)
    for structure, fields in old.fields.items():
        if structure in new.fields:
            gone.update(f"{structure}.{name}" for name in fields - new.fields[structure])
    return sorted(gone)


def main() -> int:
    """Prints the findings. The exit status is 1 if there are any."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", nargs=2, type=Path, metavar=("OLD", "NEW"), help="write the list instead")
    options = parser.parse_args()
    if options.write:
        names = names_gone(*map(headers_in, options.write))
        LIST.write_text(HEAD + "".join(f"{name}\n" for name in names), encoding="utf-8")
        return 0
    listed = [line for line in LIST.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    places = [ROOT / place for place in ("src", "include", "tests", "bench", "examples")]
    paths = sorted(path for place in places for path in place.rglob("*.[ch]pp"))
    folders = [ROOT / place for place in ("include", "src", "tests")]
    said = []
    for path in paths:
        short = path.relative_to(ROOT)
        said += [
            f"{short}:{number}: not each supported version of FFmpeg has {name}: take what each has, or ask "
            "for the version in an #if"
            for number, name in misuses(path.read_text(encoding="utf-8"), listed)
        ]
        if path.suffix == ".cpp" and (early := early_header(path, folders, set())):
            said.append(f"{short}: <{early}> comes before <cstdint>, which FFmpeg needs: include it before")
    for line in said:
        print(f"check_ffmpeg: {line}")
    if not said:
        print(f"check_ffmpeg: {len(paths)} files, {len(listed)} names")
    return int(bool(said))


if __name__ == "__main__":
    sys.exit(main())
