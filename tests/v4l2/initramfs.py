"""Makes the guest's first file system: busybox, the kernel's modules for vivid, a script that starts all."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import gzip
import lzma
import re
from collections.abc import Iterator
from pathlib import Path

_WANTED = ("virtio_pci", "9pnet_virtio", "9p", "overlay", "vivid")

# The guest sees the host's files read-only, with a layer in memory above them.
_INIT = """#!/bin/busybox sh
export PATH=/bin
/bin/busybox mkdir -p /bin /proc /sys /dev /lower /upper /whole
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for module in $(cat /modules); do
  case $module in
    */vivid.ko) insmod $module n_devs=2 node_types=0x1,0x1 input_types=0x0,0x0 num_inputs=1,1 ;;
    *) insmod $module ;;
  esac || echo "insmod $module failed"
done
mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=loose,ro host /lower || echo "9p failed"
mount -t tmpfs tmpfs /upper; mkdir -p /upper/files /upper/work
layers=lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work
mount -t overlay -o $layers overlay /whole || echo "overlay failed"
mount --move /dev /whole/dev; mount -t proc proc /whole/proc; mount -t sysfs sys /whole/sys
mkdir -p /whole/dev/shm; mount -t tmpfs shm /whole/dev/shm; mount -t tmpfs tmp /whole/tmp
ip link set lo up
command=$(sed 's/.*guest_command=//' /proc/cmdline)
chroot /whole /bin/bash -c "$command"
echo "guest: exit code $?"
echo o > /proc/sysrq-trigger
sleep 10
"""


def build(modules: Path, busybox: Path, output: Path) -> None:
    """Writes the gzipped archive.

    Args:
        modules: lib/modules/VERSION of an unpacked kernel package.
        busybox: A static one.
        output: The file to write.
    """
    known = {_name(path): path for path in modules.glob("kernel/**/*.ko*")}
    order: list[str] = []
    for name in _WANTED:
        _add(name, known, order)
    entries: list[tuple[str, int, bytes]] = [("bin", 0o040755, b""), ("lib", 0o040755, b"")]
    entries.append(("bin/busybox", 0o100755, busybox.read_bytes()))
    entries.append(("init", 0o100755, _INIT.encode()))
    entries.append(("modules", 0o100644, "".join(f"/lib/{name}.ko\n" for name in order).encode()))
    entries += [(f"lib/{name}.ko", 0o100644, _content(known[name])) for name in order]
    output.write_bytes(gzip.compress(b"".join(_archive(entries)), 1))


def _name(path: Path) -> str:
    return path.name.split(".")[0].replace("-", "_")


def _content(path: Path) -> bytes:
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def _add(name: str, known: dict[str, Path], order: list[str]) -> None:
    """Adds a module after the modules that it needs. A module built into the kernel has no file."""
    if name in order or name not in known:
        return
    match = re.search(rb"\x00depends=([^\x00]*)\x00", _content(known[name]))
    for needed in match[1].decode().split(",") if match else ():
        _add(needed.replace("-", "_"), known, order)
    order.append(name)


def _archive(entries: list[tuple[str, int, bytes]]) -> Iterator[bytes]:
    """The cpio format "newc" (cpio(5)): hexadecimal headers, everything padded to 4 bytes."""
    for number, (name, mode, data) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\x00"
        yield header + b"\x00" * (-len(header) % 4)
        yield data + b"\x00" * (-len(data) % 4)
