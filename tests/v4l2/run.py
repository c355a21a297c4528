"""Runs in_guest.py against the kernel's virtual cameras (vivid), in a QEMU guest: ./dev test-v4l2."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, os.fspath(Path(__file__).parent))

import fetch
import initramfs

_ROOT = Path(__file__).resolve().parents[2]
_SECONDS = 400  # software emulation on a busy machine


def main() -> int:
    """Returns 0 when every check passed, 1 when not, 3 when the guest cannot run here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checks", nargs="*", help="names of checks; default: all")
    parser.add_argument("--folder", type=Path, default=_ROOT / "build/v4l2", help="where the guest is kept")
    options = parser.parse_args()
    try:
        guest = fetch.fetch(options.folder)
    except fetch.CannotRunError as error:
        print(f"the tests with virtual cameras cannot run here: {error}", file=sys.stderr)
        return 3
    disk = options.folder / "initramfs.gz"
    initramfs.build(guest.modules, guest.busybox, disk)
    return _run(guest, disk, options.checks)


def _run(guest: fetch.Guest, disk: Path, checks: list[str]) -> int:
    script = shlex.join([sys.executable, os.fspath(_ROOT / "tests/v4l2/in_guest.py"), *checks])
    environment = f"PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/tmp PYTHONPATH={_ROOT / 'python'}"
    kernel_line = f"console=ttyS0 quiet panic=-1 guest_command={environment} {script}"
    command = [
        *guest.qemu,
        *("-accel", "tcg", "-cpu", "max", "-m", "1024", "-smp", "2"),
        *("-nographic", "-no-reboot", "-nic", "none"),
        *("-kernel", os.fspath(guest.kernel), "-initrd", os.fspath(disk)),
        *("-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"),
        *("-append", kernel_line),
    ]
    began = time.monotonic()
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_SECONDS,
            check=False,
        )
        output = done.stdout
    except subprocess.TimeoutExpired as error:
        output = (error.stdout or b"") + b"\nguest: not finished in time, killed\n"
    text = output.decode(errors="replace").replace("\r", "")
    print(text)
    print(f"guest: {time.monotonic() - began:.0f} s")
    return 0 if "guest: exit code 0" in text else 1


if __name__ == "__main__":
    sys.exit(main())
