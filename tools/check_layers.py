#!/usr/bin/env python3
"""Fails if a C++ file includes a header that its layer or its room may not use (rules: tools/layers.toml).

A room is a folder of a layer. Headers of some libraries are only found by the layers that may include them,
so other layers must not reach them through headers either. Also fails if an internal header declares names in
the public namespace, or if a string is converted for Python in a way that raises for bytes that are not
UTF-8. The compiler cannot check includes, because headers of FFmpeg or Python may be in its default search
path, and every layer can include from src/.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
STANDARD = re.compile(r"[a-z0-9_]+")  # <vector>, <cstdint>: no slash, no suffix
PUBLIC_NAMESPACE = re.compile(r"^namespace freshframe \{", re.MULTILINE)
# Conversions to Python that raise for strings of a camera, a file or a worker that are not UTF-8.
STRICT_TEXT = re.compile(
    r"#include <nanobind/stl/(?:string|string_view|filesystem)\.h>"
    r"|nb::str\([^()\"]*\.(?:c_str|data|what)\(\)"
    r"|PyErr_SetString\([^\"]*\.(?:c_str|what)\(\)"
    r"|PyUnicode_FromString(?:AndSize)?\([^\"]"
)
# Libraries that are not in the compiler's default path when wheels are built.
PLACED = {
    "FFmpeg": ("libavcodec/", "libavformat/", "libavutil/", "libswscale/"),
    "Boost": ("boost/",),
    "nlohmann-json": ("nlohmann/",),
    "Highway": ("hwy/",),
    "nanobind": ("nanobind/",),
}
SOURCES = ("src", "gil/src")
HEADERS = ("include/freshframe", "gil/include/freshframe")
SUFFIXES = {".c", ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".inc"}


@dataclass(frozen=True)
class Layer:
    """A folder of src/, or a set of public headers, with what it may include."""

    name: str
    may_use: tuple[str, ...]
    libraries: tuple[str, ...]
    public: tuple[str, ...]
    rooms: tuple[str, ...] = ()
    libraries_of_rooms: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def may_include(self, header: str, room: str) -> bool:
        """Returns True if a file in a room of this layer may include a foreign header."""
        own = self.libraries + self.libraries_of_rooms.get(room, ())
        return bool(STANDARD.fullmatch(header)) or header.startswith(own)


def read_rules(root: Path) -> dict[str, Layer]:
    """Reads tools/layers.toml under `root`."""
    rules = tomllib.loads((root / "tools/layers.toml").read_text(encoding="utf-8"))
    return {
        name: Layer(
            name,
            tuple(rule["may_use"]),
            tuple(rule["libraries"]),
            tuple(rule["public"]),
            tuple(rule.get("rooms", ())),
            {room: tuple(more) for room, more in rule.get("libraries_of_rooms", {}).items()},
        )
        for name, rule in rules.items()
    }


def includes(path: Path) -> Iterator[tuple[int, str]]:
    """Yields line number and header of every include in a file."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if match := INCLUDE.match(line):
            yield number, match[1]


def find_owner(header: str, folder: Path, root: Path, layers: dict[str, Layer]) -> str | None:
    """Returns the layer that a header belongs to, or None for a foreign one."""
    top, _, rest = header.partition("/")
    if top == "freshframe" and rest:
        name = rest.removesuffix(".hpp").removesuffix(".h").partition("/")[0]
        return next((layer.name for layer in layers.values() if name in layer.public), "no layer")
    if top in layers and rest:
        return find_layer(header, layers)
    beside = (folder / header).resolve()
    for sources in ((root / name).resolve() for name in SOURCES):
        if beside.is_file() and sources in beside.parents:
            return find_layer(beside.relative_to(sources).as_posix(), layers)
    return None


def find_layer(path: str, layers: dict[str, Layer]) -> str | None:
    """Returns the layer with the longest name that a path relative to a folder of SOURCES starts with."""
    return max((name for name in layers if path.startswith(name + "/")), key=len, default=None)


def check_file(path: Path, layer: Layer, root: Path, layers: dict[str, Layer]) -> Iterator[str]:
    """Yields one line per forbidden include."""
    parts = path.relative_to(root).parts
    room = parts[2] if parts[0] == "src" else ""
    for number, header in includes(path):
        owner = find_owner(header, path.parent, root, layers)
        if owner is None:
            allowed = layer.may_include(header, room)
        else:
            allowed = owner == layer.name or owner in layer.may_use
        if not allowed:
            where = path.relative_to(root)
            yield f"{where}:{number}: layer '{layer.name}' may not include '{header}' (tools/layers.toml)"


