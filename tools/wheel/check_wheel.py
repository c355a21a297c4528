"""Fails if a wheel would not load on a supported system, or contains code that it must not.

Reads every ELF file of the wheel: symbol versions, required libraries, and the origin of each bundled
library. Its code must come from our own build, and FFmpeg must report the LGPL.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import hashlib
import io
import re
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bundled import ALL_LIBRARIES, LIBRARIES, Origin, find_library, find_stem

GLIBC = (2, 34)
OF_THE_SYSTEM = re.compile(
    r"(libc\.so\.6|libm\.so\.6|libdl\.so\.2|libpthread\.so\.0|librt\.so\.1|libgcc_s\.so\.1|libz\.so\.1|ld-linux-.*\.so\.\d)"
)
X264 = b"x264 - core %d%s"  # FFmpeg's decoder contains "x264 - core %d", to look for it in streams
GPL_SIGNS = (b"--enable-gpl", b"--enable-nonfree", X264, b"x265 (build", b"libx264", b"libx265")
OWN_WORD = re.compile(rb"(?:libav\w+|libsw\w+) license: ([\x20-\x7e]+)")


@dataclass
class Binary:
    """An ELF file in a wheel."""

    name: str
    needed: list[str] = field(default_factory=list)
    run_path: str = ""
    versions: set[str] = field(default_factory=set)
    code: str = ""  # hash of its machine code, which strip and patchelf do not change
    data: bytes = b""

    @classmethod
    def read(cls, name: str, data: bytes) -> Binary:
        """Reads the facts that the checks need."""
        from elftools.elf.dynamic import DynamicSection  # noqa: PLC0415
        from elftools.elf.elffile import ELFFile  # noqa: PLC0415
        from elftools.elf.gnuversions import GNUVerNeedSection  # noqa: PLC0415

        binary = cls(name, data=data)
        for section in ELFFile(io.BytesIO(data)).iter_sections():
            if isinstance(section, DynamicSection):
                for tag in section.iter_tags():
                    if tag.entry.d_tag == "DT_NEEDED":
                        binary.needed.append(tag.needed)
                    elif tag.entry.d_tag in ("DT_RUNPATH", "DT_RPATH"):
                        binary.run_path = getattr(tag, "runpath", None) or tag.rpath
            elif isinstance(section, GNUVerNeedSection):
                for _, wanted in section.iter_versions():
                    binary.versions.update(version.name for version in wanted)
            elif section.name == ".text":
                binary.code = hashlib.sha256(section.data()).hexdigest()
        return binary

    @property
    def bundled(self) -> bool:
        """True for a third-party library next to the package."""
        return ".libs/" in self.name


def too_new(versions: set[str], glibc: tuple[int, int] = GLIBC) -> list[str]:
    """Returns versions of symbols that may be missing on a system of the wheel's platform."""
    found = []
    for version in sorted(versions):
        kind, _, number = version.partition("_")
        parts = tuple(int(part) for part in re.findall(r"\d+", number))
        if kind in ("GLIBCXX", "CXXABI") or (kind == "GLIBC" and (not parts or parts[:2] > glibc)):
            found.append(version)
    return found


def find_problems(binary: Binary, files: set[str], built: dict[str, str]) -> Iterator[str]:
    """Yields the faults of one file. `files`: names of all; `built`: hashes of our libraries' code."""
    if newer := too_new(binary.versions):
        yield f"wants {', '.join(newer)}; allowed is GLIBC up to {GLIBC[0]}.{GLIBC[1]} and no GLIBCXX"
    for library in binary.needed:
        if not OF_THE_SYSTEM.fullmatch(library) and library not in files:
            yield f"wants {library}, which is neither in the wheel nor on every system"
    if any(library in files for library in binary.needed) and not binary.run_path.startswith("$ORIGIN"):
        yield f"looks for its libraries in {binary.run_path!r}"
    if not binary.bundled:
        return
    for sign in GPL_SIGNS:
        if sign in binary.data:
            yield f"holds {sign.decode()!r}: a GPL part of FFmpeg"
    library_entry = find_library(binary.name)
    if library_entry is None:
        yield "is of no library that tools/wheel/bundled.py names"
        return
    if built.get(find_stem(binary.name)) != binary.code:
        yield "is not the library that tools/wheel/libraries.sh built or took"
    if library_entry.name == "ffmpeg":
        words = {word.decode() for word in OWN_WORD.findall(binary.data)}
        if not words or not all(word.startswith("LGPL") for word in words):
            yield f"calls its licence {sorted(words) or 'nothing'}; wanted is LGPL"


def missing_libraries(files: set[str]) -> list[str]:
    """Returns libraries of the table that are missing in the wheel, so that modules would not load."""
    present = {find_stem(name) for name in files}
    return [name for library in LIBRARIES for name in library.shared if name not in present]


def built_code(origin: Origin) -> dict[str, str]:
    """Returns a hash of the code of each shared library that libraries.sh built or copied, by stem."""
    found = {}
    for library in ALL_LIBRARIES:
        for folder in origin.folders if library.package else [origin.prefix / "lib"]:
            for name in library.shared:
                for path in sorted(folder.glob(f"{name}.so*")):
                    if path.read_bytes()[:4] == b"\x7fELF":  # not a linker script
                        found[name] = Binary.read(name, path.read_bytes()).code
    return found


def main() -> int:
    """Prints the files of the wheel and their faults."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--libraries", type=Path, required=True, help="the prefix that libraries.sh fills")
    parser.add_argument("--root", type=Path, help="the unpacked Debian of a wheel for another architecture")
    options = parser.parse_args()
    with zipfile.ZipFile(options.wheel) as wheel:
        contents = {name: wheel.read(name) for name in wheel.namelist()}
    binaries = [Binary.read(name, data) for name, data in contents.items() if data[:4] == b"\x7fELF"]
    files = {Path(binary.name).name for binary in binaries}
    built = built_code(Origin(options.libraries, options.root))
    failed = False
    for binary in binaries:
        found = list(find_problems(binary, files, built))
        newest = max((v for v in binary.versions if v.startswith("GLIBC_")), key=_number, default="no GLIBC")
        sys.stderr.write(f"check_wheel: {binary.name}: {len(binary.data) / 1e6:.2f} MB, {newest}\n")
        for problem in found:
            sys.stderr.write(f"check_wheel: {binary.name} {problem}\n")
        failed |= bool(found)
    for ending in ("sboms/freshframe.cdx.json", "licenses/third-party/ffmpeg.txt", "licenses/LICENSE"):
        if not any(name.endswith(ending) for name in contents):
            sys.stderr.write(f"check_wheel: {ending} is missing\n")
            failed = True
    for name in missing_libraries(files):
        sys.stderr.write(f"check_wheel: {name} is missing: the linker found no use of it\n")
        failed = True
    size = options.wheel.stat().st_size / 1e6
    unpacked = sum(map(len, contents.values())) / 1e6
    sys.stderr.write(f"check_wheel: {options.wheel.name}: {size:.1f} MB, unpacked {unpacked:.1f} MB\n")
    return int(failed)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


if __name__ == "__main__":
    sys.exit(main())
