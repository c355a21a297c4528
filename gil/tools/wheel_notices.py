"""Puts the licences of what a wheel of gil-budget carries into it, and checks its files like check_wheel.py.

Prints the path of the finished wheel.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import sys
import zipfile
from pathlib import Path

import bill
from bundled import ALL_LIBRARIES, COMMON_LICENCES, Library, Origin, find_library
from check_wheel import Binary, built_code, find_problems

MOST_BYTES = 1_000_000
"""Who tests an extension does not want to install a video engine."""

STATIC = ("gcc-12", "nanobind")  # linked into the module


def carried(files: dict[str, bytes]) -> list[Library]:
    """Returns the third-party libraries that the wheel contains."""
    shared = {library.name for name in files if ".libs/" in name and (library := find_library(name))}
    return [library for library in ALL_LIBRARIES if library.name in shared or library.name in STATIC]


def problems(files: dict[str, bytes], origin: Origin) -> list[str]:
    """Returns the problems of the wheel's ELF files."""
    binaries = [Binary.read(name, data) for name, data in files.items() if data[:4] == b"\x7fELF"]
    names = {Path(binary.name).name for binary in binaries}
    built = built_code(origin)
    return [
        f"{binary.name} {problem}" for binary in binaries for problem in find_problems(binary, names, built)
    ]


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--into", type=Path, required=True, help="folder of the finished wheel")
    parser.add_argument("--root", type=Path, help="the unpacked Debian of a wheel for another architecture")
    options = parser.parse_args()
    origin = Origin(Path("build/gil_budget"), options.root)
    with zipfile.ZipFile(options.wheel) as wheel:
        modes = {info.filename: info.external_attr for info in wheel.infolist()}
        files = {name: wheel.read(name) for name in wheel.namelist() if not name.endswith("/")}
    info = next(name for name in files if name.endswith(".dist-info/METADATA")).rsplit("/", 1)[0]
    files = {name: data for name, data in files.items() if not name.startswith(f"{info}/sboms/")}
    files.pop(f"{info}/RECORD")
    libraries = carried(files)
    texts = {f"third-party/{library.name}.txt": bill.notices(origin, library) for library in libraries}
    for name in COMMON_LICENCES:
        if any(f"/{name}" in text for text in texts.values()):
            path = Path("/usr/share/common-licenses") / name
            texts[f"third-party/common/{name}.txt"] = path.read_text(encoding="utf-8", errors="replace")
    files |= {f"{info}/licenses/{name}": text.encode() for name, text in texts.items()}
    licences = " AND ".join(["Apache-2.0", *sorted({f"({library.licence})" for library in libraries})])
    metadata = files[f"{info}/METADATA"].decode()
    files[f"{info}/METADATA"] = bill.with_licences(metadata, list(texts), licences).encode()
    finished = options.into / options.wheel.name
    bill.write(finished, files, modes, f"{info}/RECORD")
    found = problems(files, origin)
    if (size := finished.stat().st_size) > MOST_BYTES:
        found.append(f"has {size} bytes; {MOST_BYTES} are allowed")
    for problem in found:
        sys.stderr.write(f"wheel_notices: {problem}\n")
    sys.stdout.write(f"{finished}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
