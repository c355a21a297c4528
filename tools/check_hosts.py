#!/usr/bin/env python3
"""Fails if a file contains the host of a package registry: clients have their own setting, or a mirror.

Ignores lock files.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOSTS = {
    "Debian": r"(?:deb|ftp[.\w]*|security|snapshot)\.debian\.org",
    "Ubuntu": r"(?:archive|ports|security)\.ubuntu\.com",
    "Python": r"pypi\.org|pythonhosted\.org|conda\.anaconda\.org",
    "Node.js": r"registry\.(?:npmjs|yarnpkg)\.(?:org|com)|npmjs\.com",
    "Rust": r"(?:static\.|index\.)?crates\.io",
    "Go": r"(?:proxy|sum)\.golang\.org",
    "Java": r"(?:repo1?|central|search)\.maven\.(?:org|apache\.org)|repo\.maven\.apache\.org",
    "Ruby": r"rubygems\.org",
    "images": r"docker\.io|registry\.hub\.docker\.com|quay\.io",
}
HOST = re.compile("|".join(f"(?:{pattern})" for pattern in HOSTS.values()))
LOCK_FILES = re.compile(r"(^|/)[\w.-]*(\.lock|-lock\.json|go\.sum)$")
OWN = {"tools/check_hosts.py"}


def found_in(text: str) -> Iterator[tuple[int, str]]:
    """Yields the hosts in a string with their lines."""
    for number, line in enumerate(text.splitlines(), 1):
        for match in HOST.finditer(line):
            yield number, match[0]


def main() -> int:
    """Prints a line for each host. The exit status is 1 if there are any."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    failed = False
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if LOCK_FILES.search(name) or name in OWN or path.is_symlink() or not path.is_file():
            continue
        data = path.read_bytes()
        if b"\0" in data:
            continue
        for line, host in found_in(data.decode(errors="replace")):
            print(f"{name}:{line}: {host} is a host of packages: the client knows its own")
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
