"""Fetches a Debian kernel, QEMU and a static busybox into a folder, without installing anything."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


class CannotRunError(Exception):
    """The guest cannot be had on this machine; the message says why and what to do."""


@dataclass(frozen=True)
class Guest:
    """The needs of QEMU."""

    kernel: Path
    modules: Path  # the folder that holds kernel/drivers/...
    busybox: Path
    qemu: list[str]  # how it is called


def fetch(folder: Path) -> Guest:
    """Downloads the missing packages, once, and unpacks them below `folder`.

    Raises:
        CannotRunError: Not Debian, another processor, or a package that cannot be had.
    """
    if platform.machine() != "x86_64":
        raise CannotRunError(f"the guest is made for x86-64, and this is {platform.machine()}")
    for tool in ("apt-get", "apt-cache", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise CannotRunError(f"{tool} is missing: the guest's kernel is fetched as a Debian package")
    root = folder / "root"
    kernel = _kernel_package()
    wanted = {kernel, "busybox-static"}
    qemu = shutil.which("qemu-system-x86_64")
    if qemu is None:
        wanted |= _with_what_is_missing("qemu-system-x86")
    _unpack(wanted, folder, root)
    version = kernel.removeprefix("linux-image-")
    modules = root / "lib/modules" / version
    if not modules.is_dir():
        modules = root / "usr/lib/modules" / version
    return Guest(
        kernel=root / "boot" / f"vmlinuz-{version}",
        modules=modules,
        busybox=next(path for path in (root / "bin/busybox", root / "usr/bin/busybox") if path.exists()),
        qemu=[qemu] if qemu else _unpacked_qemu(root),
    )


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotRunError(f"{' '.join(command)} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _kernel_package() -> str:
    """The package that linux-image-amd64 stands for, for example linux-image-6.1.0-50-amd64."""
    try:
        known = _output("apt-cache", "depends", "linux-image-amd64")
    except CannotRunError as error:
        raise CannotRunError(f"{error}; is this Debian, and did 'apt-get update' run?") from error
    match = re.search(r"Depends: (linux-image-\S+-amd64)", known)
    if match is None:
        raise CannotRunError("apt's lists name no kernel package: run 'apt-get update' on a Debian")
    return match[1]


def _with_what_is_missing(package: str) -> set[str]:
    """The package with those of its dependencies that this system lacks."""
    plan = _output("apt-get", "install", "--simulate", "--no-install-recommends", package)
    return set(re.findall(r"^Inst (\S+)", plan, re.MULTILINE))


def _unpack(packages: set[str], folder: Path, root: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "unpacked"
    known = set(done.read_text().split()) if done.exists() else set()
    missing = sorted(packages - known)
    if not missing:
        return
    print(f"fetching {len(missing)} packages into {folder}", flush=True)
    done_now = subprocess.run(
        ["apt-get", "download", "-qq", *missing], cwd=folder, capture_output=True, text=True, check=False
    )
    if done_now.returncode != 0:
        why = done_now.stderr.strip()
        raise CannotRunError(f"apt-get download failed: {why}; try 'apt-get update' first")
    for archive in sorted(folder.glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", str(archive), str(root)], check=True)
        archive.unlink()
    done.write_text("\n".join(sorted(known | packages)))


def _unpacked_qemu(root: Path) -> list[str]:
    libraries = ":".join(
        str(root / folder) for folder in ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu")
    )
    firmware = [
        argument
        for folder in ("usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu")
        for argument in ("-L", str(root / folder))
    ]
    return ["env", f"LD_LIBRARY_PATH={libraries}", str(root / "usr/bin/qemu-system-x86_64"), *firmware]