def check_rooms(path: Path, layer: Layer, root: Path) -> Iterator[str]:
    """Yields a line for each include of a room that is above the room of the file."""
    if not layer.rooms:
        return
    where = path.relative_to(root)
    rank = find_rank(path.relative_to(root / "src" / layer.name).as_posix(), layer)
    if rank is None:
        yield f"{where}: in no room of layer '{layer.name}' (`rooms` in tools/layers.toml)"
        return
    for number, header in includes(path):
        top, _, rest = header.partition("/")
        used = find_rank(rest, layer) if top == layer.name else None
        if used is not None and used > rank:
            yield f"{where}:{number}: '{header}' is in a room above this one (`rooms` in tools/layers.toml)"


class Reach:
    """Finds the libraries of PLACED whose headers a file includes, directly or through other headers."""

    def __init__(self, root: Path) -> None:
        """Searches the folders of headers under `root`."""
        self._folders = [root / name for name in ("src", "gil/src", "include", "gil/include")]
        self._known: dict[Path, dict[str, list[str]]] = {}

    def of(self, path: Path) -> dict[str, list[str]]:
        """Returns the chain of includes to a header of each library."""
        if path not in self._known:
            self._known[path] = {}  # for headers that include each other
            found: dict[str, list[str]] = {}
            for _, header in includes(path):
                for library, prefixes in PLACED.items():
                    if header.startswith(prefixes):
                        found.setdefault(library, [header])
                own = next((folder / header for folder in self._folders if (folder / header).is_file()), None)
                if own is None:
                    continue
                for library, chain in self.of(own).items():
                    found.setdefault(library, [header, *chain])
            self._known[path] = found
        return self._known[path]


def check_reach(path: Path, layer: Layer, root: Path, reach: Reach) -> Iterator[str]:
    """Yields a line for each library that a file reaches, and that its layer is compiled without."""
    if path.suffix != ".cpp":  # a header alone is not compiled
        return
    where = path.relative_to(root)
    for library, chain in reach.of(path).items():
        is_direct = len(chain) == 1  # left to check_file()
        if not is_direct and not any(one.startswith(PLACED[library]) for one in layer.libraries):
            way = " > ".join(chain)
            yield f"{where}: layer '{layer.name}' is compiled without {library}, and reaches it by {way}"


def find_rank(path: str, layer: Layer) -> int | None:
    """Returns the rank of the room that a path starts with, or None if the layer does not list it."""
    room, slash, _ = path.partition("/")
    if not slash:
        return len(layer.rooms)  # the layer's root is above its rooms
    return layer.rooms.index(room) if room in layer.rooms else None


def check_namespace(path: Path, layer: Layer, root: Path) -> Iterator[str]:
    """Yields a line if an internal header declares something in the public namespace."""
    if path.suffix == ".hpp" and PUBLIC_NAMESPACE.search(path.read_text(encoding="utf-8")):
        yield (
            f"{path.relative_to(root)}: an internal header of layer '{layer.name}' opens namespace "
            "freshframe, which is for the public headers; use one of the layer's own"
        )


def check_texts(path: Path, root: Path) -> Iterator[str]:
    """Yields a line for each string that is converted strictly for Python."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if STRICT_TEXT.search(line):
            where = path.relative_to(root)
            yield f"{where}:{number}: raises for bytes that are not UTF-8: use src/bindings/border/text.hpp"


def violations(root: Path) -> tuple[list[str], int]:
    """Returns the complaints and the number of files that were read."""
    layers = read_rules(root)
    found: list[str] = []
    files = 0
    reach = Reach(root)
    for sources in (root / name for name in SOURCES if (root / name).is_dir()):
        for path in sorted(p for p in sources.glob("*/**/*") if p.suffix in SUFFIXES):
            files += 1
            name = find_layer(path.relative_to(sources).as_posix(), layers)
            if name is None:
                found.append(f"{path.relative_to(root)}: belongs to no layer of tools/layers.toml")
            else:
                found.extend(check_file(path, layers[name], root, layers))
                found.extend(check_rooms(path, layers[name], root))
                found.extend(check_reach(path, layers[name], root, reach))
                found.extend(check_namespace(path, layers[name], root))
                found.extend(check_texts(path, root))
    for public in (root / name for name in HEADERS):
        for path in sorted(p for p in public.rglob("*") if p.suffix in SUFFIXES and not p.is_symlink()):
            name = path.relative_to(public).with_suffix("").parts[0]
            owner = next((layer for layer in layers.values() if name in layer.public), None)
            files += 1
            if owner is None:
                found.append(f"{path.relative_to(root)}: belongs to no layer (`public` in tools/layers.toml)")
            else:
                found.extend(check_file(path, owner, root, layers))
    return found, files


def main() -> int:
    """Prints the complaints. The exit status is 1 if there are any."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    found, files = violations(root)
    print("\n".join(found) or f"check_layers: {files} files, no forbidden include")
    return 1 if found or not files else 0


if __name__ == "__main__":
    sys.exit(main())
