"""Scripts take Debian's mirrors from the machine's apt, and name no host themselves."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from rigs.watchdog import LONG_WATCHDOG, run_to_end

ROOT = Path(__file__).resolve().parents[3]
APT = """#!/bin/sh
echo 'Debian-Security https://mirror.example/security/'
echo 'Debian https://mirror.example/debian/'
echo 'Debian https://mirror.example/debian/'
"""


def mirror_of(archive: str, tmp_path: Path, apt: str, **variables: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "apt-get").write_text(apt)
    (tmp_path / "apt-get").chmod(0o755)
    return run_to_end(
        ["bash", "-euc", ". tools/debian-mirror.sh; debian_mirror " + archive],
        cwd=ROOT,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", **variables},
        timeout=LONG_WATCHDOG,
    )


@pytest.mark.parametrize(
    ("archive", "address"),
    [("Debian", "https://mirror.example/debian"), ("Debian-Security", "https://mirror.example/security")],
)
def test_the_mirror_is_the_one_of_this_machine(tmp_path: Path, archive: str, address: str) -> None:
    assert mirror_of(archive, tmp_path, APT).stdout == address + "\n"


def test_a_variable_comes_before_apt(tmp_path: Path) -> None:
    ended = mirror_of("Debian", tmp_path, APT, DEBIAN_MIRROR="https://other.example/")
    assert ended.stdout == "https://other.example\n"


def test_without_a_list_the_error_names_what_to_do(tmp_path: Path) -> None:
    ended = mirror_of("Debian", tmp_path, "#!/bin/sh\n")
    assert ended.returncode == 1
    assert "run apt-get update, or set DEBIAN_MIRROR" in ended.stderr
