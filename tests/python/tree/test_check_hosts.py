"""No file of the tree names a host of packages."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sys

import pytest
from rigs.tool_modules import TOOLS, load_tool
from rigs.watchdog import LONG_WATCHDOG, run_to_end

check = load_tool("check_hosts")


@pytest.mark.parametrize(
    "text",
    [
        "  DEBIAN_MIRROR: https://deb.debian.org/debian",
        "deb http://ftp.de.debian.org/debian bookworm main",
        "[freshframe](https://pypi.org/project/freshframe/)",
        "https://files.pythonhosted.org/packages/a.whl",
        "npm install --registry https://registry.npmjs.org",
        "https://repo1.maven.org/maven2/org/bytedeco",
        "https://repo.maven.apache.org/maven2",
        "https://index.crates.io/",
        "GOPROXY=https://proxy.golang.org",
        "IMAGE_BASE: docker.io/library/debian:12-slim",
    ],
)
def test_a_host_of_packages_is_found(text: str) -> None:
    assert [line for line, _ in check.found_in(f"first\n{text}\n")] == [2]


@pytest.mark.parametrize(
    "text",
    [
        "https://www.debian.org/releases",
        "pip install freshframe",
        "https://mirror.example/debian",
        "debian:12",
    ],
)
def test_other_addresses_pass(text: str) -> None:
    assert list(check.found_in(text)) == []


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("Cargo.lock", True), ("web/package-lock.json", True), ("go.sum", True), ("dev", False)],
)
def test_lock_files_are_left_out(name: str, is_one: bool) -> None:
    assert (check.LOCK_FILES.search(name) is not None) == is_one


def test_the_tree_names_none() -> None:
    ended = run_to_end([sys.executable, TOOLS / "check_hosts.py"], timeout=LONG_WATCHDOG)
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr
