"""One run; see the head of the package."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import contextlib
import gc
import itertools
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import freshframe as ff
from night import own_process
from night.chaos.cameras import Cameras
from night.chaos.faults import Faults
from night.chaos.plant import KEPT, Plant
from night.chaos.receiver import Receiver

_PATIENCE = 90.0  # seconds after which something does not come back
_MJPEG, _RTSP, _FPS = 4, 1, 10.0
_MOST_GROWTH = 200 << 20  # bytes of memory from the first quarter to the end
_DISK = 16 << 20
_SEGMENT, _UNKNOWN_SIZE = b"\x18\x53\x80\x67", b"\x01" + 7 * b"\xff"  # as in Matroska, RFC 9559
_LEFT = 10.0  # seconds for threads that have ended to be gone


@contextlib.contextmanager
def _small_disk() -> Iterator[tuple[Path, Path | None]]:
    """A folder, and the same again if it is a separate disk that may be filled."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as place:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", place]
        mounted = (
            os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0
        )
        try:
            yield Path(place), Path(place) if mounted else None
        finally:
            if mounted:
                subprocess.run(["umount", "--lazy", place], check=False)


def _descriptors() -> Counter[str]:
    """The targets of the open descriptors, without numbers."""
    return Counter(re.sub(r"\d+", "N", name) for name in own_process.open_files().values())


def _comes_back(plant: Plant, cameras: Cameras) -> None:
    """After the faults each camera gives new pictures, and the spool sends what waits."""
    books, began = plant.books, time.monotonic()
    missing = {f"cam{camera}" for camera in range(len(cameras.urls)) if plant.is_there(camera)}
    reader = plant.pipeline.reader(plant.ports["quick"], queue=ff.Queue(8))
    while missing and time.monotonic() < began + _PATIENCE:
        with contextlib.suppress(ff.StalledError, ff.ReadTimeoutError):
            missing.discard(reader.get(1.0).source)
    reader.close()
    if missing:
        sources = {name: plant.pipeline.stats().nodes[name].source for name in missing}
        books.find(f"no picture of {sorted(missing)} in {_PATIENCE:g} s after the last fault: {sources}")
    while time.monotonic() < began + 2 * _PATIENCE:
        spool = plant.pipeline.stats().nodes["spool"].spool
        if spool is None or spool.waiting < 200:
            return
        time.sleep(0.2)
    books.find(f"the spool does not send after the last fault: {spool}")


def _check_receiver(plant: Plant, receiver: Receiver, stats: ff.stats.Stats, *, disk_was_full: bool) -> None:
    spool = stats.nodes["spool"].spool
    assert spool is not None
    gone = spool.expired + spool.lost  # includes refused ones
    if not len(receiver.refused) - gone <= spool.refused <= len(receiver.refused):
        plant.books.find(f"the receiver has refused {len(receiver.refused)} events; {spool}")
    again = [] if disk_was_full else receiver.findings  # it offers events again that it cannot put aside
    for finding in [*receiver.strange, *again]:
        plant.books.find(f"the spool: {finding}")
    if receiver.missing > gone:
        plant.books.find(f"the receiver misses {receiver.missing} events; {spool}")
    [edge] = [edge for edge in stats.edges if edge.child == "spool"]
    if edge.delivered != spool.sent + spool.refused + spool.waiting + gone:
        plant.books.find(f"the spool was given {edge.delivered} results, and has {spool}")
    if not 0 <= edge.delivered - receiver.taken <= spool.waiting + spool.refused + gone:
        plant.books.find(f"the spool was given {edge.delivered}, the receiver has {receiver.taken}; {spool}")


def _has_its_end(path: Path) -> bool:
    """Whether a Matroska file says how long its segment is, which is written at its end."""
    with path.open("rb") as file:
        head = file.read(200)
    at = head.find(_SEGMENT)
    return at >= 0 and head[at + 4 : at + 12] != _UNKNOWN_SIZE


def without_an_end(files: list[Path], full: list[tuple[float, float]]) -> list[Path]:
    """Recordings that were closed without an end while the disk had room. `full`: when it had none.

    One is closed between its last write and its successor's, if it has one.
    """
    found = []
    for path, successor in itertools.zip_longest(files, files[1:]):
        name = path.name.rpartition("_")[0]
        has_one = successor is not None and successor.name.rpartition("_")[0] == name
        until = successor.stat().st_mtime if has_one else math.inf
        wrote = path.stat().st_mtime
        if not _has_its_end(path) and not any(begin <= until and wrote <= end for begin, end in full):
            found.append(path)
    return found


def _check_files(plant: Plant, full: list[tuple[float, float]]) -> None:
    """The recordings can be read, and each line is whole. `full`: when the disk was."""
    files = sorted(plant.disk.glob("*.mkv"))
    for path in without_an_end(files, full):
        plant.books.find(f"{path.name}, {path.stat().st_size} bytes, has no end")
    for path in files:
        if path.stat().st_size < 1000:
            continue  # the disk was full when it began
        if path.name.startswith("copy") and plant.books.had(_MJPEG):
            continue  # it has what the camera has sent
        with _found(plant, f"{path.name} cannot be read", ff.FreshframeError):
            times = [sample.pts for sample in ff.stream(ff.open(path))]
            if times != sorted(times):
                plant.books.find(f"{path.name}: times in this order: {times}")
    for name in {path.name.rpartition("_")[0] for path in plant.disk.glob("*.mkv")}:
        sizes = [path.stat().st_size for path in plant.disk.glob(f"{name}_*.mkv")]
        if sum(sizes) > KEPT + 2 * max(sizes):
            plant.books.find(f"keep_bytes= leaves {sum(sizes)} bytes of {name} in {len(sizes)} files")
    for path in sorted(plant.disk.glob("*.jsonl")):
        lines = path.read_bytes().split(b"\n")
        for line in lines[:-1]:
            with _found(plant, f"{path.name} has the line {line[:80]!r}", ValueError):
                json.loads(line)


@contextlib.contextmanager
def _found(plant: Plant, what: str, *errors: type[Exception]) -> Iterator[None]:
    """An exception of such a type is a finding."""
    try:
        yield
    except errors as error:
        plant.books.find(f"{what}: {error}")


def run(seed: int, seconds: float) -> dict[str, Any]:
    """One run: its faults, what was found, and figures."""
    threads, descriptors = own_process.threads(), _descriptors()
    with _small_disk() as (folder, disk), contextlib.closing(Cameras(_MJPEG, _RTSP, _FPS)) as cameras:
        receiver = Receiver()
        plant = Plant(cameras, receiver, folder)
        books = plant.books
        threading.excepthook = lambda failed: books.find(f"{failed.thread}: {failed.exc_value!r}")
        with (
            contextlib.closing(Faults(seed, plant, cameras, receiver, disk)) as faults,
            plant.pipeline,
        ):
            began, early = time.monotonic(), 0
            while (past := time.monotonic() - began) < seconds:
                if past > seconds / 4 and not early:
                    early = own_process.memory()
                try:
                    faults.one()
                except Exception as error:
                    books.find(f"{faults.latest}, or the end of an earlier fault, raised {error!r}")
                    if not isinstance(error, ff.FreshframeError):
                        raise
                if plant.pipeline.wait(0.3):
                    break
            grown = own_process.memory() - early if early else 0
            if plant.pipeline.wait(0):
                books.find("the pipeline has ended")
            else:
                faults.end()
                _comes_back(plant, cameras)
            faults.close()
            with _found(plant, "stop()", ff.StopTimeoutError):
                plant.pipeline.stop(60)
        stats = plant.pipeline.stats()
        plant.pipeline.serve().close()
        books.audit(stats)
        disk_was_full = disk is not None and faults.counts["disk full"] > 0
        _check_receiver(plant, receiver, stats, disk_was_full=disk_was_full)
        _check_files(plant, faults.full)
        if grown > _MOST_GROWTH:
            books.find(f"memory grew by {grown >> 20} MiB in {seconds:g} s")
        findings, counts = list(books.findings), faults.counts
        figures = {
            "memory grown MiB": grown >> 20,
            "pictures": sum(calls.total() for calls in books.sources.values()),
            "events": receiver.taken,
            "events again": receiver.again,
        }
    del plant, faults
    gc.collect()
    ends = time.monotonic() + _LEFT
    while own_process.threads() > threads and time.monotonic() < ends:
        time.sleep(0.05)
    left = _descriptors() - descriptors
    if left or own_process.threads() > threads:
        findings.append(
            f"afterwards there are {dict(left)} more, {own_process.threads()} threads, not {threads}"
        )
    return {"faults": dict(counts), "findings": findings, "figures": figures}


def main() -> int:
    """The exit code: 4 if something was found."""
    parser = argparse.ArgumentParser(prog="python -m night.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    first = run(given.seed, 0)  # afterwards all that a process makes once is there
    verdict = run(given.seed, given.seconds)
    once = [each for each in first["findings"] if not each.startswith("afterwards")]
    verdict["findings"] += once
    print(json.dumps(verdict))
    return 4 if verdict["findings"] else 0


if __name__ == "__main__":
    sys.exit(main())
